"""From LangChain messages to the plain turns that prompts, scenario and rubric are about."""

from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage

from agent.critic.quoting import neutral
from agent.llm.sendable import sendable
from principles.errors import InputError
from principles.grader import Turns

# Tokens kept free for instructions, criterion, draft and what revision adds.
RESERVED_TOKENS = 2_000
DEFAULT_CONTEXT_TOKENS = 32_768
# No tokenizer of a likely model makes more than one token of three bytes on average over a text.
LEAST_BYTES_A_TOKEN = 3


def turns_of(messages: Sequence[AnyMessage]) -> Turns:
    """The user's and the assistant's turns, oldest first, ending with the question.

    Characters that no endpoint takes are replaced. Raises InputError where there is no question.
    """
    turns = [
        {"role": "user" if isinstance(message, HumanMessage) else "assistant", "content": sendable(str(message.text))}
        for message in messages
        if isinstance(message, HumanMessage | AIMessage)
    ]
    if not turns or turns[-1]["role"] != "user":
        raise InputError("there is no question: the last message must be the user's")
    if not turns[-1]["content"].strip():
        raise InputError("the question is empty: write what you want to know")
    return turns


def within_context(turns: Turns, context_tokens: int | None = None) -> Turns:
    """The turns without the oldest where they are too long for the context.

    Raises InputError where the question alone does not fit.
    """
    room = ((context_tokens or DEFAULT_CONTEXT_TOKENS) - RESERVED_TOKENS) * LEAST_BYTES_A_TOKEN
    size = _bytes(turns[-1])
    if size > room:
        raise InputError(
            f"the question is too long: {size:,} bytes, and this model's context has room for {room:,}. "
            "Shorten it, or use a model with a longer context"
        )
    first = len(turns) - 1
    while first > 0 and size + _bytes(turns[first - 1]) <= room:
        first -= 1
        size += _bytes(turns[first])
    return [turn for turn in turns[first:] if turn["content"].strip()]


def question_in_context(turns: Turns) -> str:
    """What to search principles for: the last question, and the user's earlier ones before it."""
    return "\n".join(turn["content"] for turn in turns if turn["role"] == "user")


def as_messages(turns: Turns) -> list[BaseMessage]:
    """The turns as chat messages, for the draft; marks of chat templates in them are broken up."""
    return [(HumanMessage if t["role"] == "user" else AIMessage)(neutral(t["content"])) for t in turns]


def _bytes(turn: object) -> int:
    assert isinstance(turn, dict)
    return len(turn["content"].encode())
