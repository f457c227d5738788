"""A chat model that answers by rule, and a retriever over a few principles: for unit tests only."""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from principles.library import Library
from principles.schema import Principle, Scenario, Source
from retrieval.retriever import Retrieved

Chance = Callable[[str], float | None]


class ScriptedChat(BaseChatModel):
    """`draft` is streamed word by word; `chance` maps a judge's prompt to P(yes), None for an off-menu reply.

    `worded` is the reply to a request for JSON. `reply` gives the reply to any prompt but that of a draft, or None to
    leave it to the others; it may raise. Every prompt is kept in `prompts`. `fail_from` makes every call from that
    one on raise.
    """

    draft: str = "Rest and drink water."
    chance: Chance = lambda prompt: 0.9
    worded: str = '{"text": "Please see a nurse."}'
    logprobs: bool = True
    reply: Callable[[str], str | None] | None = None
    fail_from: int | None = None
    error: Exception = Field(default_factory=lambda: ConnectionError("gone"))
    prompts: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _heard(self, messages: Sequence[BaseMessage]) -> str:
        if self.fail_from is not None and len(self.prompts) >= self.fail_from:
            raise self.error
        prompt = str(messages[-1].text)
        self.prompts.append(prompt)
        return prompt

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        prompt = self._heard(messages)
        usage = {"input_tokens": 10, "output_tokens": 1, "total_tokens": 11}
        metadata: dict[str, Any] = {}
        said = self.reply(prompt) if self.reply else None
        if said is not None:
            text = said
        elif options.get("response_format"):
            text = self.worded
            if "verdict" in str(options["response_format"]):
                text = json_verdicts(prompt, "yes" if (self.chance(prompt) or 0) >= 0.5 else "no")
        else:
            text, metadata = "Yes", self._metadata(self.chance(prompt)) if options.get("logprobs") else {}
        message = AIMessage(text, usage_metadata=usage, response_metadata=metadata)  # type: ignore[arg-type]
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _metadata(self, chance: float | None) -> dict[str, Any]:
        if not self.logprobs:
            return {}
        pairs = [("Maybe", 1.0)] if chance is None else [("Yes", chance), ("No", 1 - chance)]
        top = [{"token": token, "logprob": math.log(max(p, 1e-9))} for token, p in pairs]
        return {"logprobs": {"content": [{"top_logprobs": top}]}}

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self._heard(messages)
        for piece in self.draft.split(" "):
            chunk = ChatGenerationChunk(message=AIMessageChunk(f"{piece} "))
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


def json_verdicts(prompt: str, verdict: str) -> str:
    """The reply of a judge that is asked for JSON: the same verdict on each criterion of its prompt."""
    ids = re.findall(r"^([0-9a-f]{8})$", prompt, re.MULTILINE)
    return json.dumps({"verdicts": [{"id": key, "reason": "it says so", "verdict": verdict} for key in ids]})


def literal(prompt: str) -> float:
    """A judge that reads: yes if the word asked about stands in the answer (or the sentence)."""
    if "Is it true that" in prompt:
        return 0.9
    word = prompt.split("the answer mention ")[-1].split("?")[0]
    if "the sentence quoted below" in prompt:
        return 0.9 if word in prompt.split("?")[-1] else 0.1
    return 0.9 if word in prompt.split("Answer:")[-1].split("Does the answer")[0] else 0.1


def reader(prompt: str) -> float:
    """A judge that finds jam where it is, and every question to be about it."""
    if "the sentence quoted below" in prompt:
        return 0.9 if "jam" in prompt.split("?")[-1] else 0.1
    if "Answer:" not in prompt:
        return 0.9
    return 0.9 if "jam" in prompt.split("Answer:")[-1].split("Does the answer")[0] else 0.1


def principle(name: str, **fields: Any) -> Principle:
    """A principle with neutral texts; `name` is the part of the id after the dot."""
    dimension = fields.pop("dimension", "task")
    given: dict[str, Any] = {
        "id": f"{dimension}.{name}",
        "dimension": dimension,
        "values": ("medication",) if dimension == "task" else ("emergent",),
        "statement": f"The answer mentions {name}.",
        "rationale": "It matters.",
        "applies_when": f"The question is about {name}.",
        "criterion": f"Does the answer mention {name}?",
        "advice": f"Mind the {name}.",
        "points": 5,
        "facets": (f"{name} one", f"{name} two", f"{name} three"),
        "sources": (Source(body="WHO", title="Guide", year=2020),),
    }
    return Principle.model_validate(given | fields)


class WordEncoder:
    """Bags of words as unit vectors: texts that share words are alike."""

    name, revision, dimension = "words", "1", 64

    def encode(self, texts: Sequence[str]) -> Any:
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[sum(map(ord, word.strip(".,?!:;"))) % self.dimension] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


class FixedRetriever:
    """Brings in all its principles for every question; those with `always` are mandatory."""

    def __init__(self, *principles: Principle) -> None:
        self.library = Library(tuple(principles), "digest")
        self.encoder = WordEncoder()

    def retrieve(self, question: str, scenario: Scenario, top_k: int = 8) -> list[Retrieved]:
        return [Retrieved(p, 0.9, p.always) for p in self.library.principles][:top_k]


class FixedClassifier:
    """Every question is a layperson's about a medicine, and no emergency."""

    def classify(self, turns: Any) -> Scenario:
        return Scenario.model_validate(
            {"urgency": "non_emergent", "uncertainty": "none", "expertise": "layperson", "task": "medication"}
        )
