"""One deadline a question, and runs that end when nobody waits: with an endpoint whose calls can be broken off."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from agent import ConfigError, Context, ModelError, build_agent
from agent.llm.client import chat_model
from agent.llm.endpoint import resolve_endpoint
from tests.fakes import FixedRetriever, ScriptedChat, literal, principle
from tests.integration.fake_endpoint import Call, FakeEndpoint

QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "What drink for fever?"}]}
RETRIEVER: Any = FixedRetriever(principle("tea", always=True, safety_critical=True))

pytestmark = pytest.mark.usefixtures("fixed_classifier")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEndpoint]:
    made = FakeEndpoint()
    monkeypatch.setenv("CLINALIGN_BASE_URL", made.url)
    chat_model(resolve_endpoint())  # imports take seconds, and a deadline counts them
    yield made
    made.close()


def hanging(kind: str, how: str = "hang") -> Callable[[Call], str]:
    return lambda call: how if call.kind == kind else "ok"


def ask(timeout_s: float | None, **given: Any) -> tuple[dict[str, Any], float]:
    agent = build_agent(None, RETRIEVER)
    began = time.monotonic()
    result = agent.invoke({**QUESTION, **given}, context=Context(timeout_s=timeout_s))
    return result, time.monotonic() - began


def test_a_question_without_a_deadline_is_not_marked(endpoint: FakeEndpoint) -> None:
    result, _ = ask(None)
    assert result["reviewed"]
    assert result["timed_out"] is False


def test_a_draft_cut_by_the_deadline_is_returned_as_far_as_it_came(endpoint: FakeEndpoint) -> None:
    endpoint.rule = hanging("draft", "hang_midway")
    result, seconds = ask(3)
    assert 2.9 < seconds < 3.3
    assert result["answer"]
    assert endpoint.draft.startswith(result["answer"])
    assert (result["timed_out"], result["reviewed"]) == (True, False)
    assert any("the draft ran into its limit of 3 s" in warning for warning in result["warnings"])


def test_no_draft_by_the_deadline_is_one_error(endpoint: FakeEndpoint) -> None:
    endpoint.rule = hanging("draft")
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"the time of this question \(3 s\) ran out") as raised:
        ask(3)
    assert time.monotonic() - began < 3.3
    assert raised.value.retryable


def test_a_review_cut_by_the_deadline_leaves_the_draft(endpoint: FakeEndpoint) -> None:
    endpoint.rule = hanging("verdict")
    result, seconds = ask(3)
    assert seconds < 3.3
    assert result["answer"] == endpoint.draft
    assert (result["timed_out"], result["reviewed"]) == (True, False)


def test_a_given_draft_is_returned_at_the_deadline(endpoint: FakeEndpoint) -> None:
    endpoint.rule = hanging("verdict")
    result, seconds = ask(2, draft="Have some tea.")
    assert seconds < 2.2
    assert (result["answer"], result["timed_out"]) == ("Have some tea.", True)


def test_the_client_s_own_retries_are_within_the_deadline(endpoint: FakeEndpoint) -> None:
    endpoint.rule = hanging("draft", "500")
    began = time.monotonic()
    with pytest.raises(ModelError):
        ask(0.4)
    assert time.monotonic() - began < 1.5


def test_a_model_that_cannot_be_broken_off_does_not_hold_the_caller() -> None:
    let_go = threading.Event()

    def slowly(prompt: str) -> None:
        let_go.wait(20)

    agent = build_agent(ScriptedChat(draft="Have some tea.", reply=slowly, chance=literal), RETRIEVER)
    began = time.monotonic()
    result = agent.invoke(QUESTION, context=Context(timeout_s=2))
    let_go.set()
    assert time.monotonic() - began < 2.2
    assert (result["answer"], result["timed_out"]) == ("Have some tea.", True)


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf")])
def test_a_deadline_that_is_none_is_refused(timeout_s: float) -> None:
    with pytest.raises(ConfigError, match="timeout_s"):
        Context(timeout_s=timeout_s)


async def left_in(agent: Any, how: str, until: Callable[[], bool]) -> float:
    """Seconds from the moment that nobody waits any more to the moment that it is known."""

    async def stream() -> None:
        async with aclosing(agent.astream(QUESTION, stream_mode="custom")) as parts:
            async for _ in parts:
                if until():
                    return

    run = asyncio.create_task(agent.ainvoke(QUESTION) if how == "cancel" else stream())
    while not until():
        await asyncio.sleep(0.02)
        assert not run.done()
    began = time.monotonic()
    if how == "cancel":
        run.cancel()
    await asyncio.wait([run], timeout=5)
    assert run.done()
    return time.monotonic() - began


def test_a_cancelled_task_lets_go_of_the_model(endpoint: FakeEndpoint) -> None:
    endpoint.rule = hanging("draft")
    seconds = asyncio.run(left_in(build_agent(None, RETRIEVER), "cancel", lambda: bool(endpoint.of("draft"))))
    assert seconds < 1
    assert nothing_works_within(2)


def test_a_closed_stream_stops_a_model_that_goes_on_by_itself() -> None:
    class Endless(ScriptedChat):
        def _stream(self, *args: Any, **options: Any) -> Iterator[Any]:
            while True:
                for chunk in super()._stream(*args, **options):
                    time.sleep(0.01)
                    self.prompts.append("")
                    yield chunk

    model = Endless()

    async def leave() -> None:
        parts = build_agent(model, RETRIEVER).astream(QUESTION, stream_mode="messages")
        async for _ in parts:
            break
        await parts.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert nothing_works_within(2)
    written = len(model.prompts)
    time.sleep(0.3)
    assert len(model.prompts) == written > 0


def test_a_closed_sync_stream_lets_go_of_the_model(endpoint: FakeEndpoint) -> None:
    endpoint.rule = hanging("draft", "hang_midway")
    parts = build_agent(None, RETRIEVER).stream(QUESTION, stream_mode="messages")
    next(parts)
    began = time.monotonic()
    parts.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 2
    assert nothing_works_within(2)


def test_the_host_s_executor_stays_free(endpoint: FakeEndpoint) -> None:
    endpoint.rule = hanging("draft")
    agent = build_agent(None, RETRIEVER)

    async def beside() -> float:
        runs = [asyncio.create_task(agent.ainvoke(QUESTION)) for _ in range(12)]
        while len(endpoint.of("draft")) < 12:
            await asyncio.sleep(0.02)
        began = time.monotonic()
        await asyncio.wait_for(asyncio.to_thread(time.monotonic), 5)
        seconds = time.monotonic() - began
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)
        return seconds

    assert asyncio.run(beside()) < 0.5


def nothing_works_within(seconds: float) -> bool:
    """Whether every call to a model comes to its end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(thread.name == "clinalign-call" for thread in threading.enumerate()):
            return True
        time.sleep(0.02)
    return False
