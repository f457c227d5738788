"""What a caller gives the agent: one error that says what to send, before anything is kept."""

import asyncio
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from agent import InputError, build_agent
from tests.fakes import FixedRetriever, ScriptedChat, literal, principle

WORD = "zanzibar"
ROLES = [{"role": "user", "content": "What drink for fever?"}]
RETRIEVER: Any = FixedRetriever(principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out."))

pytestmark = pytest.mark.usefixtures("fixed_classifier")

MALFORMED: dict[str, Any] = {
    "text": WORD,
    "list": [WORD],
    "number": 5,
    "no messages": {},
    "empty messages": {"messages": []},
    "messages are None": {"messages": None},
    "messages are a number": {"messages": 5},
    "a message is a number": {"messages": [5]},
    "a message is None": {"messages": [None]},
    "unknown role": {"messages": [{"role": WORD, "content": WORD}]},
    "no role": {"messages": [{"content": WORD}]},
    "no content": {"messages": [{"role": "user"}]},
    "empty content": {"messages": [{"role": "user", "content": ""}]},
    "blank content": {"messages": [{"role": "user", "content": " \n"}]},
    "content is None": {"messages": [{"role": "user", "content": None}]},
    "content is a number": {"messages": [{"role": "user", "content": 5}]},
    "content is a dict": {"messages": [{"role": "user", "content": {"text": WORD}}]},
    "content is a list of numbers": {"messages": [{"role": "user", "content": [5]}]},
    "the last is the assistant's": {"messages": [*ROLES, {"role": "assistant", "content": WORD}]},
    "the last is an AIMessage": {"messages": [HumanMessage("Hi"), AIMessage(WORD)]},
    "system alone": {"messages": [SystemMessage(WORD)]},
    "a draft that is none": {"messages": ROLES, "draft": 5},
    "an empty draft": {"messages": ROLES, "draft": " "},
}


def agent(**given: Any) -> Any:
    chat = ScriptedChat(draft="Rest a while. Eat jam daily. Take tea often.", chance=literal)
    return build_agent(chat, RETRIEVER, **given)


@pytest.mark.parametrize("given", MALFORMED.values(), ids=MALFORMED)
def test_each_is_one_error_that_says_what_to_send(given: Any) -> None:
    built = agent(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(InputError, match=r"user|question|draft") as raised:
        built.invoke(given, thread)
    assert WORD not in str(raised.value)
    assert raised.value.__cause__ is None
    assert not built.get_state(thread).values, "nothing of it is kept"
    with pytest.raises(InputError):
        asyncio.run(built.ainvoke(given, thread))


@pytest.mark.parametrize(
    "messages", [ROLES, [HumanMessage("Hi")], [("user", "Hi")], HumanMessage("Hi"), "Hi", tuple(ROLES)], ids=repr
)
def test_what_langchain_takes_for_messages_is_taken(messages: Any) -> None:
    assert agent().invoke({"messages": messages})["answer"]


def test_of_a_program_s_own_graph_it_is_the_same_error() -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("clinalign", agent())
    graph.add_edge(START, "clinalign")
    graph.add_edge("clinalign", END)
    with pytest.raises(InputError, match="the last message must be the user's"):
        graph.compile().invoke({"messages": [AIMessage(WORD)]})


def test_a_settings_copy_is_an_agent_too() -> None:
    with pytest.raises(InputError):
        agent().with_config({"tags": ["ward"]}).invoke(WORD)


def test_the_schema_of_the_input_is_messages_and_draft() -> None:
    assert set(agent().get_input_jsonschema()["properties"]) == {"messages", "draft"}


def test_the_result_without_its_messages_is_json() -> None:
    result = agent().invoke({"messages": ROLES})
    assert result["edits"]
    del result["messages"]
    assert json.loads(json.dumps(result)) == result


def test_the_first_values_of_a_second_turn_hold_nothing_of_the_first() -> None:
    built, thread = agent(checkpointer=InMemorySaver()), {"configurable": {"thread_id": "1"}}
    assert built.invoke({"messages": ROLES}, thread)["edits"]
    first = next(iter(built.stream({"messages": ROLES}, thread, stream_mode="values")))
    assert len(first["messages"]) == 3
    assert not any(first.get(name) for name in ("answer", "draft", "edits", "principles", "scenario", "warnings"))
    assert first["rubric"]["criteria"] == []
    assert (first["reviewed"], first["usage"], first["timings"]) == (False, {}, {})


def kept(turns: int, folder: Any) -> tuple[int, int]:
    """Checkpoints and bytes of a conversation of so many turns, in SQLite's words."""
    saver, thread = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    built = agent(checkpointer=saver)
    for _ in range(turns):
        built.invoke({"messages": ROLES}, thread)
    checkpoints = list(saver.list(thread))  # type: ignore[arg-type]
    values = [one.checkpoint["channel_values"] for one in checkpoints]
    assert not any("turns" in one for one in values)
    return len(checkpoints), sum(len(repr(one)) for one in values)


def test_a_conversation_is_kept_once_a_turn(tmp_path: Any) -> None:
    counts = {turns: kept(turns, tmp_path)[0] for turns in (1, 2, 4)}
    assert counts == {1: 1, 2: 2, 4: 4}
