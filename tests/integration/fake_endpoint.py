"""A real HTTP server on loopback that speaks enough of the OpenAI API, and fails in the way it is told to."""

import json
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes import json_verdicts

MODEL = "m"
STATUSES = {"400": 400, "401": 401, "500": 500}
# What broken servers and their proxies send under status 200.
BODIES = {"garbage": b"\xff\xfe\x00 not json \x80", "html": b"<html><body>Bad gateway</body></html>", "empty": b""}


@dataclass(frozen=True)
class Call:
    """One chat request. `kind` is "draft", "applies", "verdict" (also of one sentence) or "json"."""

    kind: str
    prompt: str
    body: dict[str, Any]


Rule = Callable[[Call], str]
"""Names the way a call is answered: "ok", "no_logprobs" (left out), "refuses_logprobs" (400 where they are asked for),
one of STATUSES or BODIES, "hang", "drop", "die" (the server ends), and for a draft "hang_midway", "drop_midway" and
"error_event"."""


Body = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """How a kind of server differs: which requests it `refuses` with which status and body, what it makes of a whole
    `reply`, and of the events of a `stream`, some of which may be raw lines."""

    refuses: Callable[[Body], tuple[int, Any] | None] = lambda body: None
    reply: Callable[[Body, Body], Body] = lambda body, reply: reply
    stream: Callable[[Body, list[Body]], list[Body | bytes]] = lambda body, events: list(events)
    headers: dict[str, str] = field(default_factory=dict)


class FakeEndpoint:
    """Serves one model. `chance` is P(yes) of a prompt, `calls` what was asked, `keys` every Authorization header;
    `form` is the kind of server that it plays where it answers.

    Its error replies quote the prompt, as real servers do.
    """

    def __init__(self, context_tokens: int | None = None) -> None:
        self.draft = "Rest a while. Drink tea."
        self.chance: Callable[[str], float] = lambda prompt: 0.9
        self.rule: Rule = lambda call: "ok"
        self.form = Form()
        self.context_tokens = context_tokens
        self.calls: list[Call] = []
        self.keys: set[str | None] = set()
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def of(self, kind: str) -> list[Call]:
        return [call for call in self.calls if call.kind == kind]

    def close(self) -> None:
        """Stop listening and let go of requests that hang. May be called again."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(endpoint: FakeEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            meta = {"meta": {"n_ctx": endpoint.context_tokens}} if endpoint.context_tokens else {}
            self._send(200, json.dumps({"object": "list", "data": [{"id": MODEL, **meta}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.keys.add(self.headers["Authorization"])
            call = _call(body)
            endpoint.calls.append(call)
            way = endpoint.rule(call)
            self.close_connection = way != "ok"
            with suppress(ConnectionError):
                self._answer(call, way)

        def _answer(self, call: Call, way: str) -> None:
            refusal = endpoint.form.refuses(call.body) if way == "ok" else None
            if refusal is not None:
                self._send(refusal[0], json.dumps(refusal[1]).encode(), endpoint.form.headers)
            elif way == "refuses_logprobs" and call.body.get("logprobs"):
                self._send(400, json.dumps({"error": {"message": "logprobs are not supported"}}).encode())
            elif way in STATUSES:
                error = {"error": {"message": f"cannot answer: {call.prompt}", "type": "server_error"}}
                self._send(STATUSES[way], json.dumps(error).encode())
            elif way in BODIES:
                self._send(200, BODIES[way])
            elif way == "hang":
                endpoint.closing.wait()
            elif way == "die":
                endpoint.close()
            elif way != "drop" and call.kind == "draft":
                self._stream(call, way)
            elif way != "drop":
                reply = endpoint.form.reply(call.body, _reply(endpoint, call, way))
                self._send(200, json.dumps(reply).encode())

        def _stream(self, call: Call, way: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            words = endpoint.draft.split(" ")
            events = [_chunk({"content": word if number == 0 else f" {word}"}) for number, word in enumerate(words)]
            events += [_chunk({}, "stop"), _chunk(None) | {"usage": _usage()}]
            for number, event in enumerate(endpoint.form.stream(call.body, events)):
                if number == 2 and way == "hang_midway":
                    endpoint.closing.wait()
                if number == 2 and way in ("hang_midway", "drop_midway"):
                    return
                if number == 2 and way == "error_event":
                    self._event({"error": {"message": f"cannot go on with: {call.prompt}", "code": 500}})
                if isinstance(event, bytes):
                    self._write(event)
                else:
                    self._event(event)
            self._write(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def _event(self, event: dict[str, Any]) -> None:
            self._write(b"data: " + json.dumps(event).encode() + b"\n\n")

        def _write(self, piece: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _call(body: dict[str, Any]) -> Call:
    prompt = str(body["messages"][-1]["content"])
    if body.get("stream"):
        return Call("draft", prompt, body)
    if body.get("response_format") or "Reply in JSON" in prompt:
        return Call("json", prompt, body)
    return Call("applies" if "Is it true that" in prompt else "verdict", prompt, body)


def _reply(endpoint: FakeEndpoint, call: Call, way: str) -> dict[str, Any]:
    chance = endpoint.chance(call.prompt)
    word = "yes" if chance >= 0.5 else "no"
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "logprobs": None}
    text = word.title()
    if call.kind == "json":
        verdicts = '"verdicts"' in call.prompt
        text = json_verdicts(call.prompt, word) if verdicts else json.dumps({"text": "Please see a nurse."})
    elif way != "no_logprobs":
        top = [_logprob("Yes", chance), _logprob("No", 1 - chance)]
        choice["logprobs"] = {"content": [{**_logprob(text, max(chance, 1 - chance)), "top_logprobs": top}]}
    choice["message"] = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [choice],
        "usage": _usage(),
    }


def _chunk(delta: dict[str, Any] | None, finish: str | None = None) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}]
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": choices}


def _logprob(token: str, chance: float) -> dict[str, Any]:
    return {"token": token, "logprob": math.log(max(chance, 1e-9)), "bytes": list(token.encode())}


def _usage() -> dict[str, int]:
    return {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
