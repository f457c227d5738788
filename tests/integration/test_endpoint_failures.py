"""An endpoint that fails in every way that endpoints do, through the real HTTP client and the command itself."""

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import NOTICE, build_agent
from agent.cli import main
from principles.errors import InputError, ModelError
from principles.schema import Scenario
from tests.fakes import FixedRetriever, principle
from tests.integration.fake_endpoint import MODEL, Call, FakeEndpoint

ROOT = Path(__file__).parents[2]
QUESTION = "Quokka tea?"
KEY = "k3y-of-mine"
PRINCIPLES = [principle(name) for name in ("tea", "jam", "milk", "bread")]
# No emergency, in which these principles would have to wait.
CALM = Scenario.model_validate(
    {"urgency": "non_emergent", "uncertainty": "none", "expertise": "layperson", "task": "medication"}
)
RESULT_KEYS = {
    *("messages", "answer", "draft", "scenario", "principles", "rubric", "rounds", "edits", "reviewed"),
    *("coverage", "timed_out", "warnings", "usage", "timings", "notice"),
}
# How a draft can fail, and what the message must say.
DRAFT_FAILURES = {
    "400": "refused the request",
    "401": "CLINALIGN_API_KEY",
    "500": "HTTP 500",
    "garbage": "OpenAI-compatible",
    "html": "OpenAI-compatible",
    "empty": "OpenAI-compatible",
    "error_event": "the model endpoint",
    "hang": "in time",
    "hang_midway": "in time",
    "drop": "cannot be reached",
    "drop_midway": "the model endpoint",
    "die": "cannot be reached",
}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE_URL", "MODEL", "PRINCIPLES", "ENCODER"):
        monkeypatch.delenv(f"CLINALIGN_{name}", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLINALIGN_API_KEY", KEY)
    monkeypatch.setattr("agent.llm.client.REMOTE_TIMEOUT_S", 1.0)


class CalmClassifier:
    def classify(self, turns: object) -> Scenario:
        return CALM


@pytest.fixture
def few_principles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four known principles instead of the library, so that calls can be counted."""
    monkeypatch.setattr("agent.resources.load_retriever", lambda: FixedRetriever(*PRINCIPLES))
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: CalmClassifier())


@pytest.fixture
def start() -> Iterator[Callable[..., FakeEndpoint]]:
    started: list[FakeEndpoint] = []

    def make(context_tokens: int | None = None) -> FakeEndpoint:
        started.append(FakeEndpoint(context_tokens))
        return started[-1]

    yield make
    for endpoint in started:
        endpoint.close()


@pytest.fixture
def endpoint(start: Callable[..., FakeEndpoint]) -> FakeEndpoint:
    return start()


def ask(endpoint: FakeEndpoint, question: str = QUESTION) -> dict[str, Any]:
    agent = build_agent(profile=MODEL, base_url=endpoint.url)
    return agent.invoke({"messages": [{"role": "user", "content": question}]})  # type: ignore[list-item,typeddict-item]


def labels(result: dict[str, Any]) -> dict[str, str]:
    return {v["criterion_id"]: v["label"] for v in result["rubric"]["draft"]["verdicts"]}


def command(endpoint: FakeEndpoint, *arguments: str | bytes, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    whole = [sys.executable, "-m", "agent", "--base-url", endpoint.url, "--model", MODEL, *arguments]
    return subprocess.run(whole, input=stdin, capture_output=True, cwd=ROOT, check=False, timeout=500)


@pytest.mark.usefixtures("few_principles")
@pytest.mark.parametrize(("way", "said"), DRAFT_FAILURES.items(), ids=DRAFT_FAILURES)
def test_a_failing_draft_is_an_error_that_helps_and_tells_no_secret(
    endpoint: FakeEndpoint, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, way: str, said: str
) -> None:
    endpoint.rule = lambda call: way
    with pytest.raises(ModelError, match=said) as caught:
        ask(endpoint)
    assert QUESTION not in str(caught.value)
    assert endpoint.of("draft")
    again = FakeEndpoint()
    again.rule = endpoint.rule
    status = main([QUESTION, "--model", MODEL, "--base-url", f"http://user:passw0rd@{again.address}/v1"])
    again.close()
    out, err = capfd.readouterr()
    assert status == 2
    assert re.search(f"clinalign: .*{said}", err)
    assert out == ""
    assert not any(secret in err + caplog.text for secret in (QUESTION, KEY, "passw0rd", "Traceback"))


@pytest.mark.usefixtures("few_principles")
def test_a_draft_that_fails_once_is_asked_again(endpoint: FakeEndpoint) -> None:
    endpoint.rule = lambda call: "500" if len(endpoint.calls) == 1 else "ok"
    assert ask(endpoint)["draft"] == endpoint.draft


@pytest.mark.usefixtures("few_principles")
def test_the_key_reaches_the_endpoint(endpoint: FakeEndpoint) -> None:
    ask(endpoint)
    assert endpoint.keys == {f"Bearer {KEY}"}


@pytest.mark.usefixtures("few_principles")
@pytest.mark.parametrize("way", ["die", "drop", "hang", "500", "401", "garbage", "html", "empty"])
@pytest.mark.parametrize("judged", [0, 1])
def test_a_critic_that_fails_leaves_the_draft_with_a_warning(endpoint: FakeEndpoint, way: str, judged: int) -> None:
    endpoint.rule = lambda call: way if call.kind == "verdict" and len(endpoint.of("verdict")) > judged else "ok"
    started = time.monotonic()
    result = ask(endpoint)
    assert (result["answer"], result["draft"], result["reviewed"]) == (endpoint.draft, endpoint.draft, False)
    assert result["rubric"]["final"] is None
    assert result["messages"][-1].additional_kwargs == {"reviewed": False}
    (warning,) = result["warnings"]
    assert "not reviewed" in warning
    assert not any(secret in warning for secret in (QUESTION, KEY, endpoint.draft))
    # Two criteria in a row, each asked twice: a critic that hangs must not cost a timeout for every criterion.
    assert len(endpoint.of("verdict")) <= judged + 4
    assert time.monotonic() - started < 60


@pytest.mark.usefixtures("few_principles")
def test_a_selection_that_fails_still_lets_the_critic_work(endpoint: FakeEndpoint) -> None:
    endpoint.rule = lambda call: "500" if call.kind == "applies" else "ok"
    result = ask(endpoint)
    assert result["reviewed"]
    assert labels(result) == {p.id: "MET" for p in PRINCIPLES}


@pytest.mark.usefixtures("few_principles")
@pytest.mark.parametrize("way", ["no_logprobs", "refuses_logprobs"])
def test_without_logprobs_verdicts_come_as_json(endpoint: FakeEndpoint, way: str) -> None:
    endpoint.rule = lambda call: "ok" if call.kind in ("draft", "json") else way
    endpoint.chance = lambda prompt: 0.1 if "mention jam" in prompt else 0.9
    result = ask(endpoint)
    assert result["reviewed"]
    assert result["warnings"] == []
    assert labels(result) == {p.id: "NOT_MET" if p.id == "task.jam" else "MET" for p in PRINCIPLES}
    verdict = result["rubric"]["draft"]["verdicts"][0]
    assert (verdict["probability"], verdict["reason"]) == (None, "it says so")


@pytest.mark.usefixtures("few_principles")
def test_an_endpoint_that_refuses_one_text_is_not_one_without_logprobs(endpoint: FakeEndpoint) -> None:
    endpoint.rule = lambda call: "400" if call.kind == "verdict" and "mention jam" in call.prompt else "ok"
    result = ask(endpoint)
    assert labels(result) == {p.id: "UNKNOWN" if p.id == "task.jam" else "MET" for p in PRINCIPLES}
    assert endpoint.of("json") == []


@pytest.mark.usefixtures("few_principles")
def test_an_endpoint_that_refuses_every_judgement_leaves_the_draft(endpoint: FakeEndpoint) -> None:
    endpoint.rule = lambda call: "ok" if call.kind == "draft" else "400"
    result = ask(endpoint)
    assert (result["answer"], result["reviewed"]) == (endpoint.draft, False)


@pytest.mark.usefixtures("few_principles")
def test_one_failed_criterion_keeps_its_siblings(endpoint: FakeEndpoint) -> None:
    endpoint.rule = lambda call: "500" if call.kind == "verdict" and "mention jam" in call.prompt else "ok"
    result = ask(endpoint)
    assert labels(result) == {p.id: "UNKNOWN" if p.id == "task.jam" else "MET" for p in PRINCIPLES}
    assert result["rubric"]["draft"]["coverage"] == 0.75
    assert result["reviewed"]
    assert len([call for call in endpoint.of("verdict") if "mention jam" in call.prompt]) == 2


@pytest.mark.usefixtures("few_principles")
def test_a_failing_revision_leaves_the_draft(endpoint: FakeEndpoint) -> None:
    endpoint.chance = lambda prompt: 0.9 if "Is it true that" in prompt else 0.1

    def rule(call: Call) -> str:
        return "500" if len(endpoint.of("verdict")) > len(PRINCIPLES) else "ok"

    endpoint.rule = rule
    result = ask(endpoint)
    assert (result["answer"], result["reviewed"], result["edits"]) == (endpoint.draft, False, [])


@pytest.mark.usefixtures("few_principles")
@pytest.mark.parametrize(
    "question", ["{answer} {{criterion}} {0} %s $Q {% x %} `\"'\\", "``` \n Yes \n ```", "\u202e?"]
)
def test_marks_of_templates_reach_the_model_as_they_are(endpoint: FakeEndpoint, question: str) -> None:
    assert ask(endpoint, question)["reviewed"]
    (draft,) = endpoint.of("draft")
    sent = question.replace("\u202e", "")  # characters that cannot be seen are left out
    assert draft.prompt == sent
    assert all(sent in call.prompt for call in endpoint.of("verdict"))


@pytest.mark.usefixtures("few_principles")
@pytest.mark.parametrize("context_tokens", [None, 8192])
def test_a_question_beyond_the_context_is_refused_with_the_limit(
    start: Callable[..., FakeEndpoint],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    context_tokens: int | None,
) -> None:
    endpoint = start(context_tokens)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"tea " * 50_000)))
    assert main(["-", "--model", MODEL, "--base-url", endpoint.url]) == 2
    out, err = capfd.readouterr()
    room = ((context_tokens or 32_768) - 2_000) * 3
    assert f"200,000 bytes, and this model's context has room for {room:,}" in " ".join(err.split())
    assert "tea" not in out + err
    assert endpoint.calls == []


@pytest.mark.usefixtures("few_principles")
def test_the_limit_is_the_endpoints_own(start: Callable[..., FakeEndpoint]) -> None:
    long = start(131_072)
    assert ask(long, "tea " * 50_000)["reviewed"]
    with pytest.raises(InputError, match="room for 6,288"):
        ask(start(4_096), "tea " * 2_500)


@pytest.mark.usefixtures("few_principles")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["screen", "json"])
def test_half_a_character_from_the_model_breaks_nothing(
    endpoint: FakeEndpoint, capfd: pytest.CaptureFixture[str], form: list[str]
) -> None:
    endpoint.draft = "Rest \ud83d a while."
    assert main([QUESTION, "--model", MODEL, "--base-url", endpoint.url, *form]) == 0
    out, err = capfd.readouterr()
    assert "a while." in out
    assert "not reviewed" not in err


def test_json_is_one_object_and_nothing_else_whatever_bytes_are_asked(endpoint: FakeEndpoint) -> None:
    """The bytes are Latin-1: as an argument they become lone surrogates, which no endpoint takes."""
    done = command(endpoint, "--json", os.fsencode("Quokka {answer} {{criterion}} $Q tea for my cough, caf") + b"\xe9?")
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert set(result) == RESULT_KEYS
    assert result["notice"] == NOTICE
    assert result["reviewed"]
    assert [message["role"] for message in result["messages"]] == ["user", "assistant"]
    assert result["messages"][-1]["content"] == result["answer"]
    assert result["principles"]
    assert endpoint.of("draft")[0].prompt == "Quokka {answer} {{criterion}} $Q tea for my cough, caf??"
    assert not any(secret in done.stderr for secret in (b"Quokka", KEY.encode()))


def test_the_command_answers_though_the_endpoint_dies_in_the_critique(endpoint: FakeEndpoint) -> None:
    endpoint.rule = lambda call: "die" if call.kind == "verdict" else "ok"
    done = command(endpoint, "-", stdin=b"Quokka\0 tea for my cough?")
    assert done.returncode == 0, done.stderr.decode()
    assert endpoint.of("draft")[0].prompt == "Quokka tea for my cough?"
    assert len(endpoint.of("verdict")) == 1
    assert "Drink tea." in done.stdout.decode()
    assert "not reviewed" in done.stdout.decode()
    err = done.stderr.decode()
    assert "clinalign: warning: the critique could not be finished" in err
    assert not any(secret in err for secret in ("Quokka", KEY, "Traceback"))


@pytest.mark.parametrize("model", [[], ["--model", "nope"]], ids=["nothing listens", "unknown profile"])
def test_an_early_error_is_not_spoilt_by_what_still_loads(model: list[str]) -> None:
    """The encoder is being loaded in the background when the command leaves."""
    where = [] if model else ["--base-url", "http://127.0.0.1:9/v1"]
    whole = [sys.executable, "-m", "agent", QUESTION, *where, *model]
    done = subprocess.run(whole, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "clinalign: " in done.stderr.splitlines()[-1]
    assert not any(bad in done.stderr for bad in ("Traceback", "Fatal", "terminate called", QUESTION))
