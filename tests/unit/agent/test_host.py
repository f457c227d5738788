"""The agent within a program's own graph."""

from dataclasses import dataclass
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph

from agent import ConfigError, Context, build_agent
from tests.fakes import FixedRetriever, ScriptedChat, literal, principle

GIVEN = "Rest a while. Eat jam daily. Take tea often."
QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "What drink for fever?"}]}
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")

pytestmark = pytest.mark.usefixtures("fixed_classifier")


class Hosted(MessagesState):
    """What the program's own graph holds."""

    answer: str


@dataclass
class Own:
    """A program's own settings, which name a tenant and may hold the agent's."""

    tenant: str
    clinalign: Any = None


class OwnDict(TypedDict, total=False):
    """The same as a dictionary."""

    tenant: str
    clinalign: Any


def agent() -> Any:
    retriever: Any = FixedRetriever(JAM)
    return build_agent(ScriptedChat(draft=GIVEN, chance=literal), retriever)


def hosted(schema: Any, context: Any) -> dict[str, Any]:
    graph = StateGraph(Hosted, context_schema=schema)
    graph.add_node("clinalign", agent())
    graph.add_edge(START, "clinalign")
    graph.add_edge("clinalign", END)
    answered: dict[str, Any] = graph.compile().invoke(QUESTION, context=context)  # type: ignore[arg-type]
    return answered


@pytest.mark.parametrize(
    ("schema", "context"),
    [(Own, Own("ward")), (OwnDict, {"tenant": "ward"}), (Own, Own("ward", Context(max_rounds=1))), (Context, None)],
)
def test_a_program_with_a_context_of_its_own_has_the_agent_as_a_subgraph(schema: Any, context: Any) -> None:
    assert hosted(schema, context)["answer"] == "Rest a while. Leave the sweet spread out. Take tea often."


@pytest.mark.parametrize(
    ("schema", "context"),
    [
        (Own, Own("ward", Context(max_rounds=0))),
        (OwnDict, {"tenant": "ward", "clinalign": Context(max_rounds=0)}),
    ],
)
def test_its_settings_for_the_agent_are_kept_to(schema: Any, context: Any) -> None:
    assert hosted(schema, context)["answer"] == GIVEN


def test_settings_that_are_none_are_said() -> None:
    with pytest.raises(ConfigError, match="clinalign in the program's context must be"):
        hosted(Own, Own("ward", {"max_rounds": 0}))
