"""The forms in which servers of OpenAI's API answer, by shape only: what differs from one to the other."""

import math
from collections.abc import Callable
from typing import Any

from tests.integration.fake_endpoint import Body, Form

THOUGHT = "They ask about quokkas. "
SAID = "Rest a while. Drink tea."


def _message(body: Body, reply: Body, change: Callable[[Body], None]) -> Body:
    change(reply["choices"][0])
    return reply


def _logprobs(change: Callable[[list[Body]], Any]) -> Callable[[Body, Body], Body]:
    """Where there are logprobs, what `change` makes of the first token's alternatives."""

    def made(body: Body, reply: Body) -> Body:
        choice = reply["choices"][0]
        if choice["logprobs"]:
            choice["logprobs"] = change(choice["logprobs"]["content"][0]["top_logprobs"])
        return reply

    return made


def _content(top: list[Body]) -> Body:
    return {"content": [{**top[0], "top_logprobs": top}]}


def _spelt(spell: Callable[[str], str]) -> Callable[[Body, Body], Body]:
    return _logprobs(lambda top: _content([one | {"token": spell(one["token"])} for one in top]))


def _no(body: Body, reply: Body) -> Body:
    reply["choices"][0]["logprobs"] = None
    return reply


def _at_most(number: int) -> Callable[[Body], tuple[int, Any] | None]:
    def refuses(body: Body) -> tuple[int, Any] | None:
        if body.get("top_logprobs", 0) > number:
            return 400, {"error": {"message": f"top_logprobs must be <= {number}"}}
        return None

    return refuses


def _named(key: str, message: str, status: int = 400) -> Callable[[Body], tuple[int, Any] | None]:
    return lambda body: (status, {"error": {"message": message, "param": key}}) if key in body else None


def _no_system(body: Body) -> tuple[int, Any] | None:
    if any(message["role"] == "system" for message in body["messages"]):
        return 400, {"error": {"message": "System role not supported", "type": "invalid_request_error"}}
    return None


def _delta(content: Any, **more: Any) -> Body:
    delta = {"role": "assistant", "content": content, **more}
    return {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}


def _finished(reason: str | None, **more: Any) -> Body:
    choice = {"index": 0, "delta": {}, "finish_reason": reason}
    return {"id": "1", "object": "chat.completion.chunk", "choices": [choice], **more}


def _pieces(text: str, size: int = 3) -> list[Body]:
    return [_delta(text[start : start + size]) for start in range(0, len(text), size)]


def _before(text: str) -> tuple[Callable[[Body, Body], Body], Callable[[Body, list[Body]], list[Body | bytes]]]:
    """A reply and a stream that begin with `text`; of a verdict's one token that is all there is."""

    def reply(body: Body, made: Body) -> Body:
        choice = made["choices"][0]
        if body.get("logprobs"):
            choice["message"]["content"] = text[:7]
            choice["logprobs"] = _content([{"token": text[:7], "logprob": -0.001, "bytes": None}])
        else:
            choice["message"]["content"] = text + choice["message"]["content"]
        return made

    return reply, lambda body, events: [*_pieces(text), *events]


def _apart(key: str) -> Form:
    """Reasoning in a field of its own."""

    def reply(body: Body, made: Body) -> Body:
        choice = made["choices"][0]
        choice["message"][key] = THOUGHT
        if body.get("logprobs"):
            choice["message"]["content"] = None
            choice["finish_reason"] = "length"
            choice["logprobs"] = _content([{"token": "They", "logprob": -0.001, "bytes": None}])
        return made

    thoughts = [_delta(None, **{key: THOUGHT}), _delta(None, **{key: "Hm."})]
    return Form(reply=reply, stream=lambda body, events: [*thoughts, *events])


def _hungry(needed: int) -> Form:
    """Reasons for `needed` tokens, whatever it is asked."""

    def room(body: Body) -> bool:
        return int(body.get("max_tokens", 0)) > needed

    def reply(body: Body, made: Body) -> Body:
        choice = made["choices"][0]
        choice["message"]["reasoning_content"] = THOUGHT
        choice["logprobs"] = None
        if not room(body):
            choice["message"]["content"] = None
            choice["finish_reason"] = "length"
        return made

    def stream(body: Body, events: list[Body]) -> list[Body | bytes]:
        thought = _delta(None, reasoning_content=THOUGHT)
        return [thought, *events] if room(body) else [thought, _finished("length"), events[-1]]

    return Form(reply=reply, stream=stream)


def _ended(reason: str) -> Form:
    def reply(body: Body, made: Body) -> Body:
        made["choices"][0]["finish_reason"] = reason
        return made

    return Form(reply=reply, stream=lambda body, events: [*events[:-2], _finished(reason), events[-1]])


def _parts(body: Body, made: Body) -> Body:
    message = made["choices"][0]["message"]
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}
    message["content"] = [thinking, {"type": "text", "text": message["content"]}]
    return made


def _in_parts(body: Body, events: list[Body]) -> list[Body | bytes]:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}
    texts = [{"type": "text", "text": word if place == 0 else f" {word}"} for place, word in enumerate(SAID.split(" "))]
    return [_delta([thinking]), *(_delta([text]) for text in texts), *events[-2:]]


def _with_comments(body: Body, events: list[Body]) -> list[Body | bytes]:
    return [b": OPENROUTER PROCESSING\n\n", events[0], b": OPENROUTER PROCESSING\n\n", *events[1:]]


def _azure(body: Body, events: list[Body]) -> list[Body | bytes]:
    filtered: Body = {
        "id": "",
        "object": "",
        "model": "",
        "choices": [],
        "prompt_filter_results": [{"prompt_index": 0}],
    }
    return [filtered, *events]


def _completions(top: list[Body]) -> Body:
    first = top[0]
    return {
        "tokens": [first["token"]],
        "token_logprobs": [first["logprob"]],
        "top_logprobs": [{one["token"]: one["logprob"] for one in top}],
        "text_offset": [0],
    }


_THINK = _before(f"<think>\n{THOUGHT}\n</think>\n\n")
_CLOSED = _before(f"{THOUGHT}\n</think>\n\n")
_HARMONY = _before(f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>")

BY_PROBABILITY = {
    "plain": Form(),
    "byte-level tokens": Form(reply=_spelt(lambda token: f"Ġ{token}")),
    "SentencePiece tokens": Form(reply=_spelt(lambda token: f"▁{token}")),
    "quoted tokens": Form(reply=_spelt(lambda token: f'"{token}"')),
    "shouted tokens": Form(reply=_spelt(lambda token: f"{token.upper()}.")),
    "logprobs of completions": Form(reply=_logprobs(_completions)),
    "five logprobs": Form(refuses=_at_most(5)),
    "five logprobs, by 422": Form(
        refuses=lambda body: (422, {"detail": "top_logprobs"}) if _at_most(5)(body) else None
    ),
    "no system role": Form(refuses=_no_system),
    "max_completion_tokens": Form(
        refuses=_named("max_tokens", "Unsupported parameter: 'max_tokens': use 'max_completion_tokens' instead.")
    ),
    "no temperature": Form(refuses=_named("temperature", "Unsupported value: 'temperature' does not support 0.0")),
    "no seed": Form(refuses=lambda body: (422, {"detail": [{"loc": ["body", "seed"]}]}) if "seed" in body else None),
    "no stream options": Form(refuses=_named("stream_options", "Extra inputs are not permitted: stream_options")),
    "comments": Form(stream=_with_comments),
    "a filter's chunk first": Form(stream=_azure),
    "finished by eos_token": _ended("eos_token"),
    "content in parts": Form(reply=_parts, stream=_in_parts),
}
AS_JSON = {
    "no logprobs": Form(reply=_no),
    "logprobs left out": Form(reply=lambda body, made: _message(body, made, lambda choice: choice.pop("logprobs"))),
    "logprobs in a place of its own": Form(
        reply=lambda body, made: _message(
            body, made, lambda choice: choice.update(completion_probabilities=choice.pop("logprobs"))
        )
    ),
    "empty top_logprobs": Form(
        reply=_logprobs(lambda top: {"content": [{"token": "No", "logprob": math.log(0.8), "top_logprobs": []}]})
    ),
    "numbers for tokens": Form(
        reply=_logprobs(lambda top: _content([one | {"token": f"token_id:{n}"} for n, one in enumerate(top)]))
    ),
    "thinks in the text": Form(reply=_THINK[0], stream=_THINK[1]),
    "closes what it never opened": Form(reply=_CLOSED[0], stream=_CLOSED[1]),
    "channels": Form(reply=_HARMONY[0], stream=_HARMONY[1]),
    "reasoning_content": _apart("reasoning_content"),
    "reasoning": _apart("reasoning"),
    "reasons for 700 tokens": _hungry(700),
    "no logprobs, no schema": Form(
        reply=_no, refuses=_named("response_format", "'response_format' of type 'json_schema' is not supported")
    ),
    "no logprobs, fenced JSON": Form(
        reply=lambda body, made: _message(
            body,
            _no(body, made),
            lambda choice: choice["message"].update(content=f"```json\n{choice['message']['content']}\n```"),
        )
    ),
}
