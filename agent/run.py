"""One run of the agent that ends when nobody waits for it any more."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakSet

from langchain_core.callbacks import BaseCallbackHandler

from agent.graph import Agent
from agent.state import Context

# That nobody waits any more is noticed only when something is sent.
BEAT_S = 1.0
TOLD_EVERY_S = 0.5
# Two stages of each run are at work at once. Python's own number follows the cores, and threads that wait need none.
THREADS = 64
_roomy: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


class Stopped(BaseException):
    """Not an Exception: the agent would take it for a failure of the model and go on."""


class Switch(BaseCallbackHandler):
    """Ends a run at the next call or token of the model, since a thread cannot be cancelled from outside."""

    raise_error = True

    def __init__(self) -> None:
        self.off = threading.Event()

    def _check(self, *args: Any, **kwargs: Any) -> None:
        if self.off.is_set():
            raise Stopped

    on_chat_model_start = on_llm_new_token = _check


async def parts_of(
    agent: Agent, messages: list[dict[str, str]], context: Context | None = None, draft: str | None = None
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """The parts of `agent.astream`, and None where none came for a while. Closing it ends the run.

    With a `draft`, that is reviewed and none is written.
    """
    switch, parts = Switch(), asyncio.Queue[Any]()
    _make_room(asyncio.get_running_loop())

    async def pump() -> None:
        asked: Any = {"messages": messages} if draft is None else {"messages": messages, "draft": draft}
        modes: Any = ["custom", "messages", "values"]
        how: Any = {"stream_mode": modes, "version": "v2", "context": context}
        async for part in agent.astream(asked, {"callbacks": [switch]}, **how):
            parts.put_nowait(part)

    run = asyncio.create_task(pump())
    run.add_done_callback(lambda _: parts.put_nowait(None))
    try:
        while not run.done() or not parts.empty():
            try:
                yield await asyncio.wait_for(parts.get(), BEAT_S)
            except TimeoutError:
                yield None
        await run
    finally:
        switch.off.set()
        run.cancel()


async def heard(
    parts: AsyncGenerator[dict[str, Any] | None, None], finish: Callable[[dict[str, Any]], dict[str, Any]]
) -> AsyncGenerator[str | dict[str, Any], None]:
    """The name of the stage at work, again and again, and at last what `finish` makes of the state."""
    state: dict[str, Any] = {}
    stage, told = "waiting", 0.0
    async for part in parts:
        if part and part["type"] == "values":
            state = part["data"]
        elif part and part["type"] == "custom" and part["data"]["status"] == "start":
            stage, told = part["data"]["stage"], 0.0
        if time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            yield stage
    yield finish(state)


def _make_room(loop: asyncio.AbstractEventLoop) -> None:
    if loop not in _roomy:
        _roomy.add(loop)
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="clinalign"))
