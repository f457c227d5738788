"""A deterministic encoder and small libraries for tests: no weights, no network."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from principles.library import Library, library_of
from principles.schema import Scenario
from retrieval.encoder import Vectors, unit_rows


class FakeEncoder:
    """Texts that share words are near: each word is a fixed random direction."""

    def __init__(self, name: str = "fake", revision: str = "1", dimension: int = 64) -> None:
        self.name = name
        self.revision = revision
        self.dimension = dimension
        self.encoded = 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded += len(texts)
        return unit_rows([self._vector(text) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        return sum((self._word(word) for word in text.lower().split()), self._word("")) / (1 + len(text.split()))

    def _word(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(self.dimension) * (1.0 if word else 0.01)


def principle(name: str, words: str, **changes: Any) -> dict[str, Any]:
    """A principle whose facets and statement are made of `words`."""
    return {
        "id": name,
        "dimension": name.split(".")[0],
        "values": {
            "urgency": ["non_emergent"],
            "uncertainty": ["reducible"],
            "expertise": ["layperson"],
            "task": ["medication"],
        }[name.split(".")[0]],
        "statement": f"{words} statement",
        "rationale": "reason",
        "applies_when": "always",
        "criterion": "does it",
        "advice": "do it",
        "points": 5,
        "facets": [f"{words} one", f"{words} two", f"{words} three"],
        "sources": [{"body": "WHO", "title": "Guide", "year": 2020}],
    } | changes


def library(*entries: dict[str, Any]) -> Library:
    return library_of(((f"entry {number}", entry) for number, entry in enumerate(entries, 1)), "test")


def scenario(**changes: Any) -> Scenario:
    values: dict[str, Any] = {
        "urgency": "non_emergent",
        "uncertainty": "reducible",
        "expertise": "layperson",
        "task": "medication",
    }
    return Scenario(**(values | changes))
