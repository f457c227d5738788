"""`python -m principles import FILE --out LIBRARY`: a library from a file of principles of any shape."""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from principles.errors import ConfigError, LibraryError
from principles.files import write_atomic
from principles.intake.guessing import principles_of, understand
from principles.intake.making import principles_from
from principles.intake.mapping import FIELDS, LOOSE, NAMES, TARGETS, Notes, Understood, as_yaml, read_mapping
from principles.intake.reading import meaning, tokens
from principles.intake.tree import Entry, entries_of
from principles.library import Library, library_of, load_library, parsed_yaml
from principles.records import records
from principles.schema import DIMENSIONS

EPILOG = """
FILE is JSON, YAML, JSONL, CSV or Parquet: lists or dictionaries, nested too, of objects with a text and what says of
which questions it is true (urgency, uncertainty, expertise, task, or words like them). What was understood is printed.
Where that is not clear, a mapping is written to be filled in, beside LIBRARY or where --mapping says, and nothing else:
the same command then goes on. Exit status: 0 the library is written, 2 something is to be answered or mended.
"""
HEAD = "# Made by `python -m principles import` of {name}.\n"
SHOWN, VALUES_SHOWN = 5, 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    parser.add_argument("file", type=Path, metavar="FILE", help="the principles as somebody else keeps them")
    parser.add_argument("--out", type=Path, required=True, metavar="LIBRARY", help="the library to write, .yaml")
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="what is taken for what (default: beside LIBRARY)")


def run(given: argparse.Namespace) -> int:
    """Import as `given`; returns the exit status. Raises ClinAlignError on bad input, and where something is open."""
    if given.out.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"--out {given.out}: a library is written as YAML: let its name end in .yaml")
    _require_own(given.out)
    _require_foreign(given.file)
    try:
        entries = entries_of(tree_of(given.file))
    except RecursionError:
        raise LibraryError(f"{given.file}: is nested too deeply") from None
    if not entries:
        raise LibraryError(f"{given.file}: no principles found: it needs objects with a text, or lists of sentences")
    mapping: Path = given.mapping or given.out.with_suffix(".mapping.yaml")
    answers = read_mapping(mapping) if mapping.exists() else Understood()
    understood, notes = understand(entries, answers)
    _require_fields(understood, notes, mapping)
    print(given.file, *_show(understood, notes, entries), sep="\n")
    if asked := understood.open:
        _write(mapping, as_yaml(understood, notes, given.file.name))
        named = ", ".join(asked[:8]) + (f" and {len(asked) - 8} more" if len(asked) > 8 else "")
        raise LibraryError(
            f'{given.file}: {len(asked)} thing(s) are not clear: {named}. Answer each "?" in {mapping}, '
            "and give the same command again"
        )
    used = principles_of(entries, understood)
    made = list(principles_from(used, understood))
    library = library_of(iter(made), str(given.file))
    text = yaml.safe_dump([one for _, one in made], sort_keys=False, allow_unicode=True, width=110)
    _write(given.out, HEAD.format(name=given.file.name) + text)
    print("\n".join(_told(library, given.out, len(used))))
    return 0


def tree_of(path: Path) -> Any:
    """All that a file holds, as lists and dictionaries. Raises LibraryError or ConfigError."""
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        return [record for _, record in records(path)]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    except UnicodeDecodeError:
        raise LibraryError(f"{path}: is not UTF-8 text: save it as UTF-8") from None
    if path.suffix.lower() != ".json":
        return parsed_yaml(text, path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return [record for _, record in records(path)]


def _require_own(out: Path) -> None:
    """What a person wrote is never overwritten."""
    if out.exists() and not out.read_bytes().startswith(HEAD.partition("{")[0].encode()):
        raise ConfigError(f"{out}: is there already, and was not made by this command: choose another --out")


def _require_foreign(path: Path) -> None:
    """A library would lose what others do not have: `always`, `placement`, sources."""
    with suppress(LibraryError):
        load_library(path)
        raise ConfigError(f"{path}: is a library as it stands: set CLINALIGN_PRINCIPLES to it")


def _require_fields(understood: Understood, notes: Notes, mapping: Path) -> None:
    for target, name in understood.fields.items():
        if understood.field(target) and name not in notes.fields:
            raise LibraryError(
                f"{mapping}: fields.{target}: the file has no field {name!r}: it has {', '.join(notes.fields)}"
            )
        if isinstance(name, int) and target != "points":
            raise LibraryError(f"{mapping}: fields.{target}: a number says nothing here: name a field, or null")


def _write(path: Path, text: str) -> None:
    try:
        write_atomic(path, text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}): name a file you can write") from None


def _show(understood: Understood, notes: Notes, entries: Sequence[Entry]) -> Iterator[str]:
    """What was understood."""
    for kind, count in notes.kinds.items():
        some = [entry for entry in entries if entry.kind == kind][:SHOWN]
        left = "" if understood.kinds[kind] is True else ", left out" if understood.kinds[kind] is False else ", open"
        yield f"{count} entries at {kind}{left}, such as {', '.join(_name(one, understood) for one in some)}"
    for name, count in notes.fields.items():
        targets = [target for target in FIELDS if understood.field(target) == name]
        yield f"  {name} (in {count}) is taken for {', '.join(targets) or 'nothing'}"
    used = principles_of(entries, understood)
    for table in (NAMES, *DIMENSIONS, LOOSE):
        field = understood.field(table)
        held = Counter(name for entry in used for name in tokens(entry.fields.get(field or "")))
        said = [
            f"{name} ({count}): {meaning(table, name, understood)}" for name, count in held.most_common(VALUES_SHOWN)
        ]
        if said:
            yield f"  {field}, value by value: {'; '.join(said)}{'; ...' if len(held) > VALUES_SHOWN else ''}"
    if not understood.open and (absent := [target for target in TARGETS if understood.fields[target] is None]):
        yield f"  no field for {', '.join(absent)}"


def _name(entry: Entry, understood: Understood) -> str:
    said = entry.fields.get(understood.field("id") or "")
    return f"{said} ({entry.place})" if isinstance(said, str | int) else entry.place


def _told(library: Library, out: Path, entries: int) -> Iterator[str]:
    """What the library is, and what it lacks."""
    every = library.principles
    counts = Counter(str(one.dimension) for one in every)
    shares = ", ".join(f"{dimension} {counts[dimension]}" for dimension in DIMENSIONS)
    yield f"{out}: {len(every)} principles ({shares}), such as {', '.join(one.id for one in every[:SHOWN])}"
    if len(every) < entries:
        yield f"{entries - len(every)} entries were left out, as the mapping says"
    if twice := sum(re.search(r"-\d+$", one.id) is not None and one.id.rpartition("-")[0] in library for one in every):
        yield f"{twice} ids stood twice and were numbered"
    if without := sum(not one.advice for one in every):
        yield f"{without} have no advice: what a review adds for them is worded by the model"
    yield f"to use it: export CLINALIGN_PRINCIPLES={out}"
