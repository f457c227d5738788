"""A synthesizer over a few principles, and questions for it."""

import json
from pathlib import Path
from typing import Any

from agent.rubric import Search
from tests.fakes import FixedClassifier, FixedRetriever, WordEncoder, principle
from training.common.questions import Question
from training.synthesis.gate import Gate
from training.synthesis.pipeline import Synthesizer
from training.synthesis.relevance import Relevance
from training.synthesis.signal import Sampler
from training.synthesis.writers import RelevantWriter, WriterName

NAMES = ("rest", "fluids", "fever", "vomiting", "rash", "allergy")
PRINCIPLES = [principle(name, criterion=f"Does the answer mention {name} {name} today?") for name in NAMES]
REPLY = {"criteria": [{"principle": n, "criterion": f"Does the answer mention {w} {w} first?", "points": 4} for n, w in
                      enumerate(NAMES, 1)]}  # fmt: skip


def synthesizer(writer: Any = None, sampler: Sampler | None = None) -> Synthesizer:
    retriever: Any = FixedRetriever(*PRINCIPLES)
    search = Search(retriever, FixedClassifier())  # type: ignore[arg-type]
    name: WriterName = "model" if writer else "templates"
    return Synthesizer(
        search, name, writer or RelevantWriter(Relevance(retriever.library)), Gate(WordEncoder()), sampler
    )


def question(text: str = "May I take it with milk?", **fields: Any) -> Question:
    return Question(prompt_id=fields.pop("prompt_id", text), turns=({"role": "user", "content": text},), **fields)


def lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in records), encoding="utf-8")
    return path
