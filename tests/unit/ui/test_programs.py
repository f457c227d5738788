"""What programs can call, without a server: results, refusals, and who may reach the MCP tools."""

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
import pytest

from agent import NOTICE
from agent.resources import Resources
from agent.service import Service
from agent.state import Output
from principles.errors import ConfigError, ModelError
from tests.fakes import FixedClassifier, ScriptedChat, principle
from tests.served import Searchable
from tests.unit.agent.test_agent import literal
from ui.programs.endpoints import Programs, add_programs, mcp_options

QUESTION = "Can I rest a while with zanzibar tea?"
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")
TEA = principle("tea", points=6)


@pytest.fixture(autouse=True)
def classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: FixedClassifier())


def service(model: ScriptedChat | None = None) -> Service:
    retriever: Any = Searchable(JAM, TEA)
    return Service(Resources(model or ScriptedChat(draft="Rest a while. Eat jam daily.", chance=literal), retriever))


def heard(said: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    async def collect() -> list[dict[str, Any]]:
        return [one async for one in said]

    return asyncio.run(collect())


def test_ask_tells_the_stages_and_then_the_whole_result() -> None:
    *stages, result = heard(Programs(service()).ask(QUESTION))
    assert {"draft", "scenario", "critique", "choose"} <= {one["stage"] for one in stages}
    assert set(result) == {*Output.__annotations__, "notice"}
    assert result["messages"] == [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": result["answer"]},
    ]
    assert result["answer"] == "Rest a while. Leave the sweet spread out. Mind the tea."
    assert result["notice"] == NOTICE
    assert json.loads(json.dumps(result)) == result


def test_ask_takes_rounds_and_top_k() -> None:
    result = heard(Programs(service()).ask(QUESTION, rounds=0, top_k=1))[-1]
    assert result["answer"] == "Rest a while. Eat jam daily."
    assert result["rounds"] == 0
    assert [one["id"] for one in result["principles"]] == ["task.jam"]


def test_grade_is_the_grade_that_the_agent_gives() -> None:
    asked = heard(Programs(service()).ask(QUESTION))[-1]
    for answer, key in ((asked["draft"], "draft"), (asked["answer"], "final")):
        graded = heard(Programs(service()).grade(QUESTION, answer))[-1]
        assert {name: graded[name] for name in asked["rubric"][key]} == asked["rubric"][key]
        assert graded["rubric"]["criteria"] == asked["rubric"]["criteria"]
    assert graded["score"] == 1
    assert graded["coverage"] == 1
    assert [one["mandatory"] for one in graded["principles"]] == [False, False]
    assert graded["notice"] == NOTICE
    assert graded["usage"]["calls"] > 0
    assert json.loads(json.dumps(graded)) == graded


def test_search_gives_principles_with_their_similarity() -> None:
    (found,) = Programs(service()).search_principles("tea", 1)
    assert (found["id"], found["similarity"], found["sources"][0]["body"]) == ("task.jam", 0.5, "WHO")


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("ask", {"question": "  "}, "question must be text"),
        ("ask", {"question": None}, "question must be text"),
        ("ask", {"question": QUESTION, "rounds": 11}, "max_rounds is 11"),
        ("ask", {"question": QUESTION, "rounds": "1"}, "rounds must be a whole number"),
        ("ask", {"question": QUESTION, "top_k": True}, "top_k must be a whole number"),
        ("grade", {"question": QUESTION, "answer": ""}, "answer must be text"),
        ("grade", {"question": QUESTION, "answer": "\0"}, "the answer is empty"),
        ("grade", {"question": "\0", "answer": "x"}, "the question is empty"),
        ("search_principles", {"text": QUESTION, "top_k": 0}, "top_k is 0"),
        ("search_principles", {"text": QUESTION, "top_k": 51}, "top_k is 51"),
    ],
)
def test_what_cannot_be_used_is_refused_without_quoting_it(name: str, given: dict[str, Any], words: str) -> None:
    program = getattr(Programs(service()), name)
    with pytest.raises(gr.Error, match=words) as refused:
        heard(program(**given))
    assert "zanzibar" not in str(refused.value)
    assert not refused.value.print_exception


def test_a_failure_is_told_in_its_own_words_and_nothing_else_is_said(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = service(ScriptedChat(fail_from=0, error=ModelError("the endpoint <is> down")))
    with pytest.raises(gr.Error, match="the endpoint <is> down"):
        heard(Programs(broken).ask(QUESTION))
    odd = service(ScriptedChat(fail_from=0, error=RuntimeError(QUESTION)))
    with pytest.raises(gr.Error):
        heard(Programs(odd).grade(QUESTION, QUESTION))
    assert "zanzibar" not in caplog.text + "".join(capfd.readouterr())


def test_the_endpoints_are_typed_and_described() -> None:
    with gr.Blocks() as page:
        add_programs(service())
    named = page.get_api_info()["named_endpoints"]  # type: ignore[index]
    assert set(named) == {"/ask", "/grade", "/search_principles"}
    taken = {
        name: [(p["parameter_name"], p["type"]["type"], p["parameter_has_default"]) for p in facts["parameters"]]
        for name, facts in named.items()
    }
    assert taken == {
        "/ask": [("question", "string", False), ("rounds", "integer", True), ("top_k", "integer", True)],
        "/grade": [("question", "string", False), ("answer", "string", False)],
        "/search_principles": [("text", "string", False), ("top_k", "integer", True)],
    }
    assert all(facts["description"] for facts in named.values())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_mcp_is_for_this_machine(host: str) -> None:
    assert mcp_options(host)["mcp_server"] is True


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104
def test_mcp_on_another_host_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="--mcp listens on this machine only"):
        mcp_options(host)


def test_mcp_with_a_login_or_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="a login"):
        mcp_options("127.0.0.1", auth=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"clinalign\[mcp\]"):
        mcp_options("127.0.0.1")
