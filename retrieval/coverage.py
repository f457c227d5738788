"""How much of what physicians ask for do the retrieved principles cover? Measured on HealthBench items.

A principle *covers* a physician's criterion where the cosine between the criterion and the principle's
demand (the mean of its statement, criterion and advice) reaches `THRESHOLD`, once what all criteria have in
common is taken out of both. Threshold and taking out are those that agree best with pairs labelled by
reading, kept without the criteria's text in calibration/pairs.jsonl.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from principles.hard import is_hard
from principles.library import Library
from principles.lines import ItemLine, by_item, parsed
from principles.records import fault, records
from principles.rubric import without_slots
from retrieval.encoder import Encoder, Vectors, unit_rows
from retrieval.progress import shown

THRESHOLD = 0.50
BATCH = 256
# So many criteria at least tell what criteria have in common; of fewer nothing is taken out.
ENOUGH = 500


@dataclass(frozen=True)
class Item:
    """A conversation and the physicians' criteria for its answer, as (text, points); `flagged` as one of Hard's."""

    key: str
    turns: tuple[Mapping[str, str], ...]
    criteria: tuple[tuple[str, float], ...]
    flagged: bool = False

    @property
    def hard(self) -> bool:
        """Whether it is of HealthBench Hard, by its flag or its text."""
        return self.flagged or is_hard(self.turns)

    @property
    def question(self) -> str:
        """What the user asked, earlier turns first."""
        return "\n".join(turn["content"] for turn in self.turns if turn["role"] == "user")

    @property
    def positive(self) -> list[tuple[str, float]]:
        """The criteria that an answer should meet, as (text, points)."""
        return [(text, points) for text, points in self.criteria if points > 0]

    @property
    def positive_points(self) -> float:
        """The most points that an answer can have."""
        return sum(points for _, points in self.positive)


def read_items(path: Path) -> list[Item]:
    """HealthBench records, from a file of any form that `principles.records` reads; ConfigError where it is not one."""
    return [_item(parsed(ItemLine, record, path, place), path, place) for place, record in by_item(records(path), path)]


def _item(line: ItemLine, path: Path, place: str) -> Item:
    key = line.key or line.prompt_id
    if not key:
        raise fault(path, place, "it has neither key nor prompt_id nor id")
    return Item(key, line.turns, tuple((one.criterion, one.points) for one in line.rubrics), line.hard)


def demands(library: Library, encoder: Encoder) -> Vectors:
    """What each principle asks of an answer, unit vectors (principles, dimension)."""
    texts = [
        without_slots(text)
        for principle in library.principles
        for text in (principle.statement, principle.criterion, principle.advice or principle.statement)
    ]
    return unit_rows(encoder.encode(texts).reshape(len(library.principles), 3, -1).mean(axis=1))


def covered(items: Sequence[Item], asked: Vectors, encoder: Encoder) -> list[np.ndarray]:
    """For each item a matrix (principles, positive criteria) of the points that a principle covers there."""
    return [
        (cosine >= THRESHOLD) * np.array([points for _, points in item.positive])
        for cosine, item in zip(cosines(items, asked, encoder), items, strict=True)
    ]


def cosines(items: Sequence[Item], asked: Vectors, encoder: Encoder) -> list[Vectors]:
    """For each item the cosines (principles, positive criteria) of principles' demands and criteria."""
    texts = [text for item in items for text, _ in item.positive]
    starts = shown(range(0, len(texts), BATCH), "Reading the criteria")
    vectors = np.concatenate([encoder.encode(texts[start : start + BATCH]) for start in starts])
    apart = without_common(vectors)
    ends = np.cumsum([len(item.positive) for item in items])[:-1]
    return np.split(apart(asked) @ apart(vectors).T, ends, axis=1)


def without_common(vectors: Vectors) -> Callable[[Vectors], Vectors]:
    """A function that takes out of vectors what these (n, d) have in common: their mean, and the direction in which
    they differ most (Mu and Viswanath 2018, "All-but-the-top")."""
    if len(vectors) < ENOUGH:
        return lambda rows: rows
    mean = vectors.mean(axis=0)
    direction = np.linalg.svd(vectors - mean, full_matrices=False)[2][0]

    def apart(rows: Vectors) -> Vectors:
        centred = rows - mean
        return unit_rows(centred - np.outer(centred @ direction, direction))

    return apart


def share(matrix: np.ndarray, item: Item, chosen: Sequence[int]) -> float:
    """The share of an item's positive points that at least one chosen principle covers; `matrix` is its own."""
    return float(matrix[list(chosen)].max(axis=0).sum() / item.positive_points) if len(chosen) else 0.0
