"""What goes through the graph. Plain types only, so that any checkpointer can keep it."""

from dataclasses import dataclass
from operator import add
from typing import Annotated, Any, Literal, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages


@dataclass(frozen=True)
class Context:
    """What a caller may set for one run, `agent.invoke(..., context=Context(max_rounds=2))`.

    `max_rounds` is the most rounds of revision (0: the draft is graded and returned as it is); `top_k` the
    most principles in a rubric, unless more are mandatory; `revise` is "edits" (any model) or "rewrite" (for a
    strong model); `temperature` and `seed` are for the draft and rewrites, verdicts are always greedy.
    """

    max_rounds: int = 1
    top_k: int = 6
    revise: Literal["edits", "rewrite"] = "edits"
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        from principles.errors import ConfigError

        if not 0 <= self.max_rounds <= 10:
            raise ConfigError(f"max_rounds is {self.max_rounds}: it must be from 0 to 10")
        if not 1 <= self.top_k <= 50:
            raise ConfigError(f"top_k is {self.top_k}: it must be from 1 to 50")
        if self.revise not in ("edits", "rewrite"):
            raise ConfigError(f'revise is {self.revise!r}: it must be "edits" or "rewrite"')
        if not 0 <= self.temperature <= 2:
            raise ConfigError(f"temperature is {self.temperature}: it must be from 0 to 2")


def sum_counts(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Reducer for usage and timings: parallel and repeated stages add up."""
    return {
        key: round(left.get(key, 0) + right.get(key, 0), 3) for key in [*left, *(k for k in right if k not in left)]
    }


class Input(TypedDict):
    """The conversation, ending with the user's question."""

    messages: Annotated[list[AnyMessage], add_messages]


class Output(TypedDict):
    """`principles` are {id, statement, similarity, mandatory, points, safety_critical, sources};
    `rubric` {criteria, draft, final}, where draft and final are grades, or None where not graded;
    `edits` those that were kept; `reviewed` whether the answer was checked at all, and `coverage` the share of the
    rubric's criteria that were judged, in [0, 1], 0 where there was nothing to check;
    `usage` {calls, prompt_tokens, completion_tokens}; `timings` seconds by stage."""

    messages: Annotated[list[AnyMessage], add_messages]
    answer: str
    draft: str
    scenario: dict[str, Any]
    principles: list[dict[str, Any]]
    rubric: dict[str, Any]
    rounds: int
    edits: list[dict[str, Any]]
    reviewed: bool
    coverage: float
    warnings: Annotated[list[str], add]
    usage: Annotated[dict[str, int], sum_counts]
    timings: Annotated[dict[str, float], sum_counts]


class State(Output):
    """`english` are the turns as scenario and search read them, `document` whether it
    asks for one; `versions` the graded answers so far, {answer, grade, edits}, draft first; `pending` awaits its grade;
    `ended` once a round has failed."""

    turns: list[dict[str, str]]
    english: list[dict[str, str]]
    document: bool
    ended: bool
    versions: list[dict[str, Any]]
    pending: dict[str, Any] | None
