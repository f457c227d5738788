"""What a library keeps from the one before it: ids, and whatever a person changed by hand.

A principle is the one that it was where it stands on the same criteria, or asks for nearly the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from principles.errors import ConfigError
from principles.library import load_library
from principles.schema import Principle
from retrieval.encoder import Encoder, Vectors
from training.common.journal import beside, read_lines
from training.distil.making import Made, Support, digest_of, named

# Of the smaller one's criteria these share at least, or statements at least so near: the same principle.
SHARED, NEAR = 0.5, 0.75


@dataclass(frozen=True)
class Before:
    """An earlier library; `by_hand` are the ids of what a person wrote or changed, `wordings` the digests of each
    principle's criteria, as far as they are known."""

    principles: tuple[Principle, ...] = ()
    wordings: Mapping[str, frozenset[str]] | None = None
    by_hand: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """What became of a principle: `new`, `changed`, `same`, `gone` or `by hand`, and the fields that changed."""

    id: str
    kind: str
    fields: tuple[str, ...] = ()


def sources_path(library: Path) -> Path:
    """Where the criteria behind a library's principles are named."""
    return beside(library, "sources.jsonl")


def read_before(library: Path) -> Before:
    """An earlier library and, where it was distilled, what stood behind it. Raises LibraryError or ConfigError."""
    principles = load_library(library).principles
    path = sources_path(library)
    if not path.is_file():
        return Before(principles)
    lines = list(read_lines(path, _source))
    made = {line["id"]: line["principle"] for line in lines}
    return Before(
        principles,
        {line["id"]: frozenset(line["wordings"]) for line in lines},
        frozenset(one.id for one in principles if made.get(one.id) != digest_of(one)),
    )


def keep_ids(made: Sequence[Made], before: Before, encoder: Encoder) -> list[Made]:
    """The same with ids: those of before where it is the same principle, new ones elsewhere. What was changed by hand
    stays as it is, in its place or, where nothing made is like it, at the end."""
    same = _matched(made, before, encoder)
    old = {one.id: one for one in before.principles}
    taken = {*old}
    found = []
    for place, one in enumerate(made):
        name = same.get(place)
        if name in before.by_hand:
            found.append(replace(one, principle=old[name], by="hand"))
            continue
        name = name or named(one.principle, taken)
        taken.add(name)
        found.append(replace(one, principle=one.principle.model_copy(update={"id": name})))
    left = [old[name] for name in old if name in before.by_hand and name not in same.values()]
    return found + [Made(one, Support(0, 0, 0), (), (), "hand") for one in left]


def changes(made: Sequence[Made], before: Before) -> list[Change]:
    """What became of each principle, those that are gone last."""
    old = {one.id: one.model_dump() for one in before.principles}
    found = [_change(one, old.get(one.principle.id)) for one in made]
    now = {one.principle.id for one in made}
    return found + [Change(name, "gone") for name in old if name not in now]


def _change(made: Made, old: Mapping[str, Any] | None) -> Change:
    if old is None:
        return Change(made.principle.id, "new")
    if made.by == "hand":
        return Change(made.principle.id, "by hand")
    fields = tuple(name for name, value in made.principle.model_dump().items() if value != old[name])
    return Change(made.principle.id, "changed" if fields else "same", fields)


def _matched(made: Sequence[Made], before: Before, encoder: Encoder) -> dict[int, str]:
    """The earlier id of each that was there before, by its place: the pairing whose likeness is greatest in all."""
    from scipy.optimize import linear_sum_assignment

    if not made or not before.principles:
        return {}
    new = _statements([one.principle for one in made], encoder)
    likeness = (new @ _statements(before.principles, encoder).T).astype(np.float64)
    likeness[likeness < NEAR] = 0.0
    places = {one.id: place for place, one in enumerate(before.principles)}
    owners: dict[str, list[int]] = {}
    for name, digests in (before.wordings or {}).items():
        for digest in digests if name in places else ():
            owners.setdefault(digest, []).append(places[name])
    for row, one in enumerate(made):
        shared = np.zeros(len(places))
        for digest in one.wordings:
            shared[owners.get(digest, [])] += 1
        for column in np.flatnonzero(shared):
            size = len((before.wordings or {})[before.principles[column].id])
            share = shared[column] / min(size, len(one.wordings))
            if share >= SHARED:  # the same criteria tell more than words that are alike
                likeness[row, column] = 1.0 + share
    opposite = np.array([[a.principle.points * b.points < 0 for b in before.principles] for a in made])
    likeness[opposite] = 0.0
    rows, columns = linear_sum_assignment(-likeness)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: before.principles[column].id for row, column in pairs if likeness[row, column] > 0}


def _statements(principles: Sequence[Principle], encoder: Encoder) -> Vectors:
    return encoder.encode([one.statement for one in principles])


def _source(line: bytes) -> dict[str, Any]:
    record = json.loads(line)
    wanted = {"id": str, "principle": str, "wordings": list}
    if not isinstance(record, dict) or any(not isinstance(record.get(name), kind) for name, kind in wanted.items()):
        raise ValueError("not the sources of a principle")
    return record


def require_ours(library: Path) -> None:
    """Raises ConfigError where a file would be written over that this command did not make."""
    if library.exists() and not sources_path(library).is_file():
        raise ConfigError(
            f"{library}: was not made by this command ({sources_path(library).name} is missing): choose another --out, "
            "or give it as --previous to keep its ids"
        )
