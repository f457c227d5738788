"""How much this process asks of its endpoints: calls at a time, requests a minute, tokens a minute.

Three separate limits, each from the environment, each off where it is not set: CLINALIGN_CONCURRENCY,
CLINALIGN_REQUESTS_PER_MINUTE, CLINALIGN_TOKENS_PER_MINUTE. They hold for all threads and all models of one
process together; no 60 seconds ever hold more requests than the limit. Retries that the HTTP client makes of
its own are not counted.

Tokens are estimated from the prompt before a call (a token is about four bytes) and corrected after it: what
the endpoint counted beyond the estimate is charged to the next call. So they can run over by what the calls
in flight answer. What it counted less is not given back, since the minute may be over.
"""

import functools
import math
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from langchain_core.messages import BaseMessage

from agent.llm.sendable import BYTES_A_TOKEN
from principles.errors import ConfigError

# The window keeps one entry a unit; larger limits are counted in larger units.
MOST_ENTRIES = 60_000

Spent = Callable[[BaseMessage | None], None]
"""To be called with the reply of a call, whose usage corrects the estimate."""


class Limits:
    """What a process may ask for at a time and a minute; None is no limit."""

    def __init__(
        self,
        concurrency: int | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
    ) -> None:
        self._slots = threading.BoundedSemaphore(concurrency) if concurrency else nullcontext()
        self._requests = _PerMinute(requests_per_minute) if requests_per_minute else None
        self._tokens = _PerMinute(tokens_per_minute) if tokens_per_minute else None

    @contextmanager
    def call(self, messages: Sequence[BaseMessage]) -> Iterator[Spent]:
        """Wait until a call with this prompt is within all limits; it lasts as long as the block."""
        with self._slots:  # first, so that what waits for a slot has not yet been counted into a minute
            if self._requests:
                self._requests.take(1)
            if self._tokens is None:
                yield _uncounted
            else:
                estimate = estimated_tokens(messages)
                self._tokens.take(estimate)
                yield functools.partial(_correct, self._tokens, estimate)


class _PerMinute:
    """A sliding window of 60 seconds. Who waits is not overtaken by somebody who wants less."""

    def __init__(self, limit: int) -> None:
        from pyrate_limiter import Duration, Limiter, Rate  # only where a limit is set

        self._unit = math.ceil(limit / MOST_ENTRIES)
        self._most = limit // self._unit
        self._limiter = Limiter(Rate(self._most, Duration.MINUTE))
        self._owed = 0
        self._count = threading.Lock()
        self._queue = threading.Lock()

    def take(self, amount: int) -> None:
        """Wait for room. More than a minute's worth waits for an empty window and leaves the rest to be paid later."""
        with self._queue:
            with self._count:
                wanted = self._owed + amount
                weight = min(self._most, math.ceil(wanted / self._unit))
                self._owed = max(0, wanted - weight * self._unit)
            self._limiter.try_acquire("calls", weight)

    def owe(self, amount: int) -> None:
        """Charge the next call for what was used beyond what it took."""
        with self._count:
            self._owed += amount


def estimated_tokens(messages: Sequence[BaseMessage]) -> int:
    """Tokens of a prompt, roughly, at least 1."""
    size = sum(len(str(message.text).encode("utf-8", "replace")) for message in messages)
    return max(1, size // BYTES_A_TOKEN)


def _correct(window: _PerMinute, estimate: int, reply: BaseMessage | None) -> None:
    counted = getattr(reply, "usage_metadata", None) or {}
    window.owe(max(0, counted.get("total_tokens", 0) - estimate))


def _uncounted(reply: BaseMessage | None) -> None:
    pass


def shared_limits() -> Limits:
    """The limits that the environment sets, one object for the whole process. Raises ConfigError."""
    return _limits(
        *(_whole(f"CLINALIGN_{name}") for name in ("CONCURRENCY", "REQUESTS_PER_MINUTE", "TOKENS_PER_MINUTE"))
    )


@functools.cache
def _limits(concurrency: int | None, requests: int | None, tokens: int | None) -> Limits:
    return Limits(concurrency, requests, tokens)


def _whole(name: str) -> int | None:
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,11}", text):
        raise ConfigError(f"{name} is {text[:40]!r}: it must be a whole number from 1, or unset for no limit")
    return int(text)
