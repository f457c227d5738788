"""Where the answers come from that are evaluated: the agent, its draft alone, or a file.

Each source is a function from an item to an `Answer`. It raises ModelError or InputError where it fails
on this item; whatever would fail on every item is raised before, when the source is made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from principles.lines import IDS
from principles.records import fault, records
from training.common.items import Item

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage

    from agent.llm.client import Model
    from agent.rubric import Search


@dataclass(frozen=True)
class Answer:
    """`reviewed` is whether the agent's critic could do its work; None where there is no critic."""

    text: str
    reviewed: bool | None = None


Answers = Callable[[Item], Answer]


def model_answers(name: str, model: str | None, base_url: str | None) -> Answers:
    """The source `agent` or `draft`, on the endpoint that `resolve_endpoint(model, base_url)` gives.

    Raises ConfigError, ModelError, WeightsError or ServerError.
    """
    # Seconds of imports: not before they are wanted.
    from agent.llm.adapter import named_adapter
    from agent.llm.endpoint import resolve_endpoint
    from agent.llm.progress import rich_progress

    with rich_progress() as report:
        endpoint = resolve_endpoint(model, base_url, report, named_adapter(base_url))
    if name == "agent":
        from agent import build_agent

        # The embedded server runs once a process, so this is the endpoint above.
        agent = build_agent(profile=model, base_url=base_url)

        def reviewed(item: Item) -> Answer:
            result = agent.invoke({"messages": messages_of(item)})
            return Answer(result["answer"], result["reviewed"])

        return reviewed

    from agent.llm.client import Model, chat_model
    from agent.resources import load_search

    writer, search = Model(chat_model(endpoint)), load_search()
    return lambda item: Answer(draft(writer, item, endpoint.context_tokens, search))


def draft(writer: "Model", item: Item, context_tokens: int | None, search: "Search") -> str:
    """The agent's draft and nothing after it: the same prompt, sampling and limits as its draft stage."""
    from agent.conversation import turns_of, within_context
    from agent.drafting import messages_for
    from agent.state import DRAFT_TOKENS

    turns, _ = within_context(turns_of(messages_of(item)), context_tokens)
    return writer.text(messages_for(turns, search, writer), DRAFT_TOKENS)


def messages_of(item: Item) -> "list[AnyMessage]":
    """The conversation as LangChain messages, as an app would hand it to the agent."""
    from langchain_core.messages import AIMessage, HumanMessage

    return [(HumanMessage if turn["role"] == "user" else AIMessage)(turn["content"]) for turn in item.turns]


def read_answers(path: Path) -> dict[str, str]:
    """Responses by key or prompt_id, from a file of records {key, prompt_id or id, response}.

    A record whose response is null is passed over, so that the items.jsonl of an evaluation can be read.
    Raises ConfigError.
    """
    answers: dict[str, str] = {}
    for place, record in records(path):
        names = {str(record[field]) for field in IDS if record.get(field)}
        if not names:
            raise fault(path, place, "it has neither key nor prompt_id nor id")
        if "response" not in record:
            raise fault(path, place, "it has no response")
        response = record["response"]
        if response is None:
            continue
        if not isinstance(response, str):
            raise fault(path, place, "its response is not text")
        for name in names:
            if answers.setdefault(name, response) != response:
                raise fault(path, place, "an earlier record has another response to the same item: keep one of them")
    return answers


def file_answer(answers: dict[str, str], item: Item) -> str | None:
    """The response to `item`, or None."""
    return answers.get(item.key, answers.get(item.prompt_id or ""))
