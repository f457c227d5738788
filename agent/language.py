"""Which language a text is in, and what a person wrote in English, for the parts that read nothing else.

The encoder, the classifier's cues and words, and the library are English: to them a heart attack told in Spanish is
small talk. So the model translates first. The draft and the critique read what the person wrote.
"""

import re

from langchain_core.messages import HumanMessage, SystemMessage

from agent.critic.quoting import quoted
from agent.llm.client import Model
from agent.prompts import prompt
from principles.errors import ModelError
from principles.grader import Turns

# Nats by which another language must be likelier than English. At 13 none of 966 patients' questions in English and
# none of 6,637 others is taken for another language, short ones and those of abbreviations included.
FOREIGN_FROM = 13.0
# What medical English without verbs looks like to py3langid.
_LIKE_ENGLISH = frozenset({"en", "la"})
# Where a fifth of the words are these it is English, and the model of languages need not be loaded, which takes a
# second. Of 379 questions in other languages none has so many, of those in English most.
_COMMON = re.compile(
    r"\b(?:the|is|my|what|how|should|with|have|has|does|been|this|that|are|you|and|of|for|can|it|i'm|i've|i)\b",
    re.IGNORECASE,
)
_ENOUGH, _FIFTH = 2, 0.2
# The question, and what it may refer to.
TURNS = 3
# Of a longer turn the start and the end: the encoder reads no more of it either.
HALF = 600
TRANSLATION_TOKENS = 400


def language_of(text: str) -> str:
    """The ISO 639-1 code of a text's language, guessed. The first call takes a second."""
    import py3langid

    return str(py3langid.classify(text)[0])


def is_english(text: str) -> bool:
    """Whether a text is in English, as far as can be told: what is in doubt counts as English."""
    common = len(_COMMON.findall(text))
    if common >= _ENOUGH and common >= _FIFTH * len(text.split()):
        return True
    import py3langid

    ranked = py3langid.rank(text)
    likeliest, chance = ranked[0]
    return likeliest in _LIKE_ENGLISH or chance - dict(ranked)["en"] < FOREIGN_FROM


def in_english(turns: Turns, model: Model) -> Turns:
    """The turns with the user's in English; of a conversation in another language the last few.

    The model is asked only where a turn is in another language. Raises ModelError where it cannot be translated.
    """
    foreign = {i for i, turn in enumerate(turns) if turn["role"] == "user" and not is_english(turn["content"])}
    if not foreign:
        return turns
    users = [i for i, turn in enumerate(turns) if turn["role"] == "user"]
    kept = range(users[-TURNS:][0], len(turns))
    return [
        {**turns[i], "content": _translated(turns[i]["content"], model)} if i in foreign else turns[i] for i in kept
    ]


def _translated(text: str, model: Model) -> str:
    shown = text if len(text) <= 2 * HALF else f"{text[:HALF]} … {text[-HALF:]}"
    messages = [SystemMessage(prompt("translate_system")), HumanMessage(prompt("translate", text=quoted(shown)))]
    english = model.text(messages, TRANSLATION_TOKENS, aloud=False)
    if not is_english(english):
        raise ModelError("the model did not translate it")
    return english
