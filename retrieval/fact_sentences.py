"""How near each sentence of an answer is to each knowledge card, in the light of the question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from principles.facts import Fact
from retrieval.fact_vectors import FactVectors
from retrieval.facts import FactSearch

# What BM25 counts beside cosines where cards are looked for a sentence, its own words and the question's.
OF_SENTENCE, OF_QUESTION = 0.02, 0.01
# Past this place a card is as far from a sentence as any other.
LAST_PLACE = 4
FEATURES = ("wrong", "says", "asked", "question says", "question asked", "question", "place")

Matrix = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Nearness:
    """Cosines of sentences to cards: `wrong` to the nearest of a card's wrong forms, `says` to what it says, `asked` to
    what it is asked by, each (sentences, cards); `question_says` and `question_asked` (cards,) and `question`
    (sentences,) those of the question; `places` (sentences, cards) counts from 0 for the card nearest to a sentence."""

    cards: tuple[Fact, ...]
    wrong: Matrix
    says: Matrix
    asked: Matrix
    question_says: Matrix
    question_asked: Matrix
    question: Matrix
    places: npt.NDArray[np.intp]

    def nearest(self, sentence: int, most: int) -> list[int]:
        """The places among `cards` of those nearest to a sentence, nearest first."""
        return [int(at) for at in np.argsort(self.places[sentence])[:most]]

    def features(self, sentence: int, card: int) -> list[float]:
        """What speaks for a sentence being about a card, in the order of `FEATURES`."""
        return [
            self.wrong[sentence, card],
            self.says[sentence, card],
            self.asked[sentence, card],
            self.question_says[card],
            self.question_asked[card],
            self.question[sentence],
            float(min(self.places[sentence, card], LAST_PLACE)),
        ]


def nearness(search: FactSearch, question: str, sentences: Sequence[str]) -> Nearness:
    """Of each sentence to each card of the shelf."""
    vectors: FactVectors = search.vectors
    (asked_for,) = search.encoder.encode([question])
    alone = search.encoder.encode(sentences)
    joined = search.encoder.encode([f"{question} {sentence}" for sentence in sentences])
    says, asked = alone @ vectors.says.T, alone @ vectors.asked.T
    near = np.maximum(says, asked) + np.maximum(joined @ vectors.says.T, joined @ vectors.asked.T)
    said = np.stack([search.words_score(sentence) for sentence in sentences])
    order = np.argsort(-(near + OF_SENTENCE * said + OF_QUESTION * search.words_score(question)), axis=1)
    return Nearness(
        search.cards,
        np.maximum.reduceat(alone @ vectors.wrong.T, vectors.starts, axis=1),
        says,
        asked,
        vectors.says @ asked_for,
        vectors.asked @ asked_for,
        alone @ asked_for,
        np.argsort(order, axis=1),
    )
