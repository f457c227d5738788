"""Example: add a stage that looks at the finished answer and warns of long sentences.

A stage takes the state and gives what it changes of it. `begun` opens it: the stage then tells its start, and
`done(...)` its end, on the "custom" stream, with ids and figures but no text of question or answer, and gives its
seconds and usage, which belong into the update.

An app adds a stage without touching the project, as here: the agent is one node of the app's own graph. Its stages are
then heard with `subgraphs=True`, and under a checkpointer its `usage` and `timings` add up over the conversation. It is
given the messages alone: the app's own state keeps the last question's draft, which would be taken for one to review.

A stage of the project itself is written in three places: a method of `Nodes` in `agent/nodes.py`, its name and edges in
`agent_over` in `agent/graph.py`, and its words in `STAGES` in `agent/show.py`, without which the terminal and the page
show its bare name. What it adds to the result is a field of `Output` in `agent/state.py`, which `blank` there
sets back for every question.
"""

from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AnyMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime

from agent import Context
from agent.graph import Agent, agent_over
from agent.nodes import Nodes
from agent.resources import Resources
from agent.show import STAGES, Screen
from agent.stage import Update, begun
from agent.state import Input, Output
from agent.text import units
from tests.fakes import FixedRetriever, ScriptedChat, literal, principle

MOST_WORDS = 12
LONG = "Rest a while with your feet up, and drink some water every now and then, slowly."
QUESTION: Any = {"messages": [{"role": "user", "content": "Can I take tea?"}]}

pytestmark = pytest.mark.usefixtures("fixed_classifier")


class Asked(TypedDict):
    """What of the app's state the agent is given."""

    messages: Annotated[list[AnyMessage], add_messages]


class ReadableNodes(Nodes):
    """The stages of the agent, and one more."""

    def readable(self, state: Output, runtime: Runtime[Context]) -> Update:
        """Warn of sentences that are hard to read. The answer stays as it is."""
        with begun("readable", runtime) as stage:
            long = [unit for unit in units(state["answer"]) if len(unit.text.split()) > MOST_WORDS]
            warnings = [f"{len(long)} sentence(s) of more than {MOST_WORDS} words: hard to read"] if long else []
            return {"warnings": [*state["warnings"], *warnings], **stage.done(long=len(long))}


def readable_agent(draft: str, checkpointer: InMemorySaver | None = None) -> Agent:
    """The agent with the new stage after its last."""
    chat = ScriptedChat(draft=draft, chance=literal)
    resources = Resources(chat, FixedRetriever(principle("tea")))  # type: ignore[arg-type]
    graph = StateGraph(Output, context_schema=Context, input_schema=Input, output_schema=Output)
    graph.add_node("review", agent_over(resources), input_schema=Asked)
    graph.add_node("readable", ReadableNodes(resources).readable)
    graph.add_edge(START, "review")
    graph.add_edge("review", "readable")
    graph.add_edge("readable", END)
    return graph.compile(checkpointer)  # type: ignore[return-value]


def test_it_adds_to_the_result_and_leaves_the_answer() -> None:
    result = readable_agent(LONG).invoke(QUESTION, context=Context(max_rounds=1))
    assert result["answer"] == f"{LONG} Mind the tea."
    assert result["warnings"] == ["1 sentence(s) of more than 12 words: hard to read"]
    assert {"draft", "choose", "readable"} <= set(result["timings"])
    assert readable_agent("Rest.").invoke(QUESTION)["warnings"] == []


def test_a_second_question_gets_a_draft_of_its_own() -> None:
    agent, thread = readable_agent("Rest.", InMemorySaver()), {"configurable": {"thread_id": "one"}}
    for question in (QUESTION, {"messages": [{"role": "user", "content": "And coffee?"}]}):
        drafted = agent.stream(question, thread, stream_mode="custom", subgraphs=True, version="v2")  # type: ignore[arg-type]
        assert "draft" in {part["data"]["stage"] for part in drafted}


def heard(agent: Agent) -> list[Any]:
    return list(agent.stream(QUESTION, stream_mode="custom", subgraphs=True, version="v2"))


def test_it_is_streamed_as_the_last_stage() -> None:
    told = [part["data"] for part in heard(readable_agent(LONG))]
    assert [event["stage"] for event in told if event["status"] == "end"][-2:] == ["choose", "readable"]
    assert told[-1] == {"stage": "readable", "status": "end", "seconds": told[-1]["seconds"], "long": 1}
    assert "feet" not in str(told)  # no text of the answer


def test_the_terminal_names_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(STAGES, "readable", "measuring its sentences")
    screen = Screen()
    for part in heard(readable_agent(LONG)):
        screen.hear(part)
    assert capsys.readouterr().err.endswith("· measuring its sentences …\n")
