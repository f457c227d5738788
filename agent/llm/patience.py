"""How long a run may ask the model: until its deadline, and until nobody waits for it any more.

Each run of the agent has one Patience, which its threads find in the context. While a call is out, the thread that
wants its reply waits for whichever comes first: the reply, the deadline, or the end of the run.
"""

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from principles.errors import ModelError

# How soon the end of a run is noticed by a thread that waits.
LOOK_EVERY_S = 0.1
T = TypeVar("T")


class Stopped(BaseException):
    """Nobody waits for the run. Not an Exception: the agent would take it for a failure of the model and go on."""


class OutOfTime(ModelError):
    """The deadline of the question has passed."""


class Patience:
    """The deadline of one run, in seconds from now once `bound` has said it, and whether the run is over.

    `late` tells that a call was cut short or not made because of the deadline.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._off = threading.Event()
        self.timeout_s: float | None = None
        self.late = False

    def bound(self, timeout_s: float | None) -> None:
        """Set the deadline, counted from the run's beginning; None is no deadline."""
        self.timeout_s = timeout_s

    def end(self) -> None:
        """Let go of the model: nobody waits any more."""
        self._off.set()

    def check(self) -> None:
        """Raises Stopped where the run is over, and OutOfTime after its deadline."""
        if self._off.is_set():
            raise Stopped
        if self.timeout_s is not None and self._left() <= 0:
            self.late = True
            raise OutOfTime(
                f"the time of this question ({self.timeout_s:g} s) ran out: give it more, or use a faster model",
                retryable=True,
            )

    def result(self, future: "Future[T]") -> T:
        """What a future brings, or what it raises. Raises Stopped or OutOfTime where that comes first."""
        while True:
            # Not future.result(timeout): what was raised within may be a TimeoutError itself.
            wait([future], max(0.0, min(LOOK_EVERY_S, self._left())))
            if future.done():
                return future.result()
            self.check()

    def _left(self) -> float:
        return float("inf") if self.timeout_s is None else self._began + self.timeout_s - time.monotonic()


_current: ContextVar[Patience | None] = ContextVar("patience", default=None)


def current() -> Patience | None:
    """That of the run that this thread works for, if it works for one."""
    return _current.get()


@contextlib.contextmanager
def patient(patience: Patience) -> Iterator[None]:
    """Whatever is begun within belongs to this run."""
    token = _current.set(patience)
    try:
        yield
    finally:
        _current.reset(token)


def within(work: Callable[[], T]) -> T:
    """`work` done in a thread of its own, which is left alone where its run ends or its deadline passes before.

    Outside a run it is done here. Raises Stopped or OutOfTime.
    """
    patience = current()
    if patience is None:
        return work()
    patience.check()
    future: Future[T] = Future()
    context = copy_context()

    def worker() -> None:
        try:
            future.set_result(context.run(work))
        except BaseException as error:  # noqa: BLE001 - raised where the result is waited for
            future.set_exception(error)

    threading.Thread(target=worker, name="clinalign-call", daemon=True).start()
    return patience.result(future)


def on_loop(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine brings that runs on the loop of all model calls; it is cancelled where its run ends or its
    deadline passes, so that its connection is closed at once. Raises Stopped or OutOfTime."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    patience = current()
    try:
        return future.result() if patience is None else patience.result(future)
    finally:
        future.cancel()


_lock = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        return _started()


@functools.cache
def _started() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="clinalign-model", daemon=True).start()
    return loop
