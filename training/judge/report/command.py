"""`python -m training judge-report`: every judge against the verdicts of others, in one table.

Two sets: GPT-4.1's verdicts on responses to HealthBench items, and physicians' labels on whether an answer
entails a claim (K-QA). Models that are slow on this machine are given a part of each with --limit; every row
says how many verdicts it rests on, and all judges of one run see the same ones.
"""

import argparse
import json
import random
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from principles.errors import ConfigError
from principles.files import write_atomic
from principles.grader import Judge
from training.common.extras import require_extra
from training.common.options import add_judge_options, count
from training.judge import registry
from training.judge.registry import JUDGES

if TYPE_CHECKING:
    from training.judge.report.comparison import Task

SHALLOW = "shallow"
SEED = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    option = parser.add_argument
    option("--data", type=Path, metavar="FILE", help="verdicts on responses to HealthBench items")
    option("--items", type=Path, metavar="FILE", help="the items that --data is on")
    option("--claims", type=Path, metavar="FILE", help="physicians' labels on claims, as K-QA has them")
    option(
        "--judges",
        nargs="+",
        choices=(*JUDGES, SHALLOW),
        default=["local"],
        metavar="NAME",
        help=f"of {', '.join(JUDGES)}, and {SHALLOW}: a baseline that reads nothing, kept with the local one "
        "(default local)",
    )
    add_judge_options(parser, cache=False)
    option("--limit", type=count, metavar="N", help="responses of each set, drawn by chance (default: all)")
    option("--out", type=Path, metavar="DIR", help="write judges.json, judges.md and reliability.png here")
    option("--json", action="store_true", help="print JSON instead of the table")


def run(given: argparse.Namespace) -> int:
    """Compare as `given`; returns the exit status. Raises ClinAlignError on bad input."""
    if {"local", SHALLOW} & set(given.judges) and given.judge_path is None:
        raise ConfigError(f"the judges local and {SHALLOW} need --judge-path: the folder of the trained judge")
    if given.out:
        require_extra("the picture in --out", "matplotlib")
    # Seconds of imports: not before they are wanted.
    from training.judge.local.judge import LocalJudge
    from training.judge.report.comparison import compared, picture, table

    sets = _sets(given)
    trained = cache(LocalJudge.load)  # local and shallow are one checkpoint

    def judge_called(name: str) -> Judge:
        if name in ("local", SHALLOW):
            judge = trained(given.judge_path)
            return judge if name == "local" else judge.shallow()
        return registry.make_judge(name, base_url=given.judge_base_url, model=given.judge_model)

    rows = []
    for name in given.judges:
        judge = judge_called(name)
        for data, tasks in sets.items():
            print(f"· {name} on {data} …", file=sys.stderr, flush=True)
            rows.append(compared(name, data, judge, tasks))
            # A model takes long: what is done is told at once.
            print(table(rows[-1:]), file=sys.stderr, flush=True)
    found = json.dumps([row.plain() for row in rows], indent=2)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        write_atomic(given.out / "judges.json", found + "\n")
        write_atomic(given.out / "judges.md", table(rows))
        write_atomic(given.out / "reliability.png", picture(rows))
    print(found if given.json else table(rows))
    return 0


def _sets(given: argparse.Namespace) -> "dict[str, list[Task]]":
    """What the judges are asked, by the name of its file. Raises ConfigError."""
    from training.judge.report.comparison import claim_tasks, healthbench_tasks

    sets: dict[str, list[Task]] = {}
    if given.data:
        if not given.items:
            raise ConfigError("--data needs --items, the HealthBench file that its responses are to")
        sets[given.data.stem] = healthbench_tasks(given.data, given.items)
    if given.claims:
        sets[given.claims.stem] = claim_tasks(given.claims)
    if not sets:
        raise ConfigError("give --data with --items, or --claims: there is nothing to compare with")
    if given.limit:
        sets = {name: random.Random(SEED).sample(tasks, min(given.limit, len(tasks))) for name, tasks in sets.items()}
    return sets
