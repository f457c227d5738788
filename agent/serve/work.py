"""A run of the agent behind the gate, for one request: watched while it waits and works, ended when nobody waits."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from agent.grading import graded, grader_over
from agent.run import BEAT_S, heard, parts_of
from agent.serve.chat import Said
from agent.serve.door import noted
from agent.serve.gate import Gate, Place
from agent.serve.metrics import Metrics
from agent.service import Service
from agent.state import Context
from agent.told import answered

Messages = list[dict[str, str]]
Parts = Callable[[], AsyncGenerator[dict[str, Any] | None, None]]


class ClientGone(Exception):
    """Nobody waits for the reply any more."""


@dataclass
class Work:
    """What all requests of a server share."""

    service: Service
    waiting: int
    gate: Gate = field(init=False)
    metrics: Metrics = field(init=False)
    started: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        self.gate = Gate(self.service.at_once, self.waiting)
        self.metrics = Metrics(lambda: self.gate.inside)
        self._grader = grader_over(self.service.resources)

    def answer(self, key: str, messages: Messages, context: Context, draft: str | None = None) -> tuple[Said, Place]:
        """An answer, or the review of a draft, at work. Raises BusyError where there is no place for it."""
        return self._begun(key, lambda: parts_of(self.service.agent(), messages, context, draft), answered)

    def grade(self, key: str, messages: Messages) -> tuple[Said, Place]:
        """A grade of the last message, at work. Raises BusyError where there is no place for it."""
        return self._begun(key, lambda: parts_of(self._grader, messages), graded)

    def _begun(self, key: str, parts: Parts, finish: Callable[[dict[str, Any]], dict[str, Any]]) -> tuple[Said, Place]:
        place = self.gate.enter()
        return self._said(key, place, parts, finish), place

    async def _said(
        self, key: str, place: Place, parts: Parts, finish: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Said:
        try:
            while not await place.has_turn(BEAT_S):
                yield "waiting"
            async with aclosing(parts()) as running:
                async for one in heard(running, finish):
                    if isinstance(one, dict):
                        self.metrics.result(one)
                        noted(one, key)
                    yield one
        finally:
            place.leave()


async def result_of(request: Request, said: Said, place: Place) -> dict[str, Any]:
    """The result of what is at work. Raises ClientGone, and then the work ends."""
    try:
        async with aclosing(said):
            async for one in said:
                if isinstance(one, dict):
                    return one
                if await request.is_disconnected():
                    break
        raise ClientGone
    finally:
        place.leave()


class Streamed(StreamingResponse):
    """A stream of events that gives its place back however it ends, also where it never began."""

    media_type = "text/event-stream"

    def __init__(self, events: Any, said: Said, place: Place) -> None:
        super().__init__(events, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._events, self._said, self._place = events, said, place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._place.leave()
            await self._events.aclose()
            await self._said.aclose()
