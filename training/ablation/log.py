"""What an ablation keeps in its folder: settings.json, answers.jsonl and grades.jsonl.

A line of answers.jsonl is what one arm made of one item; a line of grades.jsonl is one judge's grade of one
answer. The last line on the same counts.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from principles.schema import Grade, Record
from training.ablation.arms import Made
from training.common.journal import append_line, folder_begun_under, read_lines

ANSWERS, GRADES = "answers.jsonl", "grades.jsonl"
R = TypeVar("R", bound=Record)


class Graded(Record):
    """The grade of an answer to an item, by its SHA-256, so that the same answer of two arms is graded once."""

    key: str
    answer: str
    judge: dict[str, Any]
    grade: Grade
    canary: str | None = None


class Lines(Generic[R]):
    """One JSONL file of records; new ones are appended. For the one process that writes it."""

    def __init__(self, path: Path, kind: type[R]) -> None:
        """Reads the file and drops a torn last line. ConfigError where another line cannot be read."""
        self._path = path
        self.records = list(read_lines(path, kind.model_validate_json, mend=True))

    def append(self, record: R) -> None:
        """Write one line; it is on the disk when this returns."""
        append_line(self._path, record.model_dump_json())
        self.records.append(record)


@dataclass
class Log:
    """Both files, by what they are asked for."""

    answers: Lines[Made]
    grades: Lines[Graded]

    def made(self) -> dict[str, dict[str, Made]]:
        """By item key and arm: what was made without an error."""
        found: dict[str, dict[str, Made]] = {}
        for one in self.answers.records:
            if one.error is None:
                found.setdefault(one.key, {})[one.arm] = one
        return found

    def graded(self, judge: Mapping[str, Any]) -> dict[tuple[str, str], Grade]:
        """By item key and SHA-256 of the answer: the grades of this judge."""
        return {(one.key, one.answer): one.grade for one in self.grades.records if one.judge == judge}


@contextmanager
def working_in(folder: Path, settings: Mapping[str, Any]) -> Iterator[Log]:
    """The log in `folder`, for this process alone, begun or gone on with under `settings`.

    Raises ConfigError where another process works there, or the folder was begun under other settings.
    """
    with folder_begun_under(settings, folder, ANSWERS, GRADES):
        yield Log(Lines(folder / ANSWERS, Made), Lines(folder / GRADES, Graded))


def sha256(answer: str) -> str:
    """What grades know an answer by."""
    return hashlib.sha256(answer.encode()).hexdigest()
