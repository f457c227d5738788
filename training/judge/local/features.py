"""What can be counted about a criterion and an answer without a model that reads: the judge's cheap half.

For each criterion: how near the answer's sentences come to it, which of its words and numbers the answer
has, how it is worded, and what kind of answer and rubric this is. Wordings like a criterion's met or
unmet neighbours among the training criteria say a good deal by themselves (`CriterionLore`).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from principles.grader import Turns
from principles.schema import Criterion

Array = npt.NDArray[np.float32]
_WORD = re.compile(r"[a-z0-9]+")
_NUMBER = re.compile(r"\d+")
# How criteria say that something is missing or wrong, and that a list in them is open.
_DENIALS = ("fail", "does not", "omit", "without", "incorrect", "inaccura", "lack", "not ")
_OPEN_LIST = ("such as", "e.g", "example")
NEIGHBOURS = 25
# How much nearer neighbours count for more.
SHARPNESS = 8.0
COMPONENTS = 24
LORE_FEATURES = COMPONENTS + 2


@dataclass(frozen=True)
class Case:
    """One answer with the criteria that it is judged by, and their vectors: `sentence_vectors`
    (sentences, d), `criterion_vectors` (criteria, d), `question_vector` (d,); unit rows."""

    turns: Turns
    answer: str
    criteria: Sequence[Criterion]
    sentences: Sequence[str]
    sentence_vectors: Array
    criterion_vectors: Array
    question_vector: Array

    @cached_property
    def likeness(self) -> Array:
        """Cosine of each criterion with each sentence: (criteria, sentences)."""
        return self.criterion_vectors @ self.sentence_vectors.T


class WordWeights:
    """Inverse document frequency of words, from the training texts."""

    def __init__(self, weights: Mapping[str, float], unseen: float) -> None:
        self.weights = weights
        self.unseen = unseen

    @classmethod
    def counted(cls, texts: Iterable[str]) -> "WordWeights":
        """The weights of all words of these texts: log of texts over texts with the word."""
        counts: Counter[str] = Counter()
        total = 0
        for text in texts:
            total += 1
            counts.update(set(words(text)))
        return cls({w: round(math.log(total / (1 + n)), 3) for w, n in counts.items()}, round(math.log(total), 3))

    def of(self, found: Sequence[str]) -> Array:
        """The weight of each word: (n,)."""
        return np.array([self.weights.get(word, self.unseen) for word in found], dtype=np.float32)


def words(text: str) -> list[str]:
    """The words and numbers of a text in lower case."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class CriterionLore:
    """What the training criteria teach about wordings: their vectors (n, d), signs and item numbers (n,), the
    share of answers that met each (n,), and the directions (COMPONENTS, d) around `mean` in which they differ."""

    vectors: Array
    positive: npt.NDArray[np.bool_]
    item: npt.NDArray[np.int64]
    met: Array
    mean: Array
    directions: Array

    @classmethod
    def learnt(
        cls, vectors: Array, positive: npt.NDArray[np.bool_], item: npt.NDArray[np.int64], met: Array
    ) -> "CriterionLore":
        """From criteria as the fields say; the directions are the first principal components."""
        mean = vectors.mean(axis=0)
        directions = np.linalg.svd(vectors - mean, full_matrices=False)[2][:COMPONENTS]
        return cls(vectors, positive, item, met, mean, directions)

    def features(self, vectors: Array, positive: npt.NDArray[np.bool_], own_item: int = -1) -> Array:
        """(criteria, COMPONENTS + 2): place among the wordings, share met of the nearest ones and how near they
        are. Those of `own_item` are left out, which would tell the verdict in training."""
        likeness = vectors @ self.vectors.T
        shut = (self.positive[None, :] != positive[:, None]) | (self.item == own_item)[None, :]
        likeness[shut] = -1.0
        near = np.argpartition(-likeness, min(NEIGHBOURS, likeness.shape[1] - 1), axis=1)[:, :NEIGHBOURS]
        close = np.take_along_axis(likeness, near, axis=1)
        weight = np.exp(SHARPNESS * close)
        share = (weight * self.met[near]).sum(axis=1) / weight.sum(axis=1)
        place = (vectors - self.mean) @ self.directions.T
        return np.column_stack([place, share, close.max(axis=1)]).astype(np.float32)


def counted_features(case: Case, weights: WordWeights) -> Array:
    """(criteria, FEATURES) of one answer."""
    answer, likeness = case.answer, case.likeness
    nearest = -np.sort(-likeness, axis=1)
    typical = case.sentence_vectors.mean(axis=0)
    in_answer = set(words(answer))
    about_answer = _about_answer(case)
    rows = []
    for place, criterion in enumerate(case.criteria):
        best = set(words(case.sentences[int(likeness[place].argmax())]))
        own, top = case.criterion_vectors[place], nearest[place]
        rows.append(
            [
                *(criterion.points, abs(criterion.points), criterion.points > 0, len(criterion.text)),
                *(top[0], top[min(1, top.size - 1)], top[:3].mean(), top[:5].mean(), top.mean(), likeness[place].std()),
                *(own @ typical, own @ case.question_vector),
                *(top[0] - nearest[:, 0].mean(), (nearest[:, 0] < top[0]).mean()),
                *_words_shared(criterion.text, in_answer, best, weights),
                *_numbers_shared(criterion.text, answer),
                *_wording(criterion.text),
                sum(len(other.text) < len(criterion.text) for other in case.criteria) / len(case.criteria),
                *about_answer,
            ]
        )
    return np.asarray(rows, dtype=np.float32)


# Points, their size, sign, the criterion's length, likeness of the best sentence and of the best three, and the
# answer's length in characters and sentences, by their place among the counted features.
_SHALLOW = (0, 1, 2, 3, 4, 6, -10, -9)


def shallow_features(counted: Array) -> Array:
    """The eight of them that need the least: (criteria, 8)."""
    return counted[:, list(_SHALLOW)]


def _about_answer(case: Case) -> list[float]:
    answer = case.answer
    items = answer.count("\n-") + answer.count("\n   -")
    size = [len(answer), len(case.sentences), len(answer) / len(case.sentences)]
    form = ["?" in answer[-300:], answer.count("?"), answer.count("**"), items]
    return [*size, *form, len(case.criteria), len(case.turns), len(str(case.turns[-1]["content"]))]


def _words_shared(text: str, in_answer: set[str], in_best: set[str], weights: WordWeights) -> list[float]:
    found = [word for word in words(text) if len(word) > 2]
    if not found:
        return [0, 0, 0, 0, 0]
    weight = weights.of(found)
    there = np.array([word in in_answer for word in found])
    best = np.array([word in in_best for word in found])
    total = max(float(weight.sum()), 1e-6)
    missing = float(weight[~there].max()) if (~there).any() else 0.0
    return [len(found), float(weight @ there) / total, float(there.mean()), missing, float(weight @ best) / total]


def _numbers_shared(text: str, answer: str) -> list[float]:
    numbers = _NUMBER.findall(text)
    return [len(numbers), float(np.mean([number in answer for number in numbers])) if numbers else -1.0]


def _wording(text: str) -> list[float]:
    low = text.lower()
    marks = [any(mark in low for mark in _OPEN_LIST), " and " in low, " or " in low, low.count(",")]
    return [*(float(word in low) for word in _DENIALS), *map(float, marks)]
