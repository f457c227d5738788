"""What is taken for what: a file that is written where something is open, filled in by a person, and read back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from principles.errors import LibraryError
from principles.intake.words import words
from principles.library import parsed_yaml
from principles.lines import first_fault
from principles.schema import DIMENSIONS

OPEN, SKIP, ANY = "?", "skip", "any"
# Tables of values beside those of the dimensions: names of dimensions, and values whose dimension is not told.
NAMES, LOOSE = "dimension", "values"
TARGETS = ("id", "statement", "criterion", "advice", "rationale", "applies_when", "points", "safety_critical", "facets")
FIELDS = (*TARGETS, NAMES, *DIMENSIONS, LOOSE)
Meaning = str | list[str]


class Understood(BaseModel):
    """`kinds` says which kinds of entries are principles; `fields` which field of the file has what the schema needs
    (`points` may be a number for all); `values` by dimension, what the file's values mean; `first` in which order
    dimensions count where an entry has several; `otherwise` the dimension of entries that have none; `negative` whether
    what has negative points says the fault, or the rule that is broken.

    Any of them may be open, "?".
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    kinds: dict[str, bool | str] = {}
    fields: dict[str, str | int | None] = {}
    values: dict[str, dict[str, Meaning]] = {}
    first: Meaning | None = None
    otherwise: str | None = None
    negative: Literal["fault", "rule", "?"] | None = None

    def field(self, target: str) -> str | None:
        """The file's field for a target; None where it has none, or that is open."""
        name = self.fields.get(target)
        return name if isinstance(name, str) and name != OPEN else None

    @property
    def open(self) -> list[str]:
        """What is to be answered, as "fields.statement"."""
        asked = [f"kinds.{name}" for name, said in self.kinds.items() if said == OPEN]
        asked += [f"fields.{name}" for name, said in self.fields.items() if said == OPEN]
        for table, meanings in self.values.items():
            asked += [f"values.{table}.{name}" for name, meaning in meanings.items() if meaning == OPEN]
        return asked + [name for name in ("first", "otherwise", "negative") if getattr(self, name) == OPEN]


@dataclass(frozen=True)
class Notes:
    """What is told beside the questions: how many entries a kind has, a field, a value; several or no
    dimension, negative points."""

    kinds: Mapping[str, int]
    fields: Mapping[str, int]
    values: Mapping[tuple[str, str], int]
    several: int = 0
    none: int = 0
    negative: int = 0


def read_mapping(path: Path) -> Understood:
    """The mapping in a file. Raises LibraryError where it is none, or names what the schema does not have."""
    try:
        found = Understood.model_validate(parsed_yaml(path.read_text(encoding="utf-8-sig"), path) or {})
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(f"{path}: cannot be read ({type(error).__name__}): check --mapping") from None
    except ValidationError as error:
        raise LibraryError(f"{path}: {first_fault(error)}: it is not a mapping as this command writes it") from None
    if faults := list(_faults(found)):
        raise LibraryError(f"{path}: mend these:\n  " + "\n  ".join(faults))
    return found


def _faults(found: Understood) -> Iterator[str]:
    for name, said in found.kinds.items():
        if not isinstance(said, bool) and said != OPEN:
            yield f"kinds.{name}: say true or false"
    for name in found.fields.keys() - set(FIELDS):
        yield f"fields.{name}: is none of {', '.join(FIELDS)}"
    for table, meanings in found.values.items():
        if table not in (*DIMENSIONS, NAMES, LOOSE):
            yield f"values.{table}: is none of {', '.join((*DIMENSIONS, NAMES, LOOSE))}"
            continue
        for name, meaning in meanings.items():
            if wrong := [one for one in _list(meaning) if one not in (OPEN, *choices(table))]:
                yield f"values.{table}.{name}: {wrong[0]!r} is none of {', '.join(choices(table))}"
    wrong = [one for one in _list(found.first or []) if one not in (OPEN, *DIMENSIONS)]
    if wrong:
        yield f"first: {wrong[0]!r} is none of {', '.join(DIMENSIONS)}"
    if found.otherwise not in (None, OPEN, SKIP, *DIMENSIONS):
        yield f"otherwise: say one of {', '.join((*DIMENSIONS, SKIP))}"


def choices(table: str) -> list[str]:
    """What a value in a table may mean."""
    if table == NAMES:
        return [*DIMENSIONS, ANY, SKIP]
    if table == LOOSE:
        return [*(f"{d}:{value}" for d, values in DIMENSIONS.items() for value in map(str, values)), ANY, SKIP]
    return [*map(str, DIMENSIONS[table]), ANY, SKIP]


def as_yaml(found: Understood, notes: Notes, origin: str) -> str:
    """The mapping as a file to be filled in."""
    return "\n".join(_lines(found, notes, origin)) + "\n"


def _lines(found: Understood, notes: Notes, origin: str) -> Iterator[str]:
    yield f'# How {origin} is read. Answer each "{OPEN}", and give the same command again.'
    yield "\n# Which of these are principles: true or false."
    yield "kinds:"
    for kind, count in notes.kinds.items():
        yield f"  {_quoted(kind)}: {_quoted(found.kinds.get(kind, OPEN))}  # {count} entries"
    if not found.fields:
        return
    yield "\n# Which field of the file has what a principle needs; null where none has. points may be a number for all."
    yield from _wrapped("# Its fields: ", [f"{_quoted(name)} ({count})" for name, count in notes.fields.items()])
    yield "fields:"
    yield from (f"  {name}: {_quoted(found.fields.get(name))}" for name in FIELDS)
    yield "\n# What the values of the file mean: one of those named, a list of them, any (all of them), or skip, which"
    yield "# leaves the entry out."
    yield "values:" if found.values else "values: {}"
    for table, meanings in found.values.items():
        yield from _wrapped("  # ", choices(table))
        yield f"  {table}:"
        for name, meaning in meanings.items():
            yield f"    {_quoted(name)}: {_quoted(meaning)}  # {notes.values.get((table, name), 0)} entries"
    if found.first is not None:
        yield "\n# A principle belongs to one dimension: in which order do they count where an entry has several, as"
        yield f"# {notes.several} entries have? The others stay in its applies_when. Such as [{', '.join(DIMENSIONS)}]."
        yield f"first: {_quoted(found.first)}"
    if found.otherwise is not None:
        yield f"\n# The dimension, with all its values, of entries that have none ({notes.none} entries); or skip."
        yield f"otherwise: {_quoted(found.otherwise)}"
    if found.negative is not None:
        told = f"{notes.negative} entries have negative points"
        yield f'\n# {told}. Do they tell what is wrong ("Names a dose"): fault? Or'
        yield '# what is right ("Do not name a dose"): rule? The points of a rule then count as positive.'
        yield f"negative: {_quoted(found.negative)}"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _wrapped(start: str, parts: Sequence[str]) -> Iterator[str]:
    line = start + parts[0] if parts else start
    for part in parts[1:]:
        if len(line) + len(part) > 116:
            yield line + ","
            line = f"{start[: start.index('#') + 1]}   {part}"
        else:
            line += f", {part}"
    yield line


def _list(meaning: Meaning) -> list[str]:
    return [meaning] if isinstance(meaning, str) else meaning


def known_values(dimension: str) -> Mapping[str, str]:
    """By the names that others use, our values of a dimension."""
    values: Mapping[str, str] = words()["values_of"][dimension]
    return values
