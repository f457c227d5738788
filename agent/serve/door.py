"""What every request passes: who asks, under which name, how much is sent; and what is written down of it.

Plain ASGI, since the middlewares of Starlette hide a client that goes away.
"""

import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent import NOTICE
from agent.serve.failures import Refused, reply_to
from agent.serve.keys import Keys
from agent.serve.listening import LOOPBACK_NAMES
from agent.serve.metrics import Metrics
from principles.logs import log_unexpected, logger

# Asked by whoever watches over a server, and telling nothing.
OPEN = frozenset({"/healthz", "/readyz"})
CLIENT_GONE = 499
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_log = logger("serve")


@dataclass
class Door:
    """Lets requests in. Without `keys` they have to name this machine, or `host`."""

    app: ASGIApp
    metrics: Metrics
    keys: Keys | None = None
    host: str = "127.0.0.1"
    most_bytes: int = 1_000_000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whatever goes wrong is told and written down without its words."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        one = _Request(headers.get("x-request-id", ""), receive, send, self.most_bytes)
        scope.setdefault("state", {})["request_id"] = one.key
        try:
            self._check(scope["path"], headers)
            await self.app(scope, one.receive, one.send)
        except Exception as error:  # noqa: BLE001 - the server would log the words of whatever gets through
            if one.status:
                log_unexpected("serve", error)  # too late to tell it
            else:
                await reply_to(error)(scope, receive, one.send)
        finally:
            self._write_down(scope, one)

    def _check(self, path: str, headers: Headers) -> None:
        if self.keys is None and not self._is_here(headers.get("host", "")):
            raise Refused("this server answers to programs of its own machine", None, "host_not_allowed", 403)
        if self.keys and path not in OPEN and not self.keys.accept(headers.get("authorization", "")):
            raise Refused("send one of the server's API keys as a bearer token", None, "invalid_api_key", 401)
        sent = headers.get("content-length", "")
        if sent.isdecimal() and int(sent) > self.most_bytes:
            raise too_large(self.most_bytes)

    def _is_here(self, given: str) -> bool:
        name = re.sub(r":\d+$", "", given).lower()
        return name in (*LOOPBACK_NAMES, self.host, f"[{self.host}]")

    def _write_down(self, scope: Scope, one: "_Request") -> None:
        seconds = time.perf_counter() - one.started
        # Not the path as it was sent: somebody may have written a question into it.
        route = getattr(scope.get("route"), "path", None) or (scope["path"] if scope["path"] in OPEN else "other")
        status = one.status or CLIENT_GONE
        self.metrics.request(route, status, seconds)
        method = scope["method"] if scope["method"] in METHODS else "other"
        sizes = (one.came, one.went)
        told = logging.DEBUG if route in OPEN else logging.INFO  # a watcher asks every few seconds
        _log.log(told, "request=%s %s %s %d %.3f s in=%d out=%d bytes", one.key, method, route, status, seconds, *sizes)


@dataclass
class _Request:
    """One request under way: its id, its status once that is sent (0 before), and the bytes that came and went."""

    given_id: str
    _receive: Receive
    _send: Send
    most_bytes: int
    status: int = 0
    came: int = 0
    went: int = 0
    started: float = field(default_factory=time.perf_counter)
    key: str = ""

    def __post_init__(self) -> None:
        self.key = self.given_id if _ID.fullmatch(self.given_id) else uuid.uuid4().hex

    async def receive(self) -> Message:
        """As the server's. Raises 413 where more comes than is taken."""
        message = await self._receive()
        self.came += len(message.get("body", b""))
        if self.came > self.most_bytes:
            raise HTTPException(413, _size(self.most_bytes))
        return message

    async def send(self, message: Message) -> None:
        """As the server's, with the headers that each reply has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.key
            headers["ClinAlign-Notice"] = NOTICE
        self.went += len(message.get("body", b""))
        await self._send(message)


def too_large(most: int) -> Refused:
    """What is said of a body beyond the limit."""
    return Refused(_size(most), None, "body_too_large", 413)


def _size(most: int) -> str:
    return f"the body is larger than {most:,} bytes: send a shorter conversation"


def noted(result: dict[str, Any], key: str) -> None:
    """Write down what became of an answer, a revision or a grade."""
    facts = {"answer": len(result.get("answer", "")), "draft": len(result.get("draft", "")), **result["usage"]}
    if "reviewed" in result:
        facts |= {"reviewed": result["reviewed"], "edits": len(result["edits"])}
    _log.info("result=%s %s", key, " ".join(f"{name}={value}" for name, value in facts.items()))
