"""What the server takes and gives, as OpenAI's API has it; `clinalign` is what it has beyond that."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from agent.serve.failures import Refused, named

MODEL = "clinalign"
_INT64 = 2**63
# Fields that are understood, but of which only these values are taken, and why.
ONLY: dict[str, tuple[tuple[object, ...], str]] = {
    "n": ((None, 1), "one answer is given: ask again with another seed"),
    "stop": ((None, [], ""), "an answer that is cut somewhere may lose its warning: use max_tokens for a short draft"),
    "top_p": ((None, 1), "use temperature"),
    "frequency_penalty": ((None, 0), "use temperature"),
    "presence_penalty": ((None, 0), "use temperature"),
    "logit_bias": ((None, {}), "the words of an answer are not to be weighted"),
    "logprobs": ((None, False), "a reviewed answer has no token probabilities"),
    "top_logprobs": ((None, 0), "a reviewed answer has no token probabilities"),
    "response_format": ((None, {"type": "text"}), "an answer is text"),
    "tools": ((None, []), "no tools are called"),
    "tool_choice": ((None, "none", "auto"), "no tools are called"),
    "parallel_tool_calls": ((None, True, False), "no tools are called"),
    "functions": ((None, []), "no tools are called"),
    "function_call": ((None, "none", "auto"), "no tools are called"),
    "modalities": ((None, ["text"]), "an answer is text"),
    "audio": ((None,), "an answer is text"),
    "prediction": ((None,), "to have an answer of yours reviewed, use /v1/revise"),
    "reasoning_effort": ((None,), "how thoroughly an answer is checked is set with clinalign.max_rounds"),
    "verbosity": ((None,), "say in the question how long the answer should be"),
    "web_search_options": ((None,), "nothing is searched on the web"),
    "service_tier": ((None, "auto", "default"), "there is one"),
    "store": ((None, False), "nothing is stored"),
}
# Labels that a client's program puts on its requests. They are not read, kept or logged.
LABELS = frozenset({"user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"})


class Strict(BaseModel):
    """No field more, no type bent, and no error that quotes what was given."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class Text(Strict):
    """A block of text."""

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A turn. Those of system and developer are not followed, and the answer's warnings say so."""

    model_config = ConfigDict(strict=True, extra="allow", hide_input_in_errors=True)
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Text]
    name: str | None = None

    @model_validator(mode="after")
    def _nothing_more(self) -> Self:
        # Clients send an answer back as they got it, with empty fields for what it has not.
        for name, value in (self.model_extra or {}).items():
            if value not in (None, [], {}):
                raise PydanticCustomError("unread", "{name} is not read: put it into the text", {"name": named([name])})
        return self

    def plain(self) -> dict[str, str]:
        """As the agent takes it."""
        text = self.content if isinstance(self.content, str) else "\n".join(block.text for block in self.content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


Messages = Annotated[list[Message], Field(min_length=1)]


class Review(Strict):
    """How an answer is reviewed: most rounds of revision, most principles, mandatory ones apart."""

    max_rounds: int = Field(default=1, ge=0, le=10)
    top_k: int = Field(default=6, ge=1, le=50)


class StreamOptions(Strict):
    """Whether the stream ends with a chunk of usage."""

    include_usage: bool = False
    include_obfuscation: bool = False


class ChatRequest(BaseModel):
    """OpenAI's request. What of it is not taken is refused by `check`."""

    model_config = ConfigDict(strict=True, extra="allow", hide_input_in_errors=True)
    model: str = Field(json_schema_extra={"enum": [MODEL]})  # another is OpenAI's 404, not a 400
    messages: Messages
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    seed: int | None = Field(default=None, ge=-_INT64, lt=_INT64)
    clinalign: Review | None = None

    def check(self) -> None:
        """Raises Refused for what is asked for and not given, by its name."""
        if self.model != MODEL:
            raise Refused(f"there is no such model: the one served is {MODEL}", "model", "model_not_found", 404)
        for name, value in (self.model_extra or {}).items():
            taken, why = ONLY.get(name, ((), "no such field is known"))
            if name not in LABELS and value not in taken:
                raise Refused(f"{named([name])} is not supported: {why}", named([name]), "unsupported_parameter")
        if self.stream_options and not self.stream:
            raise Refused("stream_options goes with stream only", "stream_options")

    def draft_tokens(self, most: int) -> int:
        """How long the draft may be: what is asked for, and `most` at the most."""
        asked = (self.max_completion_tokens, self.max_tokens)
        return min([most, *(tokens for tokens in asked if tokens is not None)])


class GradeRequest(Strict):
    """A conversation that ends with a question, and an answer to it."""

    messages: Messages
    answer: str = Field(min_length=1)


class ReviseRequest(Strict):
    """A conversation that ends with a question, and an answer to it that is reviewed and mended."""

    messages: Messages
    draft: str = Field(min_length=1)
    clinalign: Review | None = None


class ErrorBody(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorReply(BaseModel):
    """OpenAI's error."""

    error: ErrorBody


class Said(BaseModel):
    """The answer."""

    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(BaseModel):
    """The one answer; "length" says that the draft ran into its limit."""

    index: int
    message: Said
    finish_reason: Literal["stop", "length"]
    logprobs: None


class Usage(BaseModel):
    """Tokens of draft and review together, as far as the model's endpoint counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatReply(BaseModel):
    """OpenAI's reply; `clinalign` is the agent's result: draft, scenario, rubric, edits, reviewed, warnings …"""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    clinalign: dict[str, Any]
