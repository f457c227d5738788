"""What sampling keeps: a line a question, with all of its answers and what the judge said of each."""

from pathlib import Path

from pydantic import Field

from principles.schema import Grade, Record
from training.common.journal import append_line, read_lines

SAMPLES = "samples.jsonl"


class Sample(Record):
    """One answer. `cut`: it ran into the limit of tokens. `grade` is None where the judge failed."""

    response: str
    cut: bool
    grade: Grade | None


class Sampled(Record):
    """A question's answers. `points` are the criteria's, by id; `canary` marks a benchmark's text."""

    key: str
    turns: tuple[dict[str, str], ...]
    points: dict[str, float]
    samples: tuple[Sample, ...] = Field(min_length=1)
    canary: str | None = None


def read_samples(path: Path, mend: bool = False) -> list[Sampled]:
    """The questions of a file that sampling wrote. Raises ConfigError."""
    return list(read_lines(path, Sampled.model_validate_json, mend))


def keep(path: Path, sampled: Sampled) -> None:
    """Write one line; it is on the disk when this returns."""
    append_line(path, sampled.model_dump_json())
