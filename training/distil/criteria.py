"""The criteria of many rubrics, each wording once, with every place where it stands.

A wording is told by its words and the sign of its points: what is asked for and what is a fault stay two things,
though they be worded alike.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from principles.errors import ConfigError
from principles.hard import refuse_hard
from principles.lines import by_item
from principles.records import records
from training.common.items import Item, load_items

# What an encoder reads of a criterion is less; the rest of an endless one would only fill the memory.
READ = 2_000


@dataclass(frozen=True)
class Place:
    """Where a criterion stands: the item's position and the criterion's id in it."""

    item: int
    criterion: str
    points: float


@dataclass(frozen=True)
class Wording:
    """One criterion as it is worded, and its places."""

    text: str
    digest: str
    places: tuple[Place, ...]

    @property
    def weight(self) -> float:
        """All its points together, without their sign."""
        return sum(abs(place.points) for place in self.places)

    @property
    def wanted(self) -> bool:
        """Whether it asks for something; otherwise it names a fault."""
        return self.places[0].points > 0


@dataclass(frozen=True)
class Criteria:
    """All that was read. `question` says for each item which question it is about, by number: several reviewers may
    have reviewed one. `reviewers` are as the file names them, "" where it does not."""

    items: tuple[Item, ...]
    question: npt.NDArray[np.int64]
    reviewers: tuple[str, ...]
    wordings: tuple[Wording, ...]
    pointless: int

    @property
    def count(self) -> int:
        """How many criteria there are, repeated ones too."""
        return sum(len(one.places) for one in self.wordings)


def read_criteria(path: Path) -> Criteria:
    """The criteria of the items in a file. Raises ConfigError, with the place, for what cannot be used."""
    items = load_items(path)
    refuse_hard(path, [item.hard for item in items])
    reviewers = [str(record.get("reviewer") or "") for _, record in by_item(records(path), path)]
    criteria = gathered(items, reviewers)
    if not any(one.wanted for one in criteria.wordings):
        raise ConfigError(f"{path}: no criterion has positive points: give rubrics that say what a good answer does")
    return criteria


def gathered(items: Sequence[Item], reviewers: Sequence[str] = ()) -> Criteria:
    """The criteria of these items. Those of 0 points, which move no score, are counted and left out."""
    found: dict[tuple[str, bool], list[Place]] = {}
    texts: dict[tuple[str, bool], str] = {}
    pointless = 0
    for position, item in enumerate(items):
        for criterion in item.rubric.criteria:
            if criterion.points == 0:
                pointless += 1
                continue
            text = " ".join(criterion.text.split())[:READ]
            key = text.casefold(), criterion.points > 0
            texts.setdefault(key, text)
            found.setdefault(key, []).append(Place(position, criterion.id, criterion.points))
    wordings = tuple(Wording(texts[key], _digest(*key), tuple(places)) for key, places in found.items())
    questions: dict[str, int] = {}
    question = np.array([questions.setdefault(question_digest(item), len(questions)) for item in items], dtype=np.int64)
    return Criteria(tuple(items), question, tuple(reviewers or [""] * len(items)), wordings, pointless)


def question_digest(item: Item) -> str:
    """The same for the same conversation, whoever reviewed it."""
    digest = hashlib.sha256()
    for turn in item.turns:
        digest.update(f"{turn['role']}\0{turn['content']}\0".encode("utf-8", "replace"))
    return digest.hexdigest()[:16]


def _digest(text: str, wanted: bool) -> str:
    return hashlib.sha256(f"{'+' if wanted else '-'}{text}".encode("utf-8", "replace")).hexdigest()[:16]
