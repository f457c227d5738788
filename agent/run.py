"""One run of the agent, with a beat while nothing comes of it, by which it is noticed that nobody waits any more."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from agent.patient import PatientGraph
from agent.state import Context

# That nobody waits any more is noticed only when something is sent.
BEAT_S = 1.0
TOLD_EVERY_S = 0.5


async def parts_of(
    agent: PatientGraph, messages: list[dict[str, str]], context: Context | None = None, draft: str | None = None
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """The parts of `agent.astream`, and None where none came for a while. Closing it ends the run.

    With a `draft`, that is reviewed and none is written.
    """
    parts = asyncio.Queue[Any]()

    async def pump() -> None:
        asked: Any = {"messages": messages} if draft is None else {"messages": messages, "draft": draft}
        modes: Any = ["custom", "messages", "values"]
        async for part in agent.astream(asked, stream_mode=modes, version="v2", context=context):
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
