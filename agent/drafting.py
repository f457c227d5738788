"""The drafting prompt for one question: who asks, in which language, how urgent it is, an answer or a document.

It says only what holds of this question. A small model repeats what does not: told what to do "if a colleague asks", it
begins its answer to a patient with it.
"""

from langchain_core.messages import BaseMessage, SystemMessage

from agent.conversation import as_messages
from agent.document import wants_document
from agent.language import LANGUAGES, in_english, language_of
from agent.llm.client import Model
from agent.prompts import prompt
from agent.rubric import Search
from principles.errors import ModelError
from principles.grader import Turns
from principles.schema import Scenario, Urgency

# So short a turn does not tell its language.
FEW_WORDS = 3


def draft_messages(turns: Turns, scenario: Scenario, document: bool) -> list[BaseMessage]:
    """What the model is given to draft an answer from: see `draft_prompt`."""
    system = draft_prompt(scenario, language_asked(turns), document)
    return [SystemMessage(system), *as_messages(turns)]


def messages_for(turns: Turns, search: Search, model: Model) -> list[BaseMessage]:
    """The same for a conversation alone, without the rest of the agent."""
    try:
        english = in_english(turns, model)
    except ModelError:
        english = turns
    kind = search.scenario(english, said=turns[-1]["content"])
    return draft_messages(turns, kind, wants_document(english, kind))


def draft_prompt(scenario: Scenario, language: str, document: bool) -> str:
    """The system message. `language` is an ISO 639-1 code."""
    named = LANGUAGES.get(language)
    emergent = scenario.urgency is Urgency.EMERGENT and not document
    return prompt(
        "draft_for",
        reader=prompt(f"draft_{scenario.expertise}"),
        # A document may be a translation: its language is the task's.
        language=f"Write in {named}." if named and not document else "",
        form=prompt("draft_document" if document else "draft_advice"),
        urgency=f"{prompt('draft_emergent')} " if emergent else "",
    )


def language_asked(turns: Turns) -> str:
    """The language to answer in: the question's, or where that is a word or two, the conversation's."""
    said = [turn["content"] for turn in turns if turn["role"] == "user"]
    last = language_of(said[-1])
    return language_of("\n".join(said)) if last == "en" and len(said[-1].split()) < FEW_WORDS else last
