"""What goes through the graph. Plain types only, so that any checkpointer can keep it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import add, or_
from typing import Annotated, Any, Literal, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.channels import EphemeralValue
from langgraph.graph.message import add_messages
from langgraph.types import Overwrite
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from principles.errors import ConfigError

DRAFT_TOKENS = 600
# How the warning begins that a draft is not whole.
CUT = "the draft ran into its limit"


@dataclass(frozen=True)
class Context:
    """What a caller may set for one run, `agent.invoke(..., context=Context(max_rounds=2))`.

    `max_rounds` is the most rounds of revision (0: the draft is graded and returned as it is); `top_k` the
    most principles in a rubric, unless more are mandatory; `revise` is "edits" (any model) or "rewrite" (for a
    strong model); `temperature` and `seed` are for the draft and rewrites, verdicts are always greedy; `facts` says
    whether the draft is compared with the knowledge cards; `draft_tokens` is the longest that a draft may be, in
    tokens; `timeout_s` is the time of the whole question in seconds, for all that the model is asked together: what is
    done by then is returned and marked `timed_out`.
    """

    max_rounds: int = 1
    top_k: int = 6
    revise: Literal["edits", "rewrite"] = "edits"
    temperature: float = 0.0
    seed: int = 0
    facts: bool = True
    draft_tokens: int = DRAFT_TOKENS
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.max_rounds <= 10:
            raise ConfigError(f"max_rounds is {self.max_rounds}: it must be from 0 to 10")
        if not 1 <= self.top_k <= 50:
            raise ConfigError(f"top_k is {self.top_k}: it must be from 1 to 50")
        if self.revise not in ("edits", "rewrite"):
            raise ConfigError(f'revise is {self.revise!r}: it must be "edits" or "rewrite"')
        if not 0 <= self.temperature <= 2:
            raise ConfigError(f"temperature is {self.temperature}: it must be from 0 to 2")
        if not 1 <= self.draft_tokens <= DRAFT_TOKENS:
            raise ConfigError(f"draft_tokens is {self.draft_tokens}: it must be from 1 to {DRAFT_TOKENS}")
        if self.timeout_s is not None and not 0 < self.timeout_s < math.inf:
            raise ConfigError(f"timeout_s is {self.timeout_s}: it must be a number of seconds above 0, or None")


def context_of(given: Any) -> Context:
    """The settings of a run: its context, or the defaults. Where the agent is the subgraph of a program, they are what
    the program's own context has as `clinalign`. Raises ConfigError where that is no Context."""
    if isinstance(given, Context):
        return given
    own = given.get("clinalign") if isinstance(given, Mapping) else getattr(given, "clinalign", None)
    if own is not None and not isinstance(own, Context):
        raise ConfigError("clinalign in the program's context must be an agent.Context, or left out")
    return own or Context()


def sum_counts(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Reducer for usage and timings: parallel and repeated stages add up."""
    return {
        key: round(left.get(key, 0) + right.get(key, 0), 3) for key in [*left, *(k for k in right if k not in left)]
    }


class Input(TypedDict):
    """The conversation, ending with the user's question; and an answer to it to be reviewed, whoever wrote that.

    Without `draft` the model writes one.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    draft: NotRequired[str]


class Output(TypedDict):
    """`principles` are {id, kind, statement, similarity, mandatory, points, safety_critical, sources}, `kind` being
    "principle" or "fact", a knowledge card that the draft contradicts;
    `rubric` {criteria, draft, final}, where draft and final are grades, or None where not graded;
    `edits` those that were kept; `reviewed` whether the answer was checked at all, and `coverage` the share of the
    rubric's criteria that were judged, in [0, 1], 0 where there was nothing to check; `timed_out` whether
    `Context.timeout_s` cut the draft or the review short;
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
    timed_out: Annotated[bool, or_]
    warnings: Annotated[list[str], add]
    usage: Annotated[dict[str, int], sum_counts]
    timings: Annotated[dict[str, float], sum_counts]


class State(Output):
    """`draft` and `answer` last for one step: the input's draft until `prepare` has read it, and what `choose` writes,
    which a next turn drops before anything else. In between the draft is `drafted`.

    `given` says that the draft is the input's; `english` are the turns as scenario and search read them, empty where
    that is as they were said; `document` whether it asks for one; `versions` the graded answers so far, {answer, grade,
    edits}, draft first; `pending` awaits its grade; `ended` once a round has failed."""

    draft: Annotated[str, EphemeralValue]
    answer: Annotated[str, EphemeralValue]
    given: bool
    drafted: str
    english: list[dict[str, str]]
    document: bool
    ended: bool
    versions: list[dict[str, Any]]
    pending: dict[str, Any] | None


class Begun(State):
    """What the graph is given: `Input` and `blank`, so that nothing of an earlier turn is shown as of this one."""


def blank() -> dict[str, Any]:
    """What a question starts with."""
    return {
        "given": False,
        "drafted": "",
        "english": [],
        "scenario": {},
        "document": False,
        "principles": [],
        "rubric": {"criteria": [], "draft": None, "final": None},
        "versions": [],
        "pending": None,
        "rounds": 0,
        "edits": [],
        "warnings": Overwrite([]),
        "usage": Overwrite({}),
        "timings": Overwrite({}),
        "reviewed": False,
        "ended": False,
        "coverage": 0.0,
        "timed_out": Overwrite(False),
    }
