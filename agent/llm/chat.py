"""ChatOpenAI on servers of all kinds: what one refuses is said otherwise, what a model says to itself is left out.

All requests that follow from one call are made here, beside the HTTP client's own second try: at most one for each part
of the request that the endpoint refuses, and one where reasoning has used up the room for an answer. They run on the
loop of all model calls, where a call can be broken off; who calls from a thread waits for it there.
"""

import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr

from agent.llm.dialect import REFUSALS, Dialect, ErrorInReply, refusal_of, status_of
from agent.llm.patience import on_loop
from agent.llm.replies import REASONED, Logprobs, was_cut
from agent.llm.spoken import Spoken, said
from principles.errors import ModelError

# Where servers put what the model said to itself.
_FIELDS = ("reasoning_content", "reasoning", "thinking")
# Of content that comes in parts pydantic warns with a quotation of it.
warnings.filterwarnings("ignore", message="Pydantic serializer warnings")


class EndpointChat(ChatOpenAI):
    """A chat model on one endpoint, whose dialect it learns for all who share it."""

    _dialect: Dialect = PrivateAttr(default_factory=Dialect)
    _logprobs: Logprobs = PrivateAttr(default_factory=Logprobs)

    @property
    def known_logprobs(self) -> Logprobs:
        """What is known of the endpoint's probabilities; who asks for them writes it there."""
        return self._logprobs

    def _get_request_payload(self, input_: Any, *, stop: list[str] | None = None, **options: Any) -> dict[str, Any]:
        dialect: Dialect = options.pop("dialect", self._dialect)
        payload = super()._get_request_payload(input_, stop=stop, **options)
        # ChatOpenAI renames it, and a server that does not know the new name writes on without a limit.
        if "max_completion_tokens" in payload:
            payload["max_tokens"] = payload.pop("max_completion_tokens")
        return dialect.applied(payload)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        dialect = self._dialect
        while True:
            reply = _Reply(Spoken(within=dialect.unopened))
            try:
                async with aclosing(self._said(messages, stop, dialect, reply, options)) as chunks:
                    async for chunk in chunks:
                        # Each piece is told, with a word or without: that is where whoever listens can end the call.
                        yield await _told(chunk, run_manager)
            except (openai.APIError, ErrorInReply) as error:
                if reply.pieces:
                    raise
                dialect = self._after(error, dialect, messages, options | {"stream_options": {}})
                continue
            spoken = reply.spoken
            self._learn(dialect, reasons=spoken.reasoned, unopened=spoken.unopened)
            if not spoken.reasoned or reply.pieces or dialect.reasons:
                yield await _told(reply.last_chunk(), run_manager)
                return
            dialect = replace(dialect, reasons=True)

    async def _said(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        dialect: Dialect,
        reply: "_Reply",
        options: dict[str, Any],
    ) -> AsyncGenerator[ChatGenerationChunk]:
        """The chunks of one request without the model's reasoning. Raises ModelError where the stream breaks off."""
        most = options.get("max_tokens")
        parts: Any = super()._astream(messages, stop, None, dialect=dialect, **options)
        async with aclosing(parts) as chunks:
            async for chunk in chunks:
                yield reply.read(chunk)
                if dialect.reasons and most is not None and reply.pieces >= most:
                    reply.finish = reply.finish or "length"  # the room for reasoning is not the answer's
                    return
        if left := reply.spoken.end(cut=was_cut(reply.finish)):
            reply.pieces += 1
            yield ChatGenerationChunk(message=AIMessageChunk(content=left))
        if not reply.chunks:
            raise ModelError("the model endpoint gave an unusable answer (an empty stream): is it OpenAI-compatible?")
        if reply.finish is None or reply.finish == "error":
            raise ModelError("the model endpoint broke off in the middle of its answer: ask again", retryable=True)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        parts = self._astream(messages, stop, None, **options)
        try:
            while (chunk := on_loop(_next(parts))) is not None:
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
        finally:
            on_loop(_closed(parts))

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        made = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
        deltas = [choice.get("delta") for choice in chunk.get("choices") or ()]
        if made is not None and any(_reasons_in(delta) for delta in deltas):
            made.message.additional_kwargs[REASONED] = True
        return made

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        return on_loop(self._agenerate(messages, stop, None, **options))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        dialect = self._dialect
        while True:
            try:
                result = await super()._agenerate(messages, stop, run_manager, dialect=dialect, **options)
            except openai.LengthFinishReasonError as error:  # JSON that ran into its limit: whoever reads it sees that
                result = self._create_chat_result(error.completion)
            except (openai.APIError, ErrorInReply) as error:
                dialect = self._after(error, dialect, messages, options)
                continue
            message = result.generations[0].message if result.generations else None
            reasoned = message is not None and REASONED in message.additional_kwargs
            self._learn(dialect, reasons=reasoned)
            # One token of a verdict is not to become an essay.
            if not reasoned or dialect.reasons or options.get("logprobs") or said(str(message.text)):  # type: ignore[union-attr]
                return result
            dialect = replace(dialect, reasons=True)

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        raw = response.model_dump(warnings=False) if isinstance(response, openai.BaseModel) else response
        if isinstance(raw, dict) and raw.get("error"):
            raise ErrorInReply(raw["error"])
        result = super()._create_chat_result(response, generation_info)
        for generation, choice in zip(result.generations, raw["choices"], strict=True):
            text = str(generation.message.text)
            if _reasons_in(choice.get("message")) or said(text) != text.strip() or _counted(generation.message):
                generation.message.additional_kwargs[REASONED] = True
        return result

    def _after(self, error: Exception, tried: Dialect, messages: list[BaseMessage], options: dict[str, Any]) -> Dialect:
        """What to try after this failure. Raises it where nothing of the request is named."""
        adapted = None
        if status_of(error) in REFUSALS:
            payload = self._get_request_payload(messages, dialect=tried, **options)
            adapted = tried.after(refusal_of(error), payload)
        if adapted is None:
            raise error
        return adapted

    def _learn(self, worked: Dialect, reasons: bool, unopened: bool = False) -> None:
        known = self._dialect
        self._dialect = Dialect(
            known.given_up | worked.given_up,
            known.reasons or worked.reasons or reasons,
            known.unopened or worked.unopened or unopened,
        )


@dataclass
class _Reply:
    """One streamed reply: what of it is said, of how many chunks and pieces with words, and how it ended, None while it
    has not."""

    spoken: Spoken
    chunks: int = 0
    pieces: int = 0
    finish: str | None = None

    def read(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """The chunk without reasoning, and without its end: whether that is the whole reply's is not known yet."""
        message = chunk.message
        self.chunks += 1
        self.finish = (chunk.generation_info or {}).get("finish_reason") or self.finish
        self.spoken.reasoned = self.spoken.reasoned or REASONED in message.additional_kwargs or _counted(message)
        text = self.spoken.feed(str(message.text))
        self.pieces += bool(text)
        return ChatGenerationChunk(message=message.model_copy(update={"content": text, "additional_kwargs": {}}))

    def last_chunk(self) -> ChatGenerationChunk:
        """How it ended, and whether there was reasoning."""
        marks = {REASONED: True} if self.spoken.reasoned else {}
        message = AIMessageChunk(content="", additional_kwargs=marks)
        return ChatGenerationChunk(message=message, generation_info={"finish_reason": self.finish})


async def _told(chunk: ChatGenerationChunk, run_manager: AsyncCallbackManagerForLLMRun | None) -> ChatGenerationChunk:
    if run_manager:
        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
    return chunk


async def _next(parts: AsyncIterator[ChatGenerationChunk]) -> ChatGenerationChunk | None:
    return await anext(parts, None)


async def _closed(parts: Any) -> None:
    await parts.aclose()


def _reasons_in(message: Any) -> bool:
    """Whether a message or a piece of one brings reasoning, in a field of its own or as a part of its content."""
    if not isinstance(message, dict):
        return False
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return any(message.get(name) for name in _FIELDS) or any(
        isinstance(part, dict) and part.get("type") in _FIELDS for part in parts
    )


def _counted(message: BaseMessage) -> bool:
    """Whether the endpoint counts tokens of reasoning that it does not show."""
    usage = getattr(message, "usage_metadata", None) or {}
    return bool((usage.get("output_token_details") or {}).get("reasoning"))
