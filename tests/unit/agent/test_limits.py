import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from agent.llm import limits
from agent.llm.client import Model
from agent.llm.limits import Limits, estimated_tokens, shared_limits
from principles.errors import ConfigError
from tests.fakes import ScriptedChat

MINUTE_MS = 60_000


class Clock:
    """Milliseconds that pass only while somebody sleeps, or when they are moved."""

    now = 0

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("pyrate_limiter.limiter.sleep", made.sleep)
    monkeypatch.setattr("pyrate_limiter.InMemoryBucket.now", lambda bucket: made.now)
    return made


def prompt(tokens: int) -> list[BaseMessage]:
    return [HumanMessage("x" * 4 * tokens)]


def call(one: Limits, tokens: int = 1, counted: int = 0) -> None:
    with one.call(prompt(tokens)) as spent:
        usage = {"input_tokens": counted, "output_tokens": 0, "total_tokens": counted}
        spent(AIMessage("", usage_metadata=usage))  # type: ignore[arg-type]


def in_any_minute(spent: list[tuple[int, int]]) -> int:
    """The largest sum within 60 s of (time in ms, amount)."""
    return max(sum(amount for at, amount in spent if start <= at < start + MINUTE_MS) for start, _ in spent)


def test_no_minute_holds_more_requests(clock: Clock) -> None:
    one, spent = Limits(requests_per_minute=7), []
    for number in range(40):
        call(one)
        spent.append((clock.now, 1))
        clock.now += number * 313 % 2_000
    assert in_any_minute(spent) == 7
    assert clock.now < 7 * MINUTE_MS


def test_no_minute_holds_more_tokens(clock: Clock) -> None:
    one, spent = Limits(tokens_per_minute=1_000), []
    for number in range(60):
        amount = 1 + number * 97 % 400
        call(one, amount)
        spent.append((clock.now, amount))
    assert 600 < in_any_minute(spent) <= 1_000


def test_large_limits_are_counted_in_units(clock: Clock) -> None:
    one, spent = Limits(tokens_per_minute=10_000_000), []
    for _ in range(15):
        call(one, 1_500_000)
        spent.append((clock.now, 1_500_000))
    assert in_any_minute(spent) == 9_000_000


def test_requests_and_tokens_are_apart(clock: Clock) -> None:
    one = Limits(requests_per_minute=100, tokens_per_minute=10)
    call(one, 10)
    assert clock.now == 0
    call(one, 1)
    assert clock.now > MINUTE_MS - 1


def test_what_was_counted_beyond_the_estimate_is_paid_by_the_next_call(clock: Clock) -> None:
    one = Limits(tokens_per_minute=100)
    call(one, 10, counted=95)  # 85 more than estimated
    call(one, 5)
    assert clock.now == 0
    call(one, 1)
    assert clock.now >= MINUTE_MS


def test_what_was_counted_less_is_not_given_back(clock: Clock) -> None:
    one = Limits(tokens_per_minute=100)
    call(one, 100, counted=1)
    call(one, 1)
    assert clock.now >= MINUTE_MS


def test_a_call_larger_than_a_minute_goes_through_and_is_paid_later(clock: Clock) -> None:
    one = Limits(tokens_per_minute=100)
    call(one, 250)
    assert clock.now == 0
    call(one, 1)
    call(one, 1)
    assert clock.now >= 2 * MINUTE_MS


def test_no_more_at_a_time_than_the_concurrency() -> None:
    one, at_work, most, lock = Limits(concurrency=3), 0, 0, threading.Lock()

    def work() -> None:
        nonlocal at_work, most
        with one.call(prompt(1)):
            with lock:
                at_work += 1
                most = max(most, at_work)
            time.sleep(0.02)
            with lock:
                at_work -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_a_failed_call_gives_its_slot_back() -> None:
    one = Limits(concurrency=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), one.call(prompt(1)):
            _ = 1 // 0


def test_every_call_of_a_model_goes_through() -> None:
    seen: list[str] = []

    class Watched(Limits):
        def call(self, messages: Any) -> Any:  # type: ignore[override]
            seen.append(str(messages[-1].text))
            return super().call(messages)

    model = Model(ScriptedChat(), limits=Watched())
    model.text([HumanMessage("one")], 10)
    model.yes_probability([HumanMessage("two")])
    model.json([HumanMessage("three")], "x", {}, 10)
    assert seen == ["one", "two", "three"]


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("CONCURRENCY", "REQUESTS_PER_MINUTE", "TOKENS_PER_MINUTE"):
        monkeypatch.delenv(f"CLINALIGN_{name}", raising=False)
    yield
    limits._limits.cache_clear()


@pytest.mark.usefixtures("unset")
def test_unset_limits_take_no_time() -> None:
    one, messages = shared_limits(), prompt(1_000)
    started = time.process_time()
    for _ in range(10_000):
        with one.call(messages) as spent:
            spent(None)
    assert time.process_time() - started < 1  # below 0.1 ms a call; a call to a model takes hundreds


@pytest.mark.usefixtures("unset")
def test_the_environment_sets_them_for_all_models_together(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setenv("CLINALIGN_REQUESTS_PER_MINUTE", " 2 ")
    for _ in range(3):
        Model(ScriptedChat()).yes_probability([HumanMessage("?")])
    assert clock.now >= MINUTE_MS


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize("name", ["CONCURRENCY", "REQUESTS_PER_MINUTE", "TOKENS_PER_MINUTE"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "٣", "9" * 5_000])
def test_a_bad_value_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CLINALIGN_{name}", value)
    with pytest.raises(ConfigError, match=f"CLINALIGN_{name}.*whole number"):
        Model(ScriptedChat())


def test_a_token_is_about_four_bytes() -> None:
    assert estimated_tokens([HumanMessage("x" * 400), HumanMessage("é" * 200)]) == 200
    assert estimated_tokens([HumanMessage("\ud800")]) == 1
