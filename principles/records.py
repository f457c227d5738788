"""The records of a data file, whatever form it has: one reader for questions, items, verdicts and answers.

JSON lines, a JSON list, CSV, Parquet, or a folder saved by Hugging Face `datasets`; text may be compressed with gzip.
Every error is a ConfigError that names file, place ("line 3" of text, "row 3" of a table) and reason, and quotes
nothing of the record. docs/formats.md is the table of what is taken.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

from principles.errors import ConfigError

Numbered = Iterator[tuple[str, dict[str, Any]]]
GZIP, PARQUET, ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
# Names under which a JSON file may hold its list of records.
WRAPPERS = ("data", "items", "records", "rows", "examples", "questions")
DELIMITERS = ",;\t"
BATCH = 256
_UNREADABLE = (OSError, EOFError, zlib.error, UnicodeError, ValueError, KeyError, TypeError, NotImplementedError)


def records(path: Path) -> Numbered:
    """(place, record) of each record of a file; empty lines and rows are passed over. Raises ConfigError.

    A field's name stands in small letters, too, if the file has others.
    """
    try:
        yield from _dataset(path) if path.is_dir() else _file(path)
    except _UNREADABLE as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        if isinstance(error, UnicodeError):
            reason = "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read ({reason}): docs/formats.md lists what is accepted") from None


def fault(path: Path, place: str, reason: str) -> ConfigError:
    """The error for one record of a file."""
    return ConfigError(f"{path}: {place}: {reason}")


def _file(path: Path) -> Numbered:
    with path.open("rb") as raw:
        start = raw.peek(4)[:4]
        if start == PARQUET:
            yield from _parquet(path)
            return
        if start == ZIP:
            raise ConfigError(f"{path}: is a workbook or a zip archive: save it as CSV (UTF-8) or Parquet")
        file = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if start[:2] == GZIP else raw
        kind = next((s for s in reversed(path.suffixes) if s.lower() != ".gz"), "").lower()
        encoding = "utf-16" if cast(Any, file).peek(2)[:2] in UTF16 else "utf-8-sig"
        with io.TextIOWrapper(file, encoding, newline="" if kind in (".csv", ".tsv") else None) as text:
            match kind:
                case ".csv" | ".tsv":
                    yield from _table(path, text)
                case ".json":
                    yield from _json(path, text.read())
                case _:
                    yield from _lines(path, text)


def _lines(path: Path, text: Iterable[str]) -> Numbered:
    for number, line in enumerate(text, 1):
        if line.strip():
            yield _checked(path, f"line {number}", _parsed(path, f"line {number}", line))


def _json(path: Path, text: str) -> Numbered:
    """A list of records, an object that holds one, one record, or lines all the same."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        if not text.strip().startswith("{"):
            raise ConfigError(
                f"{path}: is not JSON: a .json file holds a list of records, or a record a line"
            ) from None
        yield from _lines(path, io.StringIO(text))
        return
    if isinstance(found, dict):
        found = next((found[name] for name in WRAPPERS if isinstance(found.get(name), list)), [found])
    if not isinstance(found, list):
        raise ConfigError(f"{path}: holds neither a list of records nor a record")
    for number, record in enumerate(found, 1):
        yield _checked(path, f"entry {number}", record)


def _table(path: Path, text: IO[str]) -> Numbered:
    """Rows are counted as a spreadsheet counts them: the names of the columns are row 1. An empty cell is no value."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a rubric in one cell is longer than csv's default allows
    first = text.readline()
    delimiter = max(DELIMITERS, key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if not any(names):
        raise ConfigError(f"{path}: has no row of column names: a CSV file begins with one")
    if len(set(names)) < len(names):
        raise fault(path, "row 1", "two columns have the same name: give each its own")
    rows = enumerate(csv.reader(text, delimiter=delimiter, strict=True), 2)
    number = 1
    try:
        for number, cells in rows:
            if len(cells) > len(names):
                raise fault(path, f"row {number}", "it has more cells than there are column names: quote its text")
            record = {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()}
            if record:
                yield _checked(path, f"row {number}", record)
    except csv.Error:
        raise fault(path, f"row {number + 1}", "its quotation marks do not match: export it again as CSV") from None


def _parquet(path: Path) -> Numbered:
    parquet = _library("pyarrow.parquet", path, "a Parquet file")
    return _rows(path, (batch.to_pylist() for batch in parquet.ParquetFile(path).iter_batches(BATCH)))


def _dataset(path: Path) -> Numbered:
    if (path / "dataset_dict.json").exists():
        splits = sorted(one.parent.name for one in path.glob("*/state.json"))
        named = ", ".join(str(path / name) for name in splits)
        raise ConfigError(f"{path}: holds several splits: name one of them ({named})")
    if not (path / "state.json").exists():
        raise ConfigError(f"{path}: is a folder, and not one that datasets' save_to_disk wrote: name one of its files")
    saved = _library("datasets", path, "a saved dataset").load_from_disk(str(path))
    # As Arrow has them: pictures and sounds beside the text are not decoded.
    return _rows(path, (batch.to_pylist() for batch in saved.with_format("arrow").iter(BATCH)))


def _rows(path: Path, batches: Iterable[list[dict[str, Any]]]) -> Numbered:
    rows = (row for batch in batches for row in batch)
    yield from (_checked(path, f"row {number}", row) for number, row in enumerate(rows, 1))


def _library(name: str, path: Path, kind: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        needed = name.partition(".")[0]
        raise ConfigError(
            f'{path}: {kind} needs {needed}: pip install "clinalign[train]", or give it as JSONL or CSV'
        ) from None


def _parsed(path: Path, place: str, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        hint = " (a list over several lines belongs in a .json file)" if line.strip() == "[" else ""
        raise fault(path, place, f"it is not JSON{hint}") from None


def _checked(path: Path, place: str, record: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(record, dict):
        raise fault(path, place, "it is not a JSON object")
    return place, {**{name.strip().lower(): value for name, value in record.items()}, **record}
