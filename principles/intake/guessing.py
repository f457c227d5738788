"""What can be understood without a person, and what stays a question.

A field is taken by its name where one alone fits. A dimension or value is taken where its name is known. All else is
asked: two fields that fit, a value that is not known, entries of several kinds, of several dimensions or of none.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from principles.intake.mapping import FIELDS, LOOSE, NAMES, OPEN, TARGETS, Notes, Understood
from principles.intake.reading import Belonging, belonging, is_known, tokens
from principles.intake.tree import TEXT, Entry
from principles.intake.words import named, words
from principles.schema import DIMENSIONS

# Points of every principle where the file has none.
POINTS = 5
# A field called "category" or the like counts only where so much of what it holds is known.
KNOWN_SHARE = 0.5
# What is longer is no name of a value.
LONGEST_NAME = 80
KEY = "(key "
# What stands for a field that the file does not have.
ABSENT: dict[str, str | int] = {"points": POINTS, "statement": OPEN}


def understand(entries: Sequence[Entry], given: Understood) -> tuple[Understood, Notes]:
    """The mapping of these entries, with the answers `given` before, and what to tell beside its questions."""
    kinds = Counter(entry.kind for entry in entries)
    found = Understood(kinds={kind: given.kinds.get(kind, True if len(kinds) == 1 else OPEN) for kind in kinds})
    if found.open:
        return found, Notes(kinds, {}, {})
    used = principles_of(entries, found)
    found.fields = {target: _field(used, target, given) for target in FIELDS}
    for target in TARGETS:  # what one target has is not another's
        _give_up(found, target, given)
    found.values = {table: dict(meanings) for table, meanings in given.values.items()}
    read = [belonging(entry, found) for entry in used]
    unknown = Counter(pair for one in read for pair in one.unknown)
    for table, name in unknown:
        found.values.setdefault(table, {})[name] = OPEN
    several = sum(one.main is None and len(one.values) > 1 for one in read)
    none = sum(not one.values and not one.unknown and not one.skipped for one in read)
    found.first = given.first or (OPEN if several else None)
    found.otherwise = given.otherwise or (OPEN if none else None)
    points = found.field("points")
    negative = sum(
        _is_points(said) and said < 0 for one in used if points and (said := one.fields.get(points)) is not None
    )
    found.negative = given.negative or ("?" if negative else None)
    fields = Counter(name for entry in used for name in entry.fields)
    return found, Notes(kinds, fields, unknown, several, none, negative)


def principles_of(entries: Sequence[Entry], found: Understood) -> list[Entry]:
    """The entries of the kinds that are principles."""
    return [entry for entry in entries if found.kinds.get(entry.kind) is True]


def main_dimension(read: Belonging, found: Understood) -> str | None:
    """The one dimension of a principle; None leaves the entry out."""
    if read.skipped:
        return None
    if read.main or len(read.values) == 1:
        return read.main or next(iter(read.values))
    order = found.first if isinstance(found.first, list) else [found.first or ""]
    first = next((dimension for dimension in [*order, *DIMENSIONS] if dimension in read.values), None)
    return first or (found.otherwise if found.otherwise in DIMENSIONS else None)


def _field(used: Sequence[Entry], target: str, given: Understood) -> str | int | None:
    if target in given.fields:
        return given.fields[target]
    held: dict[str, list[Any]] = {}
    for entry in used:
        for name, value in entry.fields.items():
            held.setdefault(name, []).append(value)
    likely = {*words()["plain"], named(target)}
    fitting = [name for name, values in held.items() if _fits(target, name, values, used)]
    fitting = [name for name in fitting if not name.startswith(KEY)] or fitting
    fitting = [name for name in fitting if named(name) in likely] or fitting
    if len(fitting) > 1:
        return OPEN
    if fitting:
        return fitting[0] if _usable(target, held[fitting[0]]) else OPEN
    return ABSENT.get(target)


def _fits(target: str, name: str, values: Sequence[Any], used: Sequence[Entry]) -> bool:
    """Whether a field of that name, with these values, may be meant for the target."""
    called = {named(name), named(name.removeprefix("(above) ")), named(name.rpartition(".")[2])}
    if target == "statement" and name == TEXT:
        return True
    if name.startswith(KEY):
        last = all(entry.kind.endswith("*") and name == _last_key(entry) for entry in used)
        return last if target == "id" else target in (NAMES, LOOSE) and _share(target, values) == 1.0
    if target in DIMENSIONS:
        called.add(named(name.partition(".")[0]))
        return bool(called & set(words()["dimensions"][target])) and _are_names(values)
    if target in (NAMES, LOOSE):
        return bool(called & set(words()[target])) and _are_names(values) and _share(target, values) >= KNOWN_SHARE
    return not name.startswith("(above) ") and named(name) in words()["fields"][target]


def _give_up(found: Understood, target: str, given: Understood) -> None:
    """A field that names dimensions or values is nothing else."""
    naming = [found.field(one) for one in (*DIMENSIONS, NAMES, LOOSE)]
    if target not in given.fields and found.field(target) and found.field(target) in naming:
        found.fields[target] = ABSENT.get(target)


def _usable(target: str, values: Sequence[Any]) -> bool:
    """Whether all that a field holds can be what the target needs."""
    if target == "points":
        return all(_is_points(value) for value in values)
    if target == "safety_critical":
        return all(isinstance(value, bool) for value in values)
    if target == "facets":
        return all(isinstance(value, str | list) and all(isinstance(one, str) for one in value) for value in values)
    if target == "id":
        return all(isinstance(value, str | int) for value in values)
    return target in (*DIMENSIONS, NAMES, LOOSE) or all(isinstance(value, str) for value in values)


def _is_points(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and float(value).is_integer() and 0 < abs(value) <= 10


def _share(table: str, values: Sequence[Any]) -> float:
    names = {name for value in values for name in tokens(value)}
    return sum(is_known(table, name) for name in names) / len(names) if names else 0.0


def _are_names(values: Sequence[Any]) -> bool:
    return all(len(name) <= LONGEST_NAME for value in values for name in tokens(value))


def _last_key(entry: Entry) -> str:
    return [name for name in entry.fields if name.startswith(KEY)][-1]
