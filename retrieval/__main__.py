"""The search in a terminal, and what it rests on: `python -m retrieval COMMAND`."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from principles.errors import ClinAlignError, ConfigError, LibraryError
from principles.interrupt import leave_on_interrupt

if TYPE_CHECKING:
    from retrieval.coverage import Item

HELP = {
    "search": "Print the principles nearest to a text.",
    "facts": "Print the knowledge cards that bear on a question.",
    "embed-facts": "Embed the bundled knowledge cards anew, after a change of any.",
    "near": "List the pairs of principles that say nearly the same; leaves with 2 where two say the same.",
    "calibrate": "How the cosine that means 'covered' agrees with labelled pairs.",
    "learn": "Learn from physicians' rubrics which principles are asked of answers to which questions.",
    "growth": "Time, memory and recall of the index up to a million rows.",
}
ITEMS = "healthbench_other_dev.jsonl"
# Statements above this cosine say the same.
SAME = 0.85


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m retrieval", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = {name: commands.add_parser(name, help=text, description=text) for name, text in HELP.items()}
    for name in ("search", "near"):
        made[name].add_argument(
            "--library", type=Path, metavar="FILE", help="default: CLINALIGN_PRINCIPLES, else the bundled library"
        )
    made["search"].add_argument("text")
    made["search"].add_argument("-k", type=int, default=8, metavar="N", help="how many (default 8)")
    made["facts"].add_argument("text")
    made["facts"].add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="default: CLINALIGN_FACTS, else the bundled cards",
    )
    made["near"].add_argument(
        "--above", type=float, default=0.75, metavar="COSINE", help="list pairs above this (default 0.75)"
    )
    for name in ("calibrate", "growth"):
        made[name].add_argument("--json", action="store_true", help="print JSON instead of a table")
    for name in ("calibrate", "learn"):
        made[name].add_argument(
            "--data", type=Path, metavar="JSONL", help=f"HealthBench items (default: {ITEMS} in CLINALIGN_DATA)"
        )
    made["learn"].add_argument("--out", type=Path, metavar="NPZ", help="default: demand.npz of this package")
    given = parser.parse_args(arguments)
    run = {
        "search": _search,
        "facts": _facts,
        "embed-facts": _embed_facts,
        "near": _near,
        "calibrate": _calibrate,
        "learn": _learn,
        "growth": _growth,
    }
    try:
        run[given.command](given)
    except ClinAlignError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


# The commands import what they need, so that --help and a wrong option answer at once.


def _search(given: argparse.Namespace) -> None:
    from retrieval.retriever import load_retriever

    for principle, similarity in load_retriever(given.library).similar(given.text, given.k):
        print(f"{similarity:.2f}  {principle.id:48} {principle.statement}")


def _facts(given: argparse.Namespace) -> None:
    from retrieval.encoder import load_encoder
    from retrieval.facts import load_fact_search

    found = load_fact_search(load_encoder(), given.folder).search(given.text)
    for one in found:
        source = one.fact.sources[0]
        print(f"{one.likely:.2f}  {one.fact.id}\n      {one.fact.statement} ({source.body}, {source.year})")
    if not found:
        print("no card bears on this")


def _embed_facts(_: argparse.Namespace) -> None:
    from principles import facts
    from principles.files import write_atomic
    from retrieval.encoder import load_encoder
    from retrieval.fact_vectors import BUNDLED, embedded

    path = Path(__file__).with_name(BUNDLED)
    write_atomic(path, embedded(facts.load_facts(facts.BUNDLED), load_encoder()))
    print(path)


def _near(given: argparse.Namespace) -> None:
    """Raises LibraryError where two statements say the same."""
    from principles.library import load_library
    from retrieval.encoder import load_encoder
    from retrieval.near import near_pairs

    pairs = near_pairs(load_library(given.library), load_encoder(), given.above)
    for cosine, first, second in pairs:
        print(f"{cosine:.2f}  {first}  {second}")
    print(f"{len(pairs)} pair(s) of statements above {given.above}")
    same = [pair for pair in pairs if pair[0] > SAME]
    if same:
        listed = (f"{first} and {second} say the same (cosine {cosine:.2f})" for cosine, first, second in same)
        raise LibraryError(f"{len(same)} fault(s):\n  " + "\n  ".join(listed))


def _calibrate(given: argparse.Namespace) -> None:
    from principles.library import load_library
    from retrieval.calibrate import calibrate
    from retrieval.encoder import load_encoder

    result = calibrate(load_library(), load_encoder(), _items(given.data))
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        _show_calibration(result)


def _learn(given: argparse.Namespace) -> None:
    from principles.files import write_atomic
    from retrieval.demand import LEARNT
    from retrieval.learn import learn
    from retrieval.retriever import load_retriever

    items = _items(given.data, to_learn=True)
    retriever = load_retriever()
    demand = learn(retriever, items)
    path = given.out or LEARNT
    write_atomic(path, demand.written(retriever.library, retriever.encoder))
    print(f"{path}: learnt from {len(items)} items for {len(retriever.library.principles)} principles", file=sys.stderr)


def _growth(given: argparse.Namespace) -> None:
    from principles.library import load_library
    from retrieval.encoder import load_encoder
    from retrieval.growth import growth
    from retrieval.index import embed_rows

    result = growth(embed_rows(load_library(), load_encoder()))
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        _show_growth(result)


def _items(given: Path | None, to_learn: bool = False) -> "list[Item]":
    folder = os.environ.get("CLINALIGN_DATA")
    if given is None and not folder:
        raise ConfigError(f"no data: give --data, or set CLINALIGN_DATA to the folder that holds {ITEMS}")
    from principles.hard import refuse_hard
    from retrieval.coverage import read_items

    path = given or Path(str(folder)).expanduser() / ITEMS
    items = read_items(path)
    if to_learn:
        refuse_hard(path, [item.hard for item in items])
    return items


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
