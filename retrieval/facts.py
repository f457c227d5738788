"""From a question to the knowledge cards that bear on it: by words and by meaning, joined by rank.

Words count where a name decides (a medicine, a disease), meaning where a patient has words of his own. Brands and
generic names of a medicine are one word here. A card comes in only if enough speaks for it (`likely`), which was
learnt from labelled pairs of questions and cards: docs/facts.md says how.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from principles.facts import Fact, load_facts
from principles.library import Library
from retrieval.encoder import Encoder
from retrieval.fact_vectors import FactVectors, cards_of, fact_vectors
from retrieval.fact_words import tokens

MOST = 6
# How many of the best by words and by meaning are looked at; reciprocal rank fusion's constant (Cormack, 2009).
CANDIDATES, RANK = 30, 60
# The logistic regression that says whether a card bears on a question (`python -m training critic facts`), and from
# which probability on it comes in.
WEIGHTS = {"cosine": 12.4, "words": 0.17, "fused": 7.9}
BIAS, LIKELY = -9.3, 0.5


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
    def cards(self) -> tuple[Fact, ...]:
        """All cards of the shelf, in its order."""
        return cards_of(self.facts)

    @cached_property
    def vectors(self) -> FactVectors:
        """Those of all cards, embedded at the first use if they never were."""
        return fact_vectors(self.facts, self.encoder)

    @cached_property
    def _words(self) -> Any:
        """BM25 over the words of each card."""
        import bm25s

        made = bm25s.BM25()
        made.index([list(words) for words in self.vectors.words], show_progress=False)
        return made

    def search(self, question: str, most: int = MOST, likely: float = LIKELY) -> list[Found]:
        """The cards that bear on a question with at least that probability, best first, at most so many; often none."""
        places, features = self.evidence(question)
        chances = 1 / (1 + np.exp(-(features @ np.fromiter(WEIGHTS.values(), dtype=np.float64) + BIAS)))
        best = [at for at in np.argsort(-chances)[:most] if chances[at] >= likely]
        return [Found(self.cards[places[at]], float(features[at, 0]), float(chances[at])) for at in best]

    def evidence(self, question: str) -> tuple[list[int], np.ndarray[Any, Any]]:
        """What speaks for the candidates: their positions, and (candidates, features) in the order of `WEIGHTS`."""
        (row,) = self.encoder.encode([question])
        near = np.maximum(self.vectors.says @ row, self.vectors.asked @ row)
        said = self.words_score(question)
        by_meaning, by_words = np.argsort(-near)[:CANDIDATES], np.argsort(-said)[:CANDIDATES]
        fused: dict[int, float] = {}
        for ranked in (by_meaning, by_words):
            for rank, place in enumerate(ranked.tolist()):
                fused[place] = fused.get(place, 0.0) + 1 / (RANK + rank)
        rows = [(near[place], said[place], score) for place, score in fused.items()]
        return list(fused), np.array(rows, dtype=np.float64)

    def words_score(self, text: str) -> np.ndarray[Any, Any]:
        """BM25 of each card for a text: (cards,)."""
        found = tokens(text)
        return np.asarray(self._words.get_scores(found)) if found else np.zeros(len(self.cards))

    def neighbours(self, cards: Sequence[Fact], most: int) -> list[tuple[str, list[Fact]]]:
        """Of each card its id and the others of these cards that say what is nearest in meaning, nearest first."""
        places = {card.id: place for place, card in enumerate(self.cards)}
        rows = self.vectors.says[[places[card.id] for card in cards]]
        near = np.argsort(-(rows @ rows.T), axis=1)[:, : most + 1]
        return [
            (card.id, [cards[at] for at in row if cards[at].id != card.id][:most])
            for card, row in zip(cards, near, strict=True)
        ]


def load_fact_search(encoder: Encoder, folder: Path | None = None) -> FactSearch:
    """The search over the cards of `load_facts`."""
    return FactSearch(load_facts(folder), encoder)
