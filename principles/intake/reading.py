"""To which dimensions and values an entry belongs, as far as names are known or a mapping says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from principles.intake.mapping import ANY, LOOSE, NAMES, OPEN, SKIP, Meaning, Understood, known_values
from principles.intake.tree import Entry
from principles.intake.words import named, words
from principles.schema import DIMENSIONS

_BETWEEN = re.compile(r"\s*[;|,/]\s*")


@dataclass
class Belonging:
    """`main` is the dimension that the entry itself names; `values` are by dimension, in the schema's order; what is
    not known is (table, value) of the mapping."""

    main: str | None = None
    values: dict[str, list[str]] = field(default_factory=dict)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    skipped: bool = False

    def add(self, dimension: str, values: list[str]) -> None:
        """More values of a dimension."""
        known = {*self.values.get(dimension, ()), *values}
        self.values[dimension] = [str(value) for value in DIMENSIONS[dimension] if str(value) in known]


def belonging(entry: Entry, understood: Understood) -> Belonging:
    """Where an entry belongs."""
    found = Belonging()
    for name in _tokens(entry, understood.field(NAMES)):
        for dimension in _meant(found, understood, NAMES, name):
            found.main = found.main or dimension
    for dimension in DIMENSIONS:
        for name in _tokens(entry, understood.field(dimension)):
            if values := _meant(found, understood, dimension, name):
                found.add(dimension, values)
    for name in _tokens(entry, understood.field(LOOSE)):
        for dimension, values in _loose(found, understood, name):
            found.add(dimension, values)
    if found.main and found.main not in found.values:
        found.values[found.main] = [str(value) for value in DIMENSIONS[found.main]]
    return found


def is_known(table: str, name: str) -> bool:
    """Whether a name is known without a mapping."""
    nothing = Belonging()
    if table == LOOSE:
        list(_loose(nothing, Understood(), name))
    else:
        _meant(nothing, Understood(), table, name)
    return not nothing.unknown


def meaning(table: str, name: str, understood: Understood) -> str:
    """What one of the file's names is taken for, in words."""
    found = Belonging()
    if table == LOOSE:
        said = [value for _, values in _loose(found, understood, name) for value in values]
    else:
        said = _meant(found, understood, table, name)
    return "?" if found.unknown else "left out" if found.skipped else " or ".join(said) or "any"


def _tokens(entry: Entry, name: str | None) -> list[str]:
    return tokens(entry.fields.get(name)) if name else []


def tokens(value: Any) -> list[str]:
    """The names in a value: one, or those of a list."""
    many = value if isinstance(value, list) else [value]
    return [str(one) for one in many if isinstance(one, str | int) and not isinstance(one, bool)]


def _meant(found: Belonging, understood: Understood, table: str, name: str) -> list[str]:
    """Our names for one of the file's; what is not known is noted. No names: nothing is narrowed by it."""
    said = understood.values.get(table, {}).get(name)
    if said is not None and said != OPEN:
        return _answered(found, said)
    if named(name) in words()["any"]:
        return []
    known = _dimension_names() if table == NAMES else known_values(table)
    if named(name) in known:
        return [known[named(name)]]
    parts = [named(part) for part in _BETWEEN.split(name)]
    if all(part in known for part in parts):
        return [known[part] for part in parts]
    found.unknown.append((table, name))
    return []


def _loose(found: Belonging, understood: Understood, name: str) -> Iterator[tuple[str, list[str]]]:
    """A value without its dimension, or with it as in "urgency:emergent"."""
    said = understood.values.get(LOOSE, {}).get(name)
    if said is not None and said != OPEN:
        for one in _answered(found, said):
            dimension, _, value = one.partition(":")
            yield dimension, [value]
        return
    if named(name) in words()["any"]:
        return
    before, mark, after = (part.strip() for part in re.sub("=", ":", name, count=1).partition(":"))
    whose = _dimension_names().get(named(before)) if mark else None
    if whose and named(after) in known_values(whose):
        yield whose, [known_values(whose)[named(after)]]
        return
    within = [found.main] if found.main else [*DIMENSIONS]
    fitting = [(one, known_values(one)[named(name)]) for one in within if named(name) in known_values(one)]
    if len(fitting) != 1:
        found.unknown.append((LOOSE, name))
        return
    yield fitting[0][0], [fitting[0][1]]


def _answered(found: Belonging, said: Meaning) -> list[str]:
    answers = [said] if isinstance(said, str) else said
    found.skipped |= SKIP in answers
    return [one for one in answers if one not in (SKIP, ANY)]


def _dimension_names() -> dict[str, str]:
    return {name: dimension for dimension, names in words()["dimensions"].items() for name in names}
