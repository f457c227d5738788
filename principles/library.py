"""Reading a principle library: the bundled one, or a user's YAML, JSON or JSONL file.

Every entry is checked against `Principle`; a file with any fault is refused as a whole, with a message
that names the entry, the field and the reason. The digest ties an index to exactly these principles.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from principles.errors import LibraryError
from principles.schema import Principle

BUNDLED = Path(__file__).with_name("library.yaml")
FAULTS_SHOWN = 20


@dataclass(frozen=True)
class Library:
    """An ordered set of principles with unique ids. `digest` is the SHA-256 of their canonical JSON."""

    principles: tuple[Principle, ...]
    digest: str

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def _by_id(self) -> dict[str, Principle]:
        return {principle.id: principle for principle in self.principles}

    def __contains__(self, principle_id: str) -> bool:
        return principle_id in self._by_id

    def get(self, principle_id: str) -> Principle:
        """The principle of that id; LibraryError where there is none."""
        try:
            return self._by_id[principle_id]
        except KeyError:
            raise LibraryError(
                f"no principle {principle_id!r} in the library: `python -m retrieval search` finds ids by words"
            ) from None


def load_library(path: Path | None = None) -> Library:
    """Read and check a library: `path`, else the file named by CLINALIGN_PRINCIPLES, else the bundled one.

    Raises LibraryError for a file that cannot be read or holds any entry that does not fit the schema.
    """
    path = library_path(path)
    return library_of(_entries(path), str(path))


def library_path(path: Path | None = None) -> Path:
    """The library's file: `path`, else the one named by CLINALIGN_PRINCIPLES, else the bundled one."""
    named = os.environ.get("CLINALIGN_PRINCIPLES")
    return path or (Path(named).expanduser() if named else BUNDLED)


def library_of(entries: Iterator[tuple[str, Any]], origin: str, schema: type[Principle] = Principle) -> Library:
    """Check `(place, entry)` pairs and make a Library of `schema`; `place` and `origin` are used in messages only."""
    principles: dict[str, Principle] = {}
    faults: list[str] = []
    for place, entry in entries:
        if not isinstance(entry, dict):
            faults.append(f"{place}: not a mapping of field to value")
            continue
        name = f"{entry['id']} ({place})" if isinstance(entry.get("id"), str) else place
        try:
            principle = schema.model_validate(entry)
        except ValidationError as error:
            faults += [f"{name}: {_reason(fault, schema)}" for fault in error.errors()]
            continue
        if principle.id in principles:
            faults.append(f"{name}: field id: another principle above has the same id")
        principles[principle.id] = principle
    if faults:
        shown = "\n  ".join(faults[:FAULTS_SHOWN])
        more = f"\n  and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        raise LibraryError(f"{origin}: {len(faults)} fault(s), mend these and load it again:\n  {shown}{more}")
    if not principles:
        raise LibraryError(f"{origin}: holds no principles: a library is a list of at least one")
    return Library(tuple(principles.values()), _digest(principles.values()))


def _reason(fault: Any, schema: type[Principle]) -> str:
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"field {field}: unknown field, remove it (fields: {', '.join(schema.model_fields)})"
    if fault["type"] == "missing":
        return f"field {field}: missing"
    message = fault["msg"].removeprefix("Value error, ")
    return f"field {field}: {message}" if field else message


def _digest(principles: Any) -> str:
    digest = hashlib.sha256()
    for principle in principles:
        canonical = json.dumps(
            principle.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        digest.update(canonical.encode() + b"\n")
    return digest.hexdigest()


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    read = {".yaml": _yaml, ".yml": _yaml, ".json": _json, ".jsonl": _jsonl}.get(path.suffix.lower())
    if read is None:
        raise LibraryError(f"{path}: unknown kind of file: a library ends in .yaml, .yml, .json or .jsonl")
    try:
        return read(path.read_text(encoding="utf-8-sig"), path)
    except OSError as error:
        raise LibraryError(
            f"{path}: cannot be read ({error.strerror}): check the path or CLINALIGN_PRINCIPLES"
        ) from None
    except UnicodeDecodeError:
        raise LibraryError(f"{path}: is not UTF-8 text: save the library as UTF-8") from None


def _listed(value: Any, path: Path) -> Iterator[tuple[str, Any]]:
    if value is None:
        value = []
    if not isinstance(value, list):
        raise LibraryError(f"{path}: holds a {type(value).__name__}, not a list of principles")
    return ((f"entry {number}", entry) for number, entry in enumerate(value, 1))


def _yaml(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    return _listed(parsed_yaml(text, path), path)


def parsed_yaml(text: str, path: Path) -> Any:
    """What a YAML file says. LibraryError, with the line, where it is none."""
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not text"
        raise LibraryError(f"{path}: is not valid YAML{where} ({problem})") from None


def _json(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    try:
        return _listed(json.loads(text), path)
    except (ValueError, RecursionError) as error:
        raise LibraryError(f"{path}: is not valid JSON ({_json_problem(error)})") from None


def _jsonl(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise LibraryError(f"{path}: line {number} is not valid JSON ({_json_problem(error)})") from None
            yield f"line {number}", entry


def _json_problem(error: Exception) -> str:
    return f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "nested too deeply"
