"""From a question to the knowledge cards that bear on it: by words and by meaning, joined by rank.

Words count where a name decides (a medicine, a disease), meaning where a patient has words of his own. Brands and
generic names of a medicine are one word here. A card comes in only if enough speaks for it (`likely`), which was
learnt from labelled pairs of questions and cards: docs/facts.md says how.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from principles.facts import Fact, load_facts
from principles.files import cache_dir, write_atomic
from principles.library import Library
from principles.medicines import medicine_keys
from retrieval.encoder import Encoder, Vectors
from retrieval.progress import shown

MOST = 6
# How many of the best by words and by meaning are looked at; reciprocal rank fusion's constant (Cormack, 2009).
CANDIDATES, RANK = 30, 60
# The logistic regression that says whether a card bears on a question (`python -m training critic facts`), and from
# which probability on it comes in.
WEIGHTS = {"cosine": 12.4, "words": 0.17, "fused": 7.9}
BIAS, LIKELY = -9.3, 0.5
BATCH = 256
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Found:
    """A card for a question, with the cosine of its nearest text and the probability that it bears on the question."""

    fact: Fact
    similarity: float
    likely: float


class FactSearch:
    """Search in one shelf of cards; safe to share between threads."""

    def __init__(self, facts: Library, encoder: Encoder) -> None:
        self.facts = facts
        self.encoder = encoder

    @property
    def _cards(self) -> tuple[Fact, ...]:
        return self.facts.principles  # type: ignore[return-value]

    @cached_property
    def _rows(self) -> Vectors:
        """Two unit vectors a card: what it says, and what it is asked by, in one array (2 × cards, dimension)."""
        return _vectors(self._cards, self.facts.digest, self.encoder)

    @cached_property
    def _words(self) -> Any:
        """BM25 over the words of each card."""
        import bm25s

        made = bm25s.BM25()
        made.index([_tokens(_read(card)) for card in self._cards], show_progress=False)
        return made

    def search(self, question: str, most: int = MOST, likely: float = LIKELY) -> list[Found]:
        """The cards that bear on a question with at least that probability, best first, at most so many; often none."""
        places, features = self.evidence(question)
        chances = 1 / (1 + np.exp(-(features @ np.fromiter(WEIGHTS.values(), dtype=np.float64) + BIAS)))
        best = [at for at in np.argsort(-chances)[:most] if chances[at] >= likely]
        return [Found(self._cards[places[at]], float(features[at, 0]), float(chances[at])) for at in best]

    def evidence(self, question: str) -> tuple[list[int], np.ndarray[Any, Any]]:
        """What speaks for the candidates: their positions, and (candidates, features) in the order of `WEIGHTS`."""
        near = (self._rows @ self.encoder.encode([question])[0]).reshape(2, -1).max(axis=0)
        tokens = _tokens(question)
        said = np.asarray(self._words.get_scores(tokens)) if tokens else np.zeros(len(self._cards))
        by_meaning, by_words = np.argsort(-near)[:CANDIDATES], np.argsort(-said)[:CANDIDATES]
        fused: dict[int, float] = {}
        for ranked in (by_meaning, by_words):
            for rank, place in enumerate(ranked.tolist()):
                fused[place] = fused.get(place, 0.0) + 1 / (RANK + rank)
        rows = [(near[place], said[place], score) for place, score in fused.items()]
        return list(fused), np.array(rows, dtype=np.float64)


def load_fact_search(encoder: Encoder, folder: Path | None = None) -> FactSearch:
    """The search over the cards of `load_facts`."""
    return FactSearch(load_facts(folder), encoder)


def _read(card: Fact) -> str:
    return " ".join([*card.names, *card.names, *card.facets, card.statement])


def _tokens(text: str) -> list[str]:
    """Words without the commonest, singular; a medicine by its generic name too."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    words = [word for word in _WORD.findall(text.lower()) if word not in STOPWORDS_EN_PLUS and len(word) > 1]
    stems = [word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word for word in words]
    return [*stems, *(f"medicine:{key}" for key in sorted(medicine_keys(text)))]


def _vectors(cards: Sequence[Fact], digest: str, encoder: Encoder) -> Vectors:
    identity = hashlib.sha256("\n".join([digest, encoder.name, encoder.revision]).encode()).hexdigest()
    kept = cache_dir("facts") / f"{identity[:32]}.npy"
    try:
        rows: Vectors = np.load(io.BytesIO(kept.read_bytes()), allow_pickle=False).astype(np.float32)
        if rows.shape == (2 * len(cards), encoder.dimension):
            return rows
    except (OSError, ValueError, EOFError):
        pass
    texts = [card.statement for card in cards] + [" ".join(card.facets) for card in cards]
    batches = shown(range(0, len(texts), BATCH), "Reading the knowledge cards")
    rows = np.concatenate([encoder.encode(texts[start : start + BATCH]) for start in batches])
    buffer = io.BytesIO()
    np.save(buffer, rows.astype(np.float16), allow_pickle=False)
    write_atomic(kept, buffer.getvalue())
    return rows
