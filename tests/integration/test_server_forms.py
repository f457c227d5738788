"""Each kind of server is understood at every stage, and each fault of one ends in an answer or in one clear error."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import build_agent
from principles.errors import ModelError
from principles.schema import Scenario
from tests.fakes import FixedRetriever, principle
from tests.integration.fake_endpoint import MODEL, Body, FakeEndpoint, Form
from tests.integration.forms import AS_JSON, BY_PROBABILITY, SAID, THOUGHT, _delta, _finished, _hungry

ROOT = Path(__file__).parents[2]
QUESTION = "Is the quokka tea safe for me?"
TEA, JAM = principle("tea"), principle("jam")
CALM = Scenario.model_validate(
    {"urgency": "non_emergent", "uncertainty": "none", "expertise": "layperson", "task": "medication"}
)


class CalmClassifier:
    def classify(self, turns: object) -> Scenario:
        return CALM


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE_URL", "MODEL", "PRINCIPLES", "ENCODER", "API_KEY"):
        monkeypatch.delenv(f"CLINALIGN_{name}", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("agent.llm.client.REMOTE_TIMEOUT_S", 2.0)
    monkeypatch.setattr("agent.resources.load_retriever", lambda: FixedRetriever(TEA, JAM))
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: CalmClassifier())


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    made = FakeEndpoint()
    made.draft = SAID
    made.chance = lambda prompt: 0.1 if "mention jam" in prompt else 0.9
    yield made
    made.close()


def ask(endpoint: FakeEndpoint, **more: Any) -> tuple[dict[str, Any], str]:
    """The result, and all that was streamed to whoever listens."""
    agent = build_agent(profile=MODEL, base_url=endpoint.url)
    asked: Any = {"messages": [{"role": "user", "content": QUESTION}], **more}
    parts: list[Any] = list(agent.stream(asked, stream_mode=["messages", "values"]))
    heard = "".join(str(part[0].text) for mode, part in parts if mode == "messages" and part[0].type != "human")
    return [part for mode, part in parts if mode == "values"][-1], heard


@pytest.mark.parametrize("name", [*BY_PROBABILITY, *AS_JSON])
def test_every_stage_understands_every_form(endpoint: FakeEndpoint, name: str) -> None:
    endpoint.form = (BY_PROBABILITY | AS_JSON)[name]
    result, heard = ask(endpoint)
    assert result["draft"] == SAID
    assert (result["reviewed"], result["coverage"], result["warnings"]) == (True, 1.0, [])
    verdicts = {one["criterion_id"]: one for one in result["rubric"]["draft"]["verdicts"]}
    assert {key: one["label"] for key, one in verdicts.items()} == {"task.tea": "MET", "task.jam": "NOT_MET"}
    assert all((one["probability"] is None) == (name in AS_JSON) for one in verdicts.values())
    kept = json.dumps(result, default=str) + ("" if name == "closes what it never opened" else heard)
    assert THOUGHT.strip() not in kept
    assert "think>" not in kept
    assert result["usage"]["completion_tokens"] > 0


def test_what_is_found_out_of_an_endpoint_is_not_asked_again(endpoint: FakeEndpoint) -> None:
    endpoint.form = BY_PROBABILITY["five logprobs"]
    agent = build_agent(profile=MODEL, base_url=endpoint.url)
    asked: Any = {"messages": [{"role": "user", "content": QUESTION}]}
    agent.invoke(asked)
    before = len(endpoint.calls)
    agent.invoke(asked)
    assert all(call.body.get("top_logprobs", 5) == 5 for call in endpoint.calls[before:])
    assert not any("Is water wet" in call.prompt for call in endpoint.calls[before:])


def test_the_system_text_goes_before_the_first_user_turn(endpoint: FakeEndpoint) -> None:
    endpoint.form = BY_PROBABILITY["no system role"]
    ask(endpoint)
    taken = [call.body["messages"] for call in endpoint.calls if call.body["messages"][0]["role"] == "user"]
    assert taken
    assert all(len(turns) == 1 and "\n\n" in turns[0]["content"] for turns in taken)
    assert sum(call.body["messages"][0]["role"] == "system" for call in endpoint.calls) == 1


def test_reasoning_that_needs_more_than_there_is_room_for_is_named(endpoint: FakeEndpoint) -> None:
    endpoint.form = _hungry(9_000)
    with pytest.raises(ModelError, match="reasoned until its limit"):
        ask(endpoint)
    assert [call.body["max_tokens"] for call in endpoint.calls] == [600, 2_648]


def test_reasoning_leaves_the_answer_no_more_than_its_own_room(endpoint: FakeEndpoint) -> None:
    thought = _delta(None, reasoning_content=THOUGHT)

    def endless(body: Body, events: list[Body]) -> list[Body | bytes]:
        words = [_delta("Tea. ") for _ in range(int(body["max_tokens"]))]
        return [thought, *words, _finished("length"), events[-1]]

    endpoint.form = Form(stream=endless, reply=AS_JSON["reasoning"].reply)
    agent = build_agent(profile=MODEL, base_url=endpoint.url)
    asked: Any = {"messages": [{"role": "user", "content": QUESTION}]}
    agent.invoke(asked)
    result = agent.invoke(asked)
    assert endpoint.of("draft")[-1].body["max_tokens"] == 2_648
    assert result["draft"].count("Tea.") == 599  # and of the last it is not known whether it was whole
    assert "limit of 600 tokens" in " ".join(result["warnings"])


def test_once_known_reasoning_without_its_opening_mark_is_not_streamed(endpoint: FakeEndpoint) -> None:
    endpoint.form = AS_JSON["closes what it never opened"]
    agent = build_agent(profile=MODEL, base_url=endpoint.url)
    asked: Any = {"messages": [{"role": "user", "content": QUESTION}]}
    agent.invoke(asked)
    parts: list[Any] = list(agent.stream(asked, stream_mode="messages"))
    heard = "".join(str(part.text) for part, _ in parts)
    assert SAID in heard
    assert THOUGHT.strip() not in heard


ASKED_ALONE = """
import sys
from langchain_core.messages import HumanMessage
from agent.llm.client import Model, chat_model
from agent.llm.endpoint import Endpoint
print(Model(chat_model(Endpoint(sys.argv[1], "m", ""))).text([HumanMessage("?")], 9))
"""


def test_content_in_parts_is_quoted_in_no_warning(endpoint: FakeEndpoint) -> None:
    endpoint.form = BY_PROBABILITY["content in parts"]
    command = [sys.executable, "-c", ASKED_ALONE, endpoint.url]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == (SAID, "")


FAULTS = {
    "cut off, without an end": (Form(stream=lambda body, events: [events[0]]), "broke off"),
    "an error in the middle": (
        Form(stream=lambda body, events: [events[0], _finished("error", error={"code": 502, "message": QUESTION})]),
        "HTTP 502",
    ),
    "an error under 200": (
        Form(stream=lambda body, events: [{"error": {"code": 429, "message": QUESTION}}]),
        "HTTP 429",
    ),
    "too long": (
        Form(refuses=lambda body: (400, {"error": {"message": f"maximum context length is 8. {QUESTION}"}})),
        "exceeds its context",
    ),
    "refused for no reason given": (
        Form(refuses=lambda body: (400, {"error": {"message": QUESTION}})),
        "log tells why",
    ),
    "filtered": (Form(stream=lambda body, events: [_finished("content_filter")]), "filter held the answer back"),
    "asked too much": (
        Form(refuses=lambda body: (429, {"error": {"message": QUESTION}}), headers={"Retry-After": "1"}),
        "HTTP 429",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_error_that_names_it(endpoint: FakeEndpoint, name: str) -> None:
    endpoint.form, said = FAULTS[name]
    with pytest.raises(ModelError, match=said) as caught:
        ask(endpoint)
    assert QUESTION not in str(caught.value)
    assert len(endpoint.calls) <= 3


@pytest.mark.parametrize("code", [429, 500])
def test_an_error_under_200_fails_a_verdict_as_its_status_would(endpoint: FakeEndpoint, code: int) -> None:
    def reply(body: Body, made: Body) -> Body:
        return {"error": {"code": code, "message": QUESTION}} if "mention jam" in str(body["messages"]) else made

    endpoint.form = Form(reply=reply)
    result, _ = ask(endpoint)
    verdicts = {one["criterion_id"]: one["label"] for one in result["rubric"]["draft"]["verdicts"]}
    assert verdicts == {"task.tea": "MET", "task.jam": "UNKNOWN"}


def test_a_draft_that_somebody_gave_is_graded_as_it_stands(endpoint: FakeEndpoint) -> None:
    """Whoever wrote the mark there wrote it for the reader."""
    result, _ = ask(endpoint, draft="Rest. <think> twice.")
    assert result["draft"] == "Rest. <think> twice."


def test_json_that_runs_into_its_limit_is_an_unknown_verdict(endpoint: FakeEndpoint) -> None:
    def reply(body: Body, made: Body) -> Body:
        if "Reply in JSON" in str(body["messages"]) and "mention jam" in str(body["messages"]):
            made["choices"][0] |= {"finish_reason": "length", "message": {"role": "assistant", "content": '{"verd'}}
        return AS_JSON["no logprobs"].reply(body, made)

    endpoint.form = Form(reply=reply)
    result, _ = ask(endpoint)
    verdicts = {one["criterion_id"]: one["label"] for one in result["rubric"]["draft"]["verdicts"]}
    assert verdicts == {"task.tea": "MET", "task.jam": "UNKNOWN"}
    assert result["coverage"] == 0.5
