"""The scenario step measured, alone and with the search behind it: `python -m agent.scenario COMMAND`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from principles.errors import ClinAlignError, ConfigError
from principles.interrupt import leave_on_interrupt

if TYPE_CHECKING:
    from agent.scenario.measure import Counts

ITEMS = "healthbench_hard_dev.jsonl"
HELP = {
    "evaluate": "How often the classifier is right, on questions that it did not learn from.",
    "choose": "What thresholds would do, on one hand at a time left out (minutes).",
    "bench": "The share of physicians' points that the principles found for a question cover, on HealthBench items.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m agent.scenario", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    made = {name: commands.add_parser(name, help=text, description=text) for name, text in HELP.items()}
    made["evaluate"].add_argument(
        "--data", type=Path, help="a HealthBench JSONL file, to compare with physicians' tags"
    )
    made["bench"].add_argument(
        "--data", type=Path, metavar="JSONL", help=f"HealthBench items (default: {ITEMS} in CLINALIGN_DATA)"
    )
    for name in ("evaluate", "bench"):
        made[name].add_argument("--json", action="store_true", help="print JSON instead of tables")
    given = parser.parse_args(arguments)
    try:
        {"evaluate": _evaluate, "choose": _choose, "bench": _bench}[given.command](given)
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    return 0


# The commands import what they need, so that --help and a wrong option answer at once.


def _evaluate(given: argparse.Namespace) -> None:
    from agent.scenario.measure import evaluate
    from retrieval.encoder import load_encoder

    report = evaluate(load_encoder().encode, given.data)
    if given.json:
        print(json.dumps(report, indent=1))
    else:
        _print(report)


def _choose(given: argparse.Namespace) -> None:
    from agent.scenario.choose import choose
    from agent.scenario.questions import load_questions
    from retrieval.encoder import load_encoder

    _print_choice(choose(load_encoder().encode, load_questions("tune")))


def _bench(given: argparse.Namespace) -> None:
    folder = os.environ.get("CLINALIGN_DATA")
    if given.data is None and not folder:
        raise ConfigError(f"no data: give --data, or set CLINALIGN_DATA to the folder that holds {ITEMS}")
    from agent.scenario.bench import bench
    from agent.scenario.classifier import load_classifier
    from retrieval.coverage import read_items
    from retrieval.retriever import load_retriever

    items = read_items(given.data or Path(str(folder)).expanduser() / ITEMS)
    retriever = load_retriever()
    result = bench(retriever, load_classifier(retriever.encoder.encode).classify, items)
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        _show_bench(result)


def _table(title: str, counts: "Counts") -> str:
    width = max(map(len, counts))
    lines = [f"{title} (rows: label; columns: given)", " " * width + "".join(f"{value[:12]:>14}" for value in counts)]
    lines += [
        f"{label:<{width}}" + "".join(f"{given[value]:>14}" for value in counts) for label, given in counts.items()
    ]
    return "\n".join(lines)


def _print(report: dict[str, Any]) -> None:
    from agent.scenario.measure import MEASURED

    for split in MEASURED:
        for name, part in report[split].items():
            print(f"\n{_table(f'{name}, {split}', part['confusion'])}")
            for value, row in part["scores"].items():
                print(f"  {value}: " + ", ".join(f"{key} {number:.3g}" for key, number in row.items()))
    print(f"\nmedian {report['median_ms']:.1f} ms a question")
    for name, counts in report.get("physicians", {}).items():
        print(f"\n{_table(f'{name}, physicians', counts)}")


def _print_choice(found: dict[str, Any]) -> None:
    print(f"{found['questions']} questions of {found['hands']} hands, each left out in turn")
    print("macro-F1: " + ", ".join(f"{name} {number:.3f}" for name, number in found["macro_f1"].items()))
    print("  ".join(found["urgency"][0]))
    for row in found["urgency"]:
        print("  ".join(f"{number:{len(name)}.3f}" for name, number in row.items()))


def _show_bench(result: dict[str, Any]) -> None:
    table = Table(
        "principles",
        "at most",
        "coverage",
        "95 % interval",
        "of all",
        "list length",
        title="Physicians' points covered",
    )
    whole = result["all"]["coverage"]
    lines = [(name, size, arm) for size, arms in result["at"].items() for name, arm in arms.items()]
    for name, size, arm in [*lines, ("all", "", result["all"])]:
        low, high = arm["interval"]
        ratio = f"{arm['coverage'] / whole:.2f}" if whole else "-"
        table.add_row(
            name, size, f"{arm['coverage']:.3f}", f"{low:.3f} to {high:.3f}", ratio, f"{arm['principles']:.1f}"
        )
    Console().print(table, f"{result['items']} items")


if __name__ == "__main__":
    leave_on_interrupt()
    raise SystemExit(main())
