"""What an evaluation keeps in its folder: settings.json, and in items.jsonl a line for each item tried.

The last line on an item counts. The lines hold questions' keys, answers and verdicts.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from principles.errors import ConfigError
from principles.schema import Grade, Record
from training.common.journal import SETTINGS, append_line, folder_begun_under, read_lines, settings_in

ITEMS = "items.jsonl"


class Outcome(Record):
    """What became of one item: a grade, or an error and perhaps an answer. `seconds` is the time it took.

    `canary` is HealthBench's, as in the item.
    """

    key: str
    response: str | None
    reviewed: bool | None
    grade: Grade | None
    error: str | None
    seconds: float
    canary: str | None


class Outcomes:
    """The lines of one items.jsonl, by item key; new ones are appended."""

    def __init__(self, path: Path, mend: bool = False) -> None:
        """`mend` drops a torn last line from the file; for the one process that writes it. Raises ConfigError."""
        self._path = path
        self._by_key = {one.key: one for one in read_lines(path, Outcome.model_validate_json, mend)}

    def __getitem__(self, key: str) -> Outcome | None:
        return self._by_key.get(key)

    def append(self, outcome: Outcome) -> None:
        """Write one line; it is on the disk when this returns."""
        append_line(self._path, outcome.model_dump_json())
        self._by_key[outcome.key] = outcome

    def scores(self) -> dict[str, float | None]:
        """The score of each graded item."""
        return {key: outcome.grade.score for key, outcome in self._by_key.items() if outcome.grade}


@contextmanager
def working_in(folder: Path, settings: Mapping[str, Any]) -> Iterator[Outcomes]:
    """The outcomes in `folder`, for this process alone, begun or gone on with under `settings`.

    Raises ConfigError where another process works there, or the folder was begun under other settings.
    """
    with folder_begun_under(settings, folder, ITEMS):
        yield Outcomes(folder / ITEMS, mend=True)


def earlier_scores(folder: Path, settings: Mapping[str, Any]) -> dict[str, float | None]:
    """The scores of the run in `folder`, which must be of the same data and errata by the same judge, else
    ConfigError."""
    theirs = settings_in(folder / SETTINGS)
    if theirs is None:
        raise ConfigError(f"{folder}: is not the folder of an evaluation: it has no {SETTINGS}")
    for what in ("data", "errata", "judge"):
        if theirs.get(what) != settings.get(what):
            raise ConfigError(f"{folder}: that run has other {what}: only runs with the same data and judge compare")
    return Outcomes(folder / ITEMS).scores()
