"""What a synthesis made, counted over all its lines."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from principles.schema import DIMENSIONS


def summarise(records: Iterable[Mapping[str, Any]], repeated: int, missing: int, seconds: float) -> dict[str, Any]:
    """Counts over the lines of both files. `seconds` is the time of this run alone."""
    usable: list[Mapping[str, Any]] = []
    refused: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    writers: Counter[str] = Counter()
    scenarios: dict[str, Counter[str]] = {name: Counter() for name in DIMENSIONS}
    for record in records:
        dropped.update(record["dropped"])
        writers[record["writer"]] += 1
        for name, histogram in scenarios.items():
            histogram[record["scenario"][name]] += 1
        if "refused" in record:
            refused[record["refused"]] += 1
        else:
            usable.append(record)
    lengths = [len(record["rubrics"]) for record in usable]
    criteria = [entry for record in usable for entry in record["rubrics"]]
    signals = [record["signal"] for record in usable if "signal" in record]
    summary: dict[str, Any] = {
        "questions": len(usable) + refused.total() + missing,
        "duplicate_questions": repeated,
        "rubrics": len(usable),
        "refused": dict(refused.most_common()),
        "missing": missing,
        "criteria": len(criteria),
        "criteria_a_rubric": round(fmean(lengths), 2) if lengths else 0.0,
        "faults_among_criteria": sum(entry["points"] < 0 for entry in criteria),
        "principles_used": len({entry["principle_id"] for entry in criteria}),
        "dropped_criteria": dict(dropped.most_common()),
        "writers": dict(writers),
        "scenarios": {name: dict(histogram.most_common()) for name, histogram in scenarios.items()},
        "seconds": round(seconds, 1),
    }
    if signals:
        summary["signal"] = {
            "rubrics": len(signals),
            "zero_spread": sum(signal["zero_spread"] for signal in signals),
            "mean": round(fmean(signal["mean"] for signal in signals), 4),
            "spread": round(fmean(signal["spread"] for signal in signals), 4),
        }
    return summary


def print_summary(summary: Mapping[str, Any], out: Path, path: Path, title: str = "Synthesis") -> None:
    """The counts as a table on stderr, the files on stdout."""
    table = Table("what", "count", title=title)
    for name, value in summary.items():
        if isinstance(value, dict):
            for inner, count in value.items():
                shown = ", ".join(f"{k} {v}" for k, v in count.items()) if isinstance(count, dict) else str(count)
                table.add_row(f"{_words(name)}: {_words(inner)}", shown)
        else:
            table.add_row(_words(name), str(value))
    Console(stderr=True).print(table)
    print(f"{out}\n{path}")


def _words(name: str) -> str:
    return name.replace("_", " ")
