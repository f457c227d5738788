"""Corrections to HealthBench's rubrics: criteria that contradict their own rubric, or whose points have the wrong sign.

A line of an errata file is {criterion, points} or {criterion, drop: true}: a criterion's text, and its points as they
should be or that it is not to be counted. `criterion_sha256`, at least its first 16 hexadecimal digits, stands for a
text that may not be shared (`digest`); `key` or `prompt_id` confines a line to one item; `why` is for the reader.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from principles.lines import Line, Points, parsed
from principles.records import fault, records
from principles.schema import Criterion, Record, Rubric
from training.common.items import Item, one_line

DIGITS = 16


class Corrections(Record):
    """What an errata file did to the items: criteria with new points, dropped, and `already` as the file has them, in
    so many `items`; items `left_out` for want of any criterion; the places of entries that match nothing."""

    changed: int
    dropped: int
    already: int
    items: int
    left_out: int
    unknown: tuple[str, ...]

    def __str__(self) -> str:
        """The counts in words."""
        parts = [f"{self.changed} criteria with new points and {self.dropped} dropped in {self.items} items"]
        parts += [f"{self.already} were so already"] if self.already else []
        parts += [f"{self.left_out} items left out, since no criterion remains"] if self.left_out else []
        parts += [f"{len(self.unknown)} entries match no criterion ({', '.join(self.unknown)})"] if self.unknown else []
        return "; ".join(parts)


@dataclass(frozen=True)
class _Erratum:
    place: str
    digest: str
    item: str | None
    points: float | None


def corrected(items: Sequence[Item], path: Path) -> tuple[list[Item], Corrections]:
    """The items with their rubrics as the errata at `path` have them; criterion ids stay. Raises ConfigError."""
    by_digest = defaultdict(list)
    for one in _errata(path):
        by_digest[one.digest[:DIGITS]].append(one)
    made, used = [], set()
    changed = dropped = already = touched = 0
    for item in items:
        kept = []
        for criterion in item.rubric.criteria:
            erratum = _of(criterion, item, by_digest, path)
            if erratum is None:
                kept.append(criterion)
                continue
            used.add(erratum.place)
            if erratum.points is None:
                dropped += 1
            else:
                kept.append(criterion.model_copy(update={"points": erratum.points}))
                already += erratum.points == criterion.points
                changed += erratum.points != criterion.points
        touched += tuple(kept) != item.rubric.criteria
        if kept:
            made.append(item.model_copy(update={"rubric": Rubric(criteria=tuple(kept))}))
    places = {one.place: None for some in by_digest.values() for one in some}
    return made, Corrections(
        changed=changed,
        dropped=dropped,
        already=already,
        items=touched,
        left_out=len(items) - len(made),
        unknown=tuple(place for place in places if place not in used),
    )


def digest(criterion: str) -> str:
    """The SHA-256 by which a criterion is found, whatever a copy did to its white space."""
    return hashlib.sha256(one_line(criterion).encode("utf-8", "replace")).hexdigest()


def _of(criterion: Criterion, item: Item, by_digest: dict[str, list[_Erratum]], path: Path) -> _Erratum | None:
    whole = digest(criterion.text)
    found = [
        one
        for one in by_digest.get(whole[:DIGITS], ())
        if whole.startswith(one.digest) and one.item in (None, item.key, item.prompt_id)
    ]
    if len(found) > 1:
        raise fault(path, found[1].place, f"{found[0].place} is on the same criterion of an item: keep one of them")
    return found[0] if found else None


def _errata(path: Path) -> Iterable[_Erratum]:
    for place, record in records(path):
        line = parsed(_ErratumLine, record, path, place)
        key = digest(line.criterion) if line.criterion else str(line.criterion_sha256)
        yield _Erratum(place, key, line.key or line.prompt_id, line.points)


class _ErratumLine(Line):
    criterion: str | None = Field(default=None, pattern=r"\S")
    criterion_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{16,64}$")
    points: Points | None = None
    drop: Annotated[bool, Field(strict=True)] = False
    key: str | None = None
    prompt_id: str | None = None

    @model_validator(mode="after")
    def _usable(self) -> "_ErratumLine":
        if (self.criterion is None) == (self.criterion_sha256 is None):
            raise ValueError("it must have either criterion, the text, or criterion_sha256")
        if (self.points is None) == (not self.drop):
            raise ValueError("it must have either points or drop: true")
        return self
