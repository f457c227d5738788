"""What the agent asks of a chat model: a streamed text, a yes/no probability, constrained JSON.

It sits on any LangChain chat model, normally ChatOpenAI on an OpenAI-compatible endpoint. Failures become
ModelError with a message that quotes no question or answer. Retries are the HTTP client's alone.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk, HumanMessage

from agent.llm.endpoint import Endpoint
from agent.llm.limits import Limits, shared_limits
from agent.llm.patience import OutOfTime, current, on_loop, within
from agent.llm.sendable import sendable
from principles.errors import ModelError, cause_of

REMOTE_TIMEOUT_S = 60.0
# The embedded server reads a long prompt at some 70 tokens a second and says nothing meanwhile.
LOCAL_TIMEOUT_S = 300.0
# How many likely tokens an endpoint is asked for; where it refuses, whether it allows the next.
TOP_LOGPROBS = (20, 5, 2)
# Anybody's question, to tell an endpoint that refuses probabilities from one that refuses a certain text.
PROBE = (HumanMessage("Is water wet? Reply with Yes or No."),)
# Below this the two words together are noise, not an answer.
LEAST_MASS = 0.01
# LangGraph leaves calls with this tag out of its "messages" stream.
SILENT = {"tags": ["nostream"]}
# Asynchronous clients that belong to the loop of all model calls: those of other people belong to their loops.
_on_our_loop: WeakSet[Any] = WeakSet()


def chat_model(endpoint: Endpoint) -> BaseChatModel:
    """ChatOpenAI on `endpoint`."""
    import httpx  # together two seconds of import: not before a model is wanted
    from langchain_openai import ChatOpenAI
    from openai import DefaultAsyncHttpxClient

    # The embedded server is on loopback, where a proxy of the environment must not be asked.
    client = httpx.Client(trust_env=False, timeout=LOCAL_TIMEOUT_S) if endpoint.local else None
    stoppable = DefaultAsyncHttpxClient(trust_env=not endpoint.local)
    _on_our_loop.add(stoppable)
    return ChatOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key or "none",  # type: ignore[arg-type]
        model=endpoint.model,
        timeout=LOCAL_TIMEOUT_S if endpoint.local else REMOTE_TIMEOUT_S,
        max_retries=1,
        stream_usage=True,
        http_client=client,
        http_async_client=stoppable,
    )


@dataclass
class Usage:
    """Calls made and tokens counted by the endpoint, as far as it counts."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, message: BaseMessage) -> None:
        """Count one reply, with the tokens that the endpoint says it took."""
        self.calls += 1
        counted = getattr(message, "usage_metadata", None) or {}
        self.prompt_tokens += counted.get("input_tokens", 0)
        self.completion_tokens += counted.get("output_tokens", 0)


@dataclass
class Model:
    """One user of a chat model, with its own sampling and its own count of usage; `cut` once a text hit its limit."""

    chat: BaseChatModel
    temperature: float = 0.0
    seed: int = 0
    usage: Usage = field(default_factory=Usage)
    limits: Limits = field(default_factory=shared_limits)
    cut: bool = field(default=False, init=False)
    _top_logprobs: int = field(default=TOP_LOGPROBS[0], init=False)
    _gave_logprobs: bool = field(default=False, init=False)

    def text(self, messages: Sequence[BaseMessage], max_tokens: int, aloud: bool = True, in_part: bool = False) -> str:
        """A reply, cut to whole sentences if it ran into `max_tokens`. It is streamed: LangGraph forwards the tokens
        of what is said `aloud`. Where the run's deadline cuts it and `in_part` is true, what was said by then."""
        said: list[BaseMessageChunk] = []
        options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": self.temperature, "seed": self.seed}
        cut_by_time = False
        try:
            within(lambda: self._stream(messages, None if aloud else SILENT, options, said))
        except OutOfTime:
            cut_by_time = in_part and any(str(chunk.text).strip() for chunk in said)
            if not cut_by_time:
                raise
        except Exception as error:  # noqa: BLE001 - any chat model, any failure: model_error names it
            raise model_error(error) from None
        whole = _joined(said)
        text = sendable(str(whole.text)).strip() if whole is not None else ""
        if whole is None or not text:
            raise ModelError("the model returned an empty answer: check that the endpoint serves a chat model")
        self.usage.add(whole)
        if cut_by_time or whole.response_metadata.get("finish_reason") == "length":
            text = _whole_sentences(text)
            self.cut = True
        return text

    def _stream(
        self,
        messages: Sequence[BaseMessage],
        config: Any,
        options: dict[str, Any],
        said: list[BaseMessageChunk],
    ) -> None:
        """Every chunk of a reply into `said`."""

        async def hear() -> None:
            async for chunk in self.chat.astream(list(messages), config, **options):
                said.append(chunk)

        patience = current()
        with self.limits.call(messages) as spent:
            if self._stoppable:
                on_loop(hear())
            else:
                for chunk in self.chat.stream(list(messages), config, **options):
                    said.append(chunk)
                    if patience:
                        patience.check()
            spent(_joined(said))

    @property
    def _stoppable(self) -> bool:
        """Whether a call can be broken off: within a run, of an endpoint whose client is this module's."""
        return current() is not None and any(
            getattr(self.chat, "http_async_client", None) is one for one in _on_our_loop
        )

    def yes_probability(self, messages: Sequence[BaseMessage]) -> float | None:
        """P(yes) / (P(yes) + P(no)) of the first token; None if neither shows up among the likeliest.

        Raises LogprobsMissing if the endpoint gives no logprobs. One that has given them, or gives them for another
        question, has not lost them: then what failed is this call, a ModelError.
        """
        try:
            reply = self._asked_for_logprobs(messages)
        except RequestRefused:
            if self._gave_logprobs:
                raise
            self._find_out()
            reply = self._asked_for_logprobs(messages)
        likeliest = _likeliest(reply)
        if likeliest is None:
            if self._gave_logprobs:
                raise ModelError("the model endpoint left out the logprobs that it gave before: look at its log")
            raise LogprobsMissing
        self._gave_logprobs = self._gave_logprobs or bool(likeliest)
        yes = sum(chance for word, chance in likeliest if word == "yes")
        no = sum(chance for word, chance in likeliest if word == "no")
        return yes / (yes + no) if yes + no >= LEAST_MASS else None

    def _asked_for_logprobs(self, messages: Sequence[BaseMessage]) -> AIMessage:
        return self._call(messages, max_tokens=1, temperature=0.0, logprobs=True, top_logprobs=self._top_logprobs)

    def _find_out(self) -> None:
        """How many logprobs the endpoint allows, by what it says to a question that is nobody's.

        Raises LogprobsMissing where it answers without them only, and RequestRefused where it does not even then.
        """
        for number in TOP_LOGPROBS:
            self._top_logprobs = number
            try:
                reply = self._asked_for_logprobs(PROBE)
            except RequestRefused:
                continue
            self._gave_logprobs = bool(_likeliest(reply))
            return
        self._call(PROBE, max_tokens=1, temperature=0.0)
        raise LogprobsMissing

    def json(self, messages: Sequence[BaseMessage], name: str, schema: dict[str, Any], max_tokens: int) -> Any:
        """The reply parsed as JSON under a strict schema; None if it is not JSON, or names a key twice."""
        reply = self._call(
            messages,
            max_tokens=max_tokens,
            temperature=0.0,
            seed=self.seed,
            response_format={"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}},
        )
        try:
            return json.loads(str(reply.text), object_pairs_hook=_each_key_once)
        except (ValueError, RecursionError):
            return None

    def _call(self, messages: Sequence[BaseMessage], **options: Any) -> AIMessage:
        def ask() -> AIMessage:
            with self.limits.call(messages) as spent:
                # Not streamed, said outright, since LangChain else streams every call while somebody listens.
                asked: Any = (list(messages), SILENT)
                if self._stoppable:
                    reply = on_loop(self.chat.ainvoke(*asked, stream=False, **options))
                else:
                    reply = self.chat.invoke(*asked, stream=False, **options)
                spent(reply)
                return reply

        try:
            reply = within(ask)
        except Exception as error:  # noqa: BLE001 - as above
            raise model_error(error) from None
        self.usage.add(reply)
        return reply


class LogprobsMissing(Exception):
    """The endpoint gives no probabilities of its tokens, whatever it is asked."""


class RequestRefused(ModelError):
    """HTTP 400 or 422: something in the request is not to the endpoint's liking."""


def model_error(error: Exception) -> ModelError:
    """What a failed call means to a person. The original text may quote the prompt, so it is not repeated."""
    import httpx
    import openai

    if isinstance(error, ModelError):
        return error
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    kind, passing, said = ModelError, False, "the model endpoint"
    if isinstance(error, openai.APITimeoutError):
        passing, said = True, f"{said} did not answer in time: is it overloaded, or the model too large for it?"
    elif isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        said += " refused the key: set CLINALIGN_API_KEY to a valid one"
    elif isinstance(error, openai.NotFoundError):
        said = "the endpoint does not know this model or path: check CLINALIGN_MODEL and CLINALIGN_BASE_URL"
    elif isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        kind = RequestRefused
        said += f" refused the request ({status}): the conversation may exceed its context"
    elif status == 429:
        passing, said = True, f"{said} is asked too much (HTTP 429): wait, or set CLINALIGN_REQUESTS_PER_MINUTE"
    elif status is not None:
        passing, said = status >= 500, f"{said} failed with HTTP {status}: look at its log"
    elif isinstance(error, openai.APIConnectionError):
        passing, said = True, f"{said} cannot be reached: check CLINALIGN_BASE_URL and that the server runs"
    else:
        passing = isinstance(error, httpx.TransportError | ConnectionError)
        said += f" gave an unusable answer ({type(error).__name__}): is it OpenAI-compatible?"
    return kind(said, retryable=passing, cause=cause_of(error, status))


def _joined(said: Sequence[BaseMessageChunk]) -> BaseMessageChunk | None:
    whole: BaseMessageChunk | None = None
    for chunk in list(said):  # of a call that was given up more may still come
        whole = chunk if whole is None else whole + chunk
    return whole


def _likeliest(reply: AIMessage) -> list[tuple[str, float]] | None:
    """The likeliest first words in lower case with their probabilities, none where nothing was said; None where the
    endpoint gives no logprobs."""
    try:
        content = (reply.response_metadata.get("logprobs") or {}).get("content")
        if not content:
            return None if str(reply.text) else []
        return [(str(e["token"]).strip().lower(), math.exp(e["logprob"])) for e in content[0]["top_logprobs"]]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError):
        return None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict; json.loads alone would take the last of two contradicting values."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _whole_sentences(text: str) -> str:
    end = max(text.rfind(mark) for mark in (". ", ".\n", "! ", "? ", "!\n", "?\n", "。", "！", "？", "। ", "؟ "))
    return text[: end + 1] if end > len(text) // 3 else text
