"""One run of the agent that ends when nobody waits for it any more."""

import asyncio
import html
import logging
import threading
import traceback
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakSet

from langchain_core.callbacks import BaseCallbackHandler

from agent.graph import Agent
from agent.state import Context
from principles.errors import ClinAlignError

# Gradio notices a closed page only when something is sent to it.
BEAT_S = 1.0
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
    agent: Agent, messages: list[dict[str, str]], context: Context | None = None
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """The parts of `agent.astream`, and None where none came for a while. Closing it ends the run."""
    switch, parts = Switch(), asyncio.Queue[Any]()
    _make_room(asyncio.get_running_loop())

    async def pump() -> None:
        asked: Any = {"messages": messages}
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


def _make_room(loop: asyncio.AbstractEventLoop) -> None:
    if loop not in _roomy:
        _roomy.add(loop)
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="clinalign"))


def explained(error: Exception) -> str:
    """What the page says of a failure, as HTML. One that is not ours is logged by type and place alone."""
    if isinstance(error, ClinAlignError):
        return html.escape(str(error), quote=False)
    places = "".join(traceback.format_tb(error.__traceback__))
    logging.getLogger(__name__).error("unexpected %s\n%s", type(error).__name__, places)
    return f"Something unexpected went wrong ({type(error).__name__}). Please ask again; the log says where it was."
