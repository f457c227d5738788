"""OpenAI's chat completions: a result of the agent as its reply, whole or as a stream.

A draft is unreviewed, and an OpenAI client would show it as the answer. So a stream brings the answer once it is
reviewed; until then there are comments, which clients pass over and which keep the connection open.
"""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from agent.serve.failures import body_of
from agent.serve.wire import MODEL
from agent.state import CUT

COMMENT_EVERY_S = 5.0
Said = AsyncGenerator[str | dict[str, Any], None]
"""The stages of an answer at work, by name, and at last its result."""


def whole(key: str, result: dict[str, Any]) -> dict[str, Any]:
    """The reply of a request that does not stream."""
    said = {"role": "assistant", "content": result["answer"], "refusal": None}
    choice = {"index": 0, "message": said, "finish_reason": _end(result), "logprobs": None}
    head = _head(key, "chat.completion")
    return head | {"choices": [choice], "usage": _usage(result), "clinalign": review(result)}


async def streamed(key: str, said: Said, include_usage: bool) -> AsyncIterator[str]:
    """Server-sent events: comments while it works, the answer, and with the last chunk the review. A failure is one
    event with OpenAI's error in it."""
    head = _head(key, "chat.completion.chunk")
    yield _event(head | _delta({"role": "assistant", "content": ""}))
    stage, told = "", time.monotonic()
    try:
        async for one in said:
            if isinstance(one, str):
                if one != stage or time.monotonic() - told >= COMMENT_EVERY_S:
                    stage, told = one, time.monotonic()
                    yield f": {stage}\n\n"
                continue
            for line in one["answer"].splitlines(keepends=True):
                yield _event(head | _delta({"content": line}))
            last = head | _delta({}, _end(one))
            if include_usage:
                yield _event(last)
                last = head | {"choices": [], "usage": _usage(one)}
            yield _event(last | {"clinalign": review(one)})
        yield "data: [DONE]\n\n"
    except Exception as error:  # noqa: BLE001 - the status is sent: the failure has to go into the stream
        yield _event(body_of(error))


def review(result: dict[str, Any]) -> dict[str, Any]:
    """The agent's result without what the reply says already, and without the question."""
    return {key: value for key, value in result.items() if key not in ("messages", "answer")}


def _end(result: dict[str, Any]) -> str:
    return "length" if any(warning.startswith(CUT) for warning in result["warnings"]) else "stop"


def _usage(result: dict[str, Any]) -> dict[str, int]:
    asked, written = (result["usage"].get(name, 0) for name in ("prompt_tokens", "completion_tokens"))
    return {"prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written}


def _head(key: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{key}", "object": kind, "created": int(time.time()), "model": MODEL}


def _delta(delta: dict[str, str], end: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": end, "logprobs": None}]}


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"
