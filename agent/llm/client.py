"""What the agent asks of a chat model: a streamed text, a yes/no probability, constrained JSON.

It sits on any LangChain chat model, normally ChatOpenAI on an OpenAI-compatible endpoint. Failures become
ModelError with a message that quotes no question or answer. Retries are the HTTP client's alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk, HumanMessage

from agent.llm.dialect import is_overflow, refusal_of, status_of
from agent.llm.endpoint import Endpoint
from agent.llm.limits import Limits, shared_limits
from agent.llm.patience import OutOfTime, current, on_loop, within
from agent.llm.replies import REASONED, TOP_LOGPROBS, Likely, Logprobs, json_in, likeliest, was_cut, yes_share
from agent.llm.sendable import sendable
from agent.llm.spoken import said
from principles.errors import ModelError, cause_of

REMOTE_TIMEOUT_S = 60.0
# The embedded server reads a long prompt at some 70 tokens a second and says nothing meanwhile.
LOCAL_TIMEOUT_S = 300.0
# Anybody's question, to tell an endpoint that refuses probabilities from one that refuses a certain text.
PROBE = (HumanMessage("Is water wet? Reply with Yes or No."),)
# LangGraph leaves calls with this tag out of its "messages" stream.
SILENT = {"tags": ["nostream"]}
# Asynchronous clients that belong to the loop of all model calls: those of other people belong to their loops.
_on_our_loop: WeakSet[Any] = WeakSet()


def chat_model(endpoint: Endpoint) -> BaseChatModel:
    """ChatOpenAI on `endpoint`, whatever kind of server that is."""
    from openai import DefaultAsyncHttpxClient

    from agent.llm.chat import EndpointChat

    # The embedded server is on loopback, where a proxy of the environment must not be asked.
    client = DefaultAsyncHttpxClient(trust_env=not endpoint.local)
    _on_our_loop.add(client)
    return EndpointChat(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key or "none",  # type: ignore[arg-type]
        model=endpoint.model,
        timeout=LOCAL_TIMEOUT_S if endpoint.local else REMOTE_TIMEOUT_S,
        max_retries=1,
        stream_usage=True,
        use_responses_api=False,  # which ChatOpenAI turns to by itself where a model's name asks for it
        http_async_client=client,
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
    _known: Logprobs = field(init=False)

    def __post_init__(self) -> None:
        # An endpoint's chat model keeps it for all who share it.
        self._known = getattr(self.chat, "known_logprobs", None) or Logprobs()

    def text(self, messages: Sequence[BaseMessage], max_tokens: int, aloud: bool = True, in_part: bool = False) -> str:
        """A reply, cut to whole sentences if it ran into `max_tokens`. It is streamed: LangGraph forwards the tokens
        of what is said `aloud`. Where the run's deadline cuts it and `in_part` is true, what was said by then."""
        heard: list[BaseMessageChunk] = []
        options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": self.temperature, "seed": self.seed}
        cut_by_time = False
        try:
            within(lambda: self._stream(messages, None if aloud else SILENT, options, heard))
        except OutOfTime:
            cut_by_time = in_part and any(str(chunk.text).strip() for chunk in heard)
            if not cut_by_time:
                raise
        except Exception as error:  # noqa: BLE001 - any chat model, any failure: model_error names it
            raise model_error(error) from None
        whole = _joined(heard)
        if whole is None:
            raise ModelError("the model returned nothing: check that the endpoint serves a chat model")
        self.usage.add(whole)
        text = self._said(whole)
        if cut_by_time or was_cut(whole.response_metadata.get("finish_reason")):
            text = _whole_sentences(text)
            self.cut = True
        return text

    def _stream(
        self,
        messages: Sequence[BaseMessage],
        config: Any,
        options: dict[str, Any],
        heard: list[BaseMessageChunk],
    ) -> None:
        """Every chunk of a reply into `heard`."""

        async def hear() -> None:
            async for chunk in self.chat.astream(list(messages), config, **options):
                heard.append(chunk)

        patience = current()
        with self.limits.call(messages) as spent:
            if self._stoppable:
                on_loop(hear())
            else:
                for chunk in self.chat.stream(list(messages), config, **options):
                    heard.append(chunk)
                    if patience:
                        patience.check()
            spent(_joined(heard))

    @property
    def _stoppable(self) -> bool:
        """Whether a call can be broken off: to an endpoint whose client is this module's."""
        return any(getattr(self.chat, "http_async_client", None) is one for one in _on_our_loop)

    def _said(self, reply: BaseMessage) -> str:
        """The text of a reply. Raises ModelError where there is none, and says why as far as the reply tells."""
        finish = reply.response_metadata.get("finish_reason")
        whole = sendable(str(reply.text)).strip()
        if text := said(whole):
            return text
        if finish == "content_filter":
            raise ModelError("the model endpoint's own filter held the answer back")
        if whole or REASONED in reply.additional_kwargs:
            spent = (getattr(reply, "usage_metadata", None) or {}).get("output_tokens", 0)
            raise ModelError(
                f"the model reasoned until its limit{f', {spent:,} tokens,' if spent else ''} and gave no answer: turn "
                "its reasoning off at the endpoint, or choose a model that reasons less"
            )
        raise ModelError("the model returned an empty answer: check that the endpoint serves a chat model")

    def yes_probability(self, messages: Sequence[BaseMessage]) -> float | None:
        """P(yes) / (P(yes) + P(no)) of the first token; None if neither shows up among the likeliest.

        Raises LogprobsMissing if the endpoint gives no logprobs, or none that tell yes from no even where anybody's
        question is asked. One that has given them has not lost them: then what failed is this call, a ModelError.
        """
        if self._known.given is False:
            raise LogprobsMissing
        try:
            found = self._first_words(messages)
        except RequestRefused:
            if self._known.given:
                raise
            self._find_out()
            found = self._first_words(messages)
        if not self._known.given and (not found or yes_share(found) is None):
            self._find_out()
        if found is None:
            raise ModelError("the model endpoint left out the logprobs that it gave before: look at its log")
        chance = yes_share(found)
        self._known.given = self._known.given or chance is not None
        return chance

    def _first_words(self, messages: Sequence[BaseMessage]) -> Likely | None:
        options = {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": self._known.most}
        reply = self._call(messages, **options)
        return likeliest(reply.response_metadata.get("logprobs"), str(reply.text))

    def _find_out(self) -> None:
        """How many logprobs the endpoint allows, by what it says to a question that is nobody's.

        Raises LogprobsMissing where it answers without usable ones, and RequestRefused where it does not even then.
        """
        for number in TOP_LOGPROBS:
            self._known.most = number
            try:
                found = self._first_words(PROBE)
            except RequestRefused:
                continue
            self._known.given = bool(found) and yes_share(found or []) is not None
            if not self._known.given:
                raise LogprobsMissing
            return
        self._call(PROBE, max_tokens=1, temperature=0.0)
        self._known.given = False
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
        if REASONED in reply.additional_kwargs:
            return json_in(self._said(reply))
        return json_in(said(str(reply.text)))

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
    status = status_of(error)
    kind, passing, why = ModelError, False, "the model endpoint"
    if isinstance(error, openai.APITimeoutError):
        passing, why = True, f"{why} did not answer in time: is it overloaded, or the model too large for it?"
    elif status in (401, 403):
        why += " refused the key: set CLINALIGN_API_KEY to a valid one"
    elif status == 404:
        why = "the endpoint does not know this model or path: check CLINALIGN_MODEL and CLINALIGN_BASE_URL"
    elif status in (400, 413, 422):
        kind = RequestRefused
        why += f" refused the request (HTTP {status}): "
        why += "the conversation exceeds its context" if is_overflow(refusal_of(error)) else "its log tells why"
    elif status == 429:
        passing, why = True, f"{why} is asked too much (HTTP 429): wait, or set CLINALIGN_REQUESTS_PER_MINUTE"
    elif status is not None:
        passing, why = status >= 500, f"{why} failed with HTTP {status}: look at its log"
    elif isinstance(error, openai.APIConnectionError):
        passing, why = True, f"{why} cannot be reached: check CLINALIGN_BASE_URL and that the server runs"
    else:
        passing = isinstance(error, httpx.TransportError | ConnectionError)
        why += f" gave an unusable answer ({type(error).__name__}): is it OpenAI-compatible?"
    return kind(why, retryable=passing, cause=cause_of(error, status))


def _joined(heard: Sequence[BaseMessageChunk]) -> BaseMessageChunk | None:
    whole: BaseMessageChunk | None = None
    for chunk in list(heard):  # of a call that was given up more may still come
        whole = chunk if whole is None else whole + chunk
    return whole


def _whole_sentences(text: str) -> str:
    end = max(text.rfind(mark) for mark in (". ", ".\n", "! ", "? ", "!\n", "?\n", "。", "！", "？", "। ", "؟ "))
    return text[: end + 1] if end > len(text) // 3 else text
