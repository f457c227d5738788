"""What an endpoint takes of a request: servers of one API differ in it, and say so with a refusal.

The first request is the one that most servers take. What a refusal names is left out or said otherwise, and what then
works is kept for the endpoint. The text of a refusal may quote the prompt: it is searched for names here, never shown.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

# More than an answer, for a model that reasons first: so much it may reason, in tokens.
REASONING_TOKENS = 2_048
# Refusals of what was asked. Some servers fail with 500 where the model's template does.
REFUSALS = (400, 422, 500)
_OVERFLOW = re.compile(
    r"context[ _](?:length|window|size)|maximum context|exceeds? the (?:available )?context|prompt is too long",
    re.IGNORECASE,
)

Payload = dict[str, Any]


@dataclass(frozen=True)
class Dialect:
    """`given_up` are the ways of `_WAYS` that the endpoint refused; `reasons` that its model reasons before it answers,
    within the same limit of tokens, and `unopened` that only the end of that is marked."""

    given_up: frozenset[str] = field(default_factory=frozenset)
    reasons: bool = False
    unopened: bool = False

    def applied(self, payload: Payload) -> Payload:
        """The request as this endpoint takes it."""
        if self.reasons and "max_tokens" in payload and not payload.get("logprobs"):
            payload = payload | {"max_tokens": payload["max_tokens"] + REASONING_TOKENS}
        for way in _WAYS:
            if way.name in self.given_up:
                payload = way.instead(payload)
        return payload

    def after(self, refusal: str, payload: Payload) -> "Dialect | None":
        """What to try after a refusal with this text; None where it names nothing that could be left out."""
        if is_overflow(refusal):
            return None
        for way in _WAYS:
            if way.name not in self.given_up and way.names.search(refusal) and way.instead(payload) != payload:
                return replace(self, given_up=self.given_up | {way.name})
        return None


def is_overflow(refusal: str) -> bool:
    """Whether a refusal says that the conversation is too long for the model."""
    return bool(_OVERFLOW.search(refusal))


def refusal_of(error: Any) -> str:
    """The text of an endpoint's error, for `Dialect.after` alone."""
    body = getattr(error, "body", None)
    return f"{getattr(error, 'message', '')} {json.dumps(body, default=str) if body else ''}"


class ErrorInReply(Exception):
    """An error that came under status 200; `body` is its object, `status` the one that it names, if any."""

    def __init__(self, body: Any) -> None:
        super().__init__()  # without its text, which may quote the prompt
        self.body = body


def status_of(error: Exception) -> int | None:
    """The HTTP status of an endpoint's failure, or the one that an error under status 200 names."""
    status = getattr(error, "status_code", None)
    body = getattr(error, "body", None)
    codes = [body.get(key) for key in ("code", "status", "status_code")] if isinstance(body, dict) else []
    named = (int(str(code)) for code in codes if re.fullmatch("[45][0-9]{2}", str(code)))
    return int(status) if isinstance(status, int) else next(named, None)


@dataclass(frozen=True)
class _Way:
    """A part of the request that some endpoints refuse: how their refusals name it, and the request without it."""

    name: str
    names: re.Pattern[str]
    instead: Callable[[Payload], Payload]


def _without(*keys: str) -> Callable[[Payload], Payload]:
    return lambda payload: {key: value for key, value in payload.items() if key not in keys}


def _limited_anew(payload: Payload) -> Payload:
    """OpenAI's newer models take `max_completion_tokens` alone, which older servers pass over without a word."""
    if "max_tokens" not in payload:
        return payload
    return {**_without("max_tokens")(payload), "max_completion_tokens": payload["max_tokens"]}


def _without_system_role(payload: Payload) -> Payload:
    """The system's text before that of the first user turn: templates like Gemma's know no such role."""
    first, *rest = payload["messages"]
    if first["role"] != "system" or not rest or rest[0]["role"] != "user":
        return payload
    user = {**rest[0], "content": f"{first['content']}\n\n{rest[0]['content']}"}
    return {**payload, "messages": [user, *rest[1:]]}


_WAYS = (
    _Way(
        "system role",
        re.compile(r"\bsystem\b|developer instruction|roles must alternate", re.IGNORECASE),
        _without_system_role,
    ),
    _Way("max_tokens", re.compile(r"max_(?:completion_)?tokens"), _limited_anew),
    _Way("sampling", re.compile(r"\b(?:temperature|seed)\b", re.IGNORECASE), _without("temperature", "seed")),
    _Way("usage", re.compile(r"stream_options|include_usage"), _without("stream_options")),
    _Way(
        "schema",
        re.compile(r"response_format|json_schema|structured|grammar|guided", re.IGNORECASE),
        _without("response_format"),
    ),
)
