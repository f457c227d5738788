"""Principles in this project's schema, of entries that are understood."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from principles.intake.guessing import POINTS, main_dimension
from principles.intake.mapping import Understood
from principles.intake.reading import belonging
from principles.intake.tree import Entry
from principles.intake.words import words
from principles.schema import DIMENSIONS

LONGEST_TEXT, LONGEST_ID = 2_000, 64


def principles_from(entries: Sequence[Entry], understood: Understood) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, principle as the schema has it) of each entry that is not left out.

    The statement is the criterion, too, where the file has none: judges take statements as well as questions. Where it
    does not say when a principle applies, its dimensions do, and what it asks.
    """
    taken: Counter[str] = Counter()
    for number, entry in enumerate(entries, 1):
        read = belonging(entry, understood)
        dimension = main_dimension(read, understood)
        if dimension is None:
            continue
        values = read.values.get(dimension) or [str(value) for value in DIMENSIONS[dimension]]
        statement = _text(entry, understood, "statement")
        name = f"{dimension}.{_slug(_text(entry, understood, 'id') or str(number))}"
        taken[name] += 1
        made: dict[str, Any] = {
            "id": name if taken[name] == 1 else f"{name}-{taken[name]}",
            "dimension": dimension,
            "values": values,
            "statement": statement,
            "applies_when": _text(entry, understood, "applies_when") or _applies_when(read.values, statement),
            "criterion": _text(entry, understood, "criterion") or statement,
            "points": _points(entry, understood),
        }
        made |= {name: text for name in ("rationale", "advice") if (text := _text(entry, understood, name))}
        if (field := understood.field("safety_critical")) and entry.fields.get(field):
            made["safety_critical"] = True
        if (field := understood.field("facets")) and (facets := entry.fields.get(field)):
            made["facets"] = [facets] if isinstance(facets, str) else facets
        yield entry.place, made


def _text(entry: Entry, understood: Understood, target: str) -> str:
    field = understood.field(target)
    value = entry.fields.get(field, "") if field else ""
    return " ".join(str(value).split())


def _points(entry: Entry, understood: Understood) -> Any:
    said = understood.fields.get("points")
    field = understood.field("points")
    found = entry.fields.get(field, POINTS) if field else said or POINTS
    number = int(found) if isinstance(found, float) and found.is_integer() else found
    return abs(number) if understood.negative == "rule" and isinstance(number, int) else number


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[: LONGEST_ID - 20].strip("-") or "principle"


def _applies_when(values: Mapping[str, Sequence[str]], statement: str) -> str:
    known = words()["known"]
    clauses = [
        " or ".join(known[dimension][value]["when"] for value in some)
        for dimension, some in values.items()
        if len(some) < len(DIMENSIONS[dimension])
    ]
    asked = f"a good answer can be expected to do this: {statement}"
    said = ", and ".join([*clauses, asked])
    said = said[0].upper() + said[1:]
    return said if len(said) <= LONGEST_TEXT else ", and ".join(clauses) or "the question is about health"
