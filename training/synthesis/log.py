"""The output of a synthesis: FILE with a line for each rubric, FILE.refused.jsonl with those not worth using.

Each question gets exactly one line in one of the two. FILE.settings.json says what the lines were made with.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from principles.errors import ConfigError
from training.common.journal import append_line, begun_under, beside, read_lines, write_whole


class Journal:
    """The two files of one output, by prompt_id; for the one process that writes them."""

    def __init__(self, out: Path) -> None:
        """Drops torn last lines. Raises ConfigError where another line cannot be read."""
        self.out = out
        self.refused = beside(out, "refused.jsonl")
        self.done: set[str] = set()
        for path in (self.out, self.refused):
            for record in read_lines(path, _record, mend=True):
                if record["prompt_id"] in self.done:
                    raise ConfigError(f"{path}: has two lines on one question: remove one, or choose another --out")
                self.done.add(record["prompt_id"])

    def append(self, prompt_id: str, line: str, refused: bool) -> None:
        """Write one line (without its line break); it is on the disk when this returns. Raises ConfigError."""
        append_line(self.refused if refused else self.out, line, self._kept())
        self.done.add(prompt_id)

    def records(self) -> Iterator[dict[str, Any]]:
        """All lines of both files, parsed."""
        for path in (self.out, self.refused):
            yield from read_lines(path, _record)

    def write_summary(self, summary: Mapping[str, Any]) -> Path:
        """FILE.summary.json."""
        path = beside(self.out, "summary.json")
        write_whole(path, json.dumps(summary, indent=2) + "\n", self._kept())
        return path

    def _kept(self) -> str:
        return f"the {len(self.done)} questions done so far are kept"


@contextmanager
def working_on(out: Path, settings: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of `out`, for this process alone, begun or gone on with under `settings`. Raises ConfigError."""
    lines = (out, beside(out, "refused.jsonl"))
    lock, kept_in = beside(out, "lock"), beside(out, "settings.json")
    with begun_under(settings, out=out, lock=lock, kept_in=kept_in, lines=lines):
        yield Journal(out)


def _record(line: bytes) -> dict[str, Any]:
    record = json.loads(line)
    if not isinstance(record, dict) or not isinstance(record.get("prompt_id"), str):
        raise ValueError("not the line of a question")
    return record
