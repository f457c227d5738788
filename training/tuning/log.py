"""A training's log: a list of records with `step`. Checkpoints keep it, so that a resumed run has the whole of it."""

from collections.abc import Mapping, Sequence
from typing import Any

Log = Sequence[Mapping[str, Any]]


def series(log: Log, name: str) -> list[tuple[int, float]]:
    """(step, value) of each record that has `name`."""
    return [(int(one["step"]), float(one[name])) for one in log if one.get(name) is not None]
