"""Measuring retrieval, and teaching it: `python -m retrieval bench | calibrate | learn`."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from principles.errors import ClinAlignError, ConfigError
from principles.interrupt import leave_on_interrupt

HELP = {
    "bench": "The share of physicians' points that retrieved principles cover, on HealthBench items.",
    "calibrate": "How the cosine that means 'covered' agrees with labelled pairs.",
    "learn": "Learn from physicians' rubrics which principles are asked of answers to which questions.",
}
FILES = {
    "bench": "healthbench_hard_dev.jsonl",
    "calibrate": "healthbench_other_dev.jsonl",
    "learn": "healthbench_other_dev.jsonl",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m retrieval", description="Measure how well principles are found.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in HELP.items():
        command = commands.add_parser(name, help=text, description=text)
        if name != "learn":
            command.add_argument("--json", action="store_true", help="print JSON instead of a table")
        command.add_argument(
            "--data", type=Path, metavar="JSONL", help=f"HealthBench items (default: {FILES[name]} in CLINALIGN_DATA)"
        )
        if name == "bench":
            command.add_argument(
                "--growth", action="store_true", help="instead: time, memory and recall up to a million rows (no data)"
            )
        if name == "learn":
            command.add_argument("--out", type=Path, metavar="NPZ", help="default: demand.npz of this package")
    given = parser.parse_args(arguments)
    growing = given.command == "bench" and given.growth
    try:
        if given.command == "learn":
            return _learn(_data(given.data, FILES["learn"]), given.out)
        result = _growth() if growing else _measure(given.command, _data(given.data, FILES[given.command]))
    except ClinAlignError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if given.json:
        print(json.dumps(result, indent=2))
    elif growing:
        _show_growth(result)
    elif given.command == "bench":
        _show_bench(result)
    else:
        _show_calibration(result)
    return 0


def _data(given: Path | None, name: str) -> Path:
    folder = os.environ.get("CLINALIGN_DATA")
    if given is None and not folder:
        raise ConfigError(f"no data: give --data, or set CLINALIGN_DATA to the folder that holds {name}")
    return given or Path(str(folder)).expanduser() / name


def _measure(command: str, data: Path) -> Any:
    # Imported here, so that --help and a wrong option answer at once.
    from principles.library import load_library
    from retrieval.coverage import read_items

    items = read_items(data)
    if command == "calibrate":
        from retrieval.calibrate import calibrate
        from retrieval.encoder import load_encoder

        return calibrate(load_library(), load_encoder(), items)
    from principles.scenario import load_classifier
    from retrieval.bench import bench
    from retrieval.retriever import load_retriever

    retriever = load_retriever()
    return bench(retriever, load_classifier(retriever.encoder.encode).classify, items)


def _learn(data: Path, out: Path | None) -> int:
    from principles.files import write_atomic
    from retrieval.coverage import read_items
    from retrieval.demand import LEARNT
    from retrieval.learn import learn
    from retrieval.retriever import load_retriever

    items = read_items(data)
    retriever = load_retriever()
    demand = learn(retriever, items)
    path = out or LEARNT
    write_atomic(path, demand.written(retriever.library, retriever.encoder))
    print(f"{path}: learnt from {len(items)} items for {len(retriever.library.principles)} principles", file=sys.stderr)
    return 0


def _growth() -> Any:
    from principles.library import load_library
    from retrieval.encoder import load_encoder
    from retrieval.growth import growth
    from retrieval.index import embed_rows

    return growth(embed_rows(load_library(), load_encoder()))


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


def _show_calibration(result: dict[str, Any]) -> None:
    table = Table("cosine", "precision", "recall", "F1", title="Does a cosine above this mean 'covered'?")
    for line in result["thresholds"]:
        table.add_row(*(f"{line[name]:.2f}" for name in ("threshold", "precision", "recall", "f1")))
    again = f"; {result['read twice']} read twice, kappa {result['kappa']:.2f}" if result["kappa"] is not None else ""
    Console().print(table, f"{result['pairs']} pairs, {result['covering']} of them covering{again}")


def _show_growth(result: list[dict[str, Any]]) -> None:
    table = Table(*(name.replace("_", " ") for name in result[0]), title="Growth of the index")
    for line in result:
        table.add_row(
            *(
                f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
                for value in line.values()
            )
        )
    Console().print(table)


if __name__ == "__main__":
    leave_on_interrupt()
    sys.exit(main())
