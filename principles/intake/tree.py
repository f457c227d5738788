"""Finding the entries in nested lists and dictionaries: objects (or bare sentences) that say a principle.

What a list of entries hangs under may say something of each of them ("urgency", "emergent"): the keys on the way that
differ between entries are fields of their own, "(key 1)", "(key 2)" ..., and the plain fields of objects above are
"(above) NAME".
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from principles.intake.words import named, words

TEXT = "(text)"
# From so many words on a string is a sentence and no name.
SENTENCE = 4
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Entry:
    """`place` is where it stands, `kind` the same without what differs between entries of its kind."""

    place: str
    kind: str
    fields: Mapping[str, Any]


def entries_of(tree: Any) -> list[Entry]:
    """All entries in the file's order."""
    found = list(_found(tree, ()))
    kinds = _kinds(found)
    return [
        Entry(_shown(path), _shown(kind), {**_keys(path, kind), **fields})
        for (path, fields), kind in zip(found, kinds, strict=True)
    ]


def _found(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if isinstance(value, list):
        if value and all(_is_sentence(one) for one in value):
            yield from (((*path, place), {TEXT: text}) for place, text in enumerate(value))
        else:
            for place, one in enumerate(value):
                yield from _found(one, (*path, place))
    elif isinstance(value, dict):
        yield from _in_dict({str(name): one for name, one in value.items()}, path)


def _in_dict(value: dict[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    flat = dict(_flat(value))
    if _says(flat, "plain"):
        yield path, flat
        return
    below = [found for name, one in value.items() for found in _found(one, (*path, name))]
    weak = _says(flat, "weak")
    if weak and (path or not below):
        yield path, flat  # and what it holds as well: which of them are principles is asked
    if below:
        above = {f"(above) {name}": one for name, one in value.items() if isinstance(one, str | int) and _tells(name)}
        yield from ((place, {**above, **fields}) for place, fields in below)
    elif not weak and len(value) > 1 and all(_is_sentence(one) for one in value.values()):
        yield from (((*path, name), {TEXT: text}) for name, text in value.items())


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, one in value.items():
        if isinstance(one, dict):
            yield from _flat({str(key): inner for key, inner in one.items()}, f"{before}{name}.")
        elif one not in (None, "", []):
            yield f"{before}{name}", one


def _says(fields: Mapping[str, Any], list_name: str) -> bool:
    return any(isinstance(one, str) and named(name) in words()[list_name] for name, one in fields.items())


def _tells(name: str) -> bool:
    known = [*words()["dimension"], *words()["values"], *(n for names in words()["dimensions"].values() for n in names)]
    return named(name) in known


def _is_sentence(value: Any) -> bool:
    return isinstance(value, str) and len(value.split()) >= SENTENCE


def _kinds(found: Sequence[tuple[Path, Mapping[str, Any]]]) -> list[tuple[str, ...]]:
    """Each entry's path with "[]" for places in lists, and "*" for keys that differ between entries of one kind."""
    kinds = [tuple("[]" if isinstance(part, int) else part for part in path) for path, _ in found]
    for depth in reversed(range(max(map(len, kinds), default=0))):
        alike: dict[tuple[Any, Any], list[int]] = defaultdict(list)
        for number, kind in enumerate(kinds):
            if len(kind) > depth and kind[depth] != "[]":
                alike[kind[:depth], kind[depth + 1 :]].append(number)
        for numbers in alike.values():
            keys: dict[str, set[str]] = defaultdict(set)
            for number in numbers:
                keys[kinds[number][depth]] |= set(found[number][1])
            if all(_is_known(key) for key in keys) or (len(keys) > 1 and _same_fields(list(keys.values()))):
                for number in numbers:
                    kinds[number] = (*kinds[number][:depth], "*", *kinds[number][depth + 1 :])
    return kinds


def _same_fields(sets: Sequence[set[str]]) -> bool:
    return all(2 * len(sets[0] & one) >= len(sets[0] | one) for one in sets)


def _is_known(key: str) -> bool:
    """Whether a key is the name of a dimension, or of a value of one."""
    names = [name for known in words()["dimensions"].values() for name in known]
    return named(key) in names or any(named(key) in values for values in words()["values_of"].values())


def _keys(path: Path, kind: tuple[str, ...]) -> dict[str, str]:
    differing = [str(part) for part, shape in zip(path, kind, strict=True) if shape == "*"]
    return {f"(key {number})": key for number, key in enumerate(differing, 1)}


def _shown(path: Sequence[str | int]) -> str:
    said = "".join(f"[{p}]" if isinstance(p, int) else p if p == "[]" else f".{p}" for p in path)
    return said.removeprefix(".") or "(the file)"
