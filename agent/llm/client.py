"""What the agent asks of a chat model: a streamed text, a yes/no probability, constrained JSON.

It sits on any LangChain chat model, normally ChatOpenAI on an OpenAI-compatible endpoint. Failures become
ModelError with a message that quotes no question or answer. Retries are the HTTP client's alone.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk

from agent.llm.endpoint import Endpoint
from agent.llm.limits import Limits, shared_limits
from agent.llm.sendable import sendable
from principles.errors import ModelError

REMOTE_TIMEOUT_S = 60.0
# The embedded server reads a long prompt at some 70 tokens a second and says nothing meanwhile.
LOCAL_TIMEOUT_S = 300.0
TOP_LOGPROBS = 20
# Below this the two words together are noise, not an answer.
LEAST_MASS = 0.01
# LangGraph leaves calls with this tag out of its "messages" stream.
SILENT = {"tags": ["nostream"]}


def chat_model(endpoint: Endpoint) -> BaseChatModel:
    """ChatOpenAI on `endpoint`."""
    import httpx  # together two seconds of import: not before a model is wanted
    from langchain_openai import ChatOpenAI

    # The embedded server is on loopback, where a proxy of the environment must not be asked.
    client = httpx.Client(trust_env=False, timeout=LOCAL_TIMEOUT_S) if endpoint.local else None
    return ChatOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key or "none",  # type: ignore[arg-type]
        model=endpoint.model,
        timeout=LOCAL_TIMEOUT_S if endpoint.local else REMOTE_TIMEOUT_S,
        max_retries=1,
        stream_usage=True,
        http_client=client,
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

    def text(self, messages: Sequence[BaseMessage], max_tokens: int, aloud: bool = True) -> str:
        """A reply, cut to whole sentences if it ran into `max_tokens`. It is streamed: LangGraph forwards the tokens
        of what is said `aloud`."""
        whole: BaseMessageChunk | None = None
        options: dict[str, Any] = {"max_tokens": max_tokens, "temperature": self.temperature, "seed": self.seed}
        try:
            with self.limits.call(messages) as spent:
                for chunk in self.chat.stream(list(messages), None if aloud else SILENT, **options):  # type: ignore[arg-type]
                    whole = chunk if whole is None else whole + chunk
                spent(whole)
        except Exception as error:  # noqa: BLE001 - any chat model, any failure: model_error names it
            raise model_error(error) from None
        text = sendable(str(whole.text)).strip() if whole is not None else ""
        if whole is None or not text:
            raise ModelError("the model returned an empty answer: check that the endpoint serves a chat model")
        self.usage.add(whole)
        if whole.response_metadata.get("finish_reason") == "length":
            text = _whole_sentences(text)
            self.cut = True
        return text

    def yes_probability(self, messages: Sequence[BaseMessage]) -> float | None:
        """P(yes) / (P(yes) + P(no)) of the first token; None if neither shows up among the likeliest.

        Raises LogprobsMissing if the endpoint gives no logprobs.
        """
        try:
            reply = self._call(messages, max_tokens=1, temperature=0.0, logprobs=True, top_logprobs=TOP_LOGPROBS)
        except RequestRefused:
            raise LogprobsMissing from None
        try:
            likeliest = reply.response_metadata["logprobs"]["content"][0]["top_logprobs"]
            chances = [(str(entry["token"]).strip().lower(), math.exp(entry["logprob"])) for entry in likeliest]
        except (KeyError, IndexError, TypeError):
            raise LogprobsMissing from None
        yes = sum(chance for word, chance in chances if word == "yes")
        no = sum(chance for word, chance in chances if word == "no")
        return yes / (yes + no) if yes + no >= LEAST_MASS else None

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
        try:
            # Said outright, since LangChain else streams every call while somebody listens to the graph.
            with self.limits.call(messages) as spent:
                reply = self.chat.invoke(list(messages), SILENT, stream=False, **options)  # type: ignore[arg-type]
                spent(reply)
        except Exception as error:  # noqa: BLE001 - as above
            raise model_error(error) from None
        self.usage.add(reply)
        return reply


class LogprobsMissing(Exception):
    """The endpoint gives no probabilities of its tokens, or refuses to."""


class RequestRefused(ModelError):
    """HTTP 400: something in the request is not to the endpoint's liking."""


def model_error(error: Exception) -> ModelError:
    """What a failed call means to a person. The original text may quote the prompt, so it is not repeated."""
    import openai

    if isinstance(error, ModelError):
        return error
    if isinstance(error, openai.APITimeoutError):
        return ModelError("the model endpoint did not answer in time: is it overloaded, or the model too large for it?")
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return ModelError("the model endpoint refused the key: set CLINALIGN_API_KEY to a valid one")
    if isinstance(error, openai.NotFoundError):
        return ModelError("the endpoint does not know this model or path: check CLINALIGN_MODEL and CLINALIGN_BASE_URL")
    if isinstance(error, openai.BadRequestError):
        return RequestRefused("the model endpoint refused the request (400): the conversation may exceed its context")
    if isinstance(error, openai.APIStatusError):
        return ModelError(f"the model endpoint failed with HTTP {error.status_code}: look at its log")
    if isinstance(error, openai.APIConnectionError):
        return ModelError("the model endpoint cannot be reached: check CLINALIGN_BASE_URL and that the server runs")
    return ModelError(f"the model endpoint gave an unusable answer ({type(error).__name__}): is it OpenAI-compatible?")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict; json.loads alone would take the last of two contradicting values."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _whole_sentences(text: str) -> str:
    end = max(text.rfind(mark) for mark in (". ", ".\n", "! ", "? ", "!\n", "?\n", "。", "！", "？", "। ", "؟ "))
    return text[: end + 1] if end > len(text) // 3 else text
