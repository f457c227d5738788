"""`python -m principles distil`: a library of principles from physicians' rubrics.

Vectors, scenarios and what a model wrote are kept beside the library as they come, so that an interrupted run goes on
where it was when the same command is given again, and more rubrics cost only what is new in them. docs/distil.md says
what is made and how much it covers.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from principles.errors import ConfigError
from principles.files import write_atomic
from principles.schema import Source
from training.common.journal import beside, only_process, unwritable
from training.common.options import count
from training.common.page import canary_lines

if TYPE_CHECKING:
    from training.distil.criteria import Criteria
    from training.distil.kept import Change
    from training.distil.pipeline import Distilled, Writing

EPILOG = """
Beside FILE lie FILE.sources.jsonl (from each principle to its criteria), FILE.apart.jsonl (criteria that no principle
covers), FILE.demand.npz (what the search learnt, from 100 questions on) and the folder FILE.work, which may be deleted
when all is done. No text of a criterion is in them. Where FILE is there, its ids are kept, and so is every principle
that was changed by hand. Exit status: 0 done, 2 an error that the message explains, 130 interrupted (the same command
goes on).
"""
YAML = (".yaml", ".yml")
SHOWN = 40
WIDTH = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    option = parser.add_argument
    option(
        "--rubrics",
        type=Path,
        required=True,
        metavar="FILE",
        help="rubrics in HealthBench's shape, .jsonl or .gz",
    )
    option("--out", type=Path, required=True, metavar="FILE", help="the library, .yaml")
    option(
        "--count",
        type=count,
        metavar="N",
        help="how many principles (default: as many as each add the criteria of three questions)",
    )
    option("--previous", type=Path, metavar="FILE", help="the library whose ids are kept (default: that at --out)")
    option("--no-model", action="store_true", help="let the most central criterion of each group stand as statement")
    option("--model", metavar="NAME", help="who words the principles: a profile, or the model's name at --base-url")
    option("--base-url", metavar="URL", help="its OpenAI-compatible endpoint")


def run(given: argparse.Namespace) -> int:
    """Distil as `given`; returns the exit status. Raises ClinAlignError on bad input."""
    if given.out.suffix.lower() not in YAML:
        raise ConfigError(f"{given.out}: a library is written as YAML: name it .yaml")
    if given.no_model and (given.model or given.base_url):
        raise ConfigError("--no-model asks no model: leave out --model and --base-url")
    started = time.perf_counter()
    # Seconds of imports: not before they are wanted.
    from training.distil.criteria import read_criteria
    from training.distil.kept import Before, changes, read_before, require_ours

    require_ours(given.out)
    criteria = read_criteria(given.rubrics)
    _require_enough(criteria, given)
    previous = given.previous or (given.out if given.out.exists() else None)
    before = read_before(previous) if previous else Before()
    folder = beside(given.out, "work")
    lock = only_process(folder / ".lock", given.out)
    try:
        from retrieval.encoder import load_encoder
        from training.distil.pipeline import distil

        made = distil(
            criteria,
            load_encoder(),
            folder,
            count=given.count,
            source=_source(given.rubrics),
            before=before,
            writing=None if given.no_model else _writing(given),
        )
        _write(given.out, made, criteria)
    finally:
        lock.release()
    _tell(given, criteria, made, changes(made.made, before), time.perf_counter() - started)
    return 0


def _require_enough(criteria: "Criteria", given: argparse.Namespace) -> None:
    if given.count and given.count > len(criteria.wordings):
        raise ConfigError(
            f"{given.rubrics}: holds {len(criteria.wordings)} different criteria, "
            f"too few for {given.count} principles: ask for fewer with --count, or leave it out"
        )


def _source(rubrics: Path) -> Source:
    year = min(2100, max(1950, time.localtime(rubrics.stat().st_mtime).tm_year))
    return Source(body="HealthRubrics", title=f"Physicians' rubrics in {rubrics.name}", year=year)


def _writing(given: argparse.Namespace) -> "Writing":
    from agent.llm.client import Model, chat_model
    from agent.llm.endpoint import resolve_endpoint
    from agent.llm.progress import rich_progress
    from training.distil.pipeline import Writing

    with rich_progress() as report:
        endpoint = resolve_endpoint(given.model, given.base_url, report)
    return Writing(Model(chat_model(endpoint)), endpoint.model, endpoint.local)


def _write(out: Path, made: "Distilled", criteria: "Criteria") -> None:
    """The library comes last: who finds it finds what belongs to it. Raises ConfigError where the disk fails."""
    from retrieval.demand import demand_path
    from training.distil.kept import sources_path
    from training.distil.making import source_line

    demand = demand_path(out)
    for path, content in (
        (beside(out, "apart.jsonl"), _lines(json.dumps(asdict(one)) for one in made.apart)),
        (sources_path(out), _lines(map(source_line, made.made))),
        (demand, made.demand),
        (out, "".join(_page(made, criteria))),
    ):
        try:
            if content is None:
                path.unlink(missing_ok=True)
            else:
                write_atomic(path, content)
        except OSError as error:
            raise unwritable(path, error) from None


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _page(made: "Distilled", criteria: "Criteria") -> Iterator[str]:
    yield "# Principles distilled from rubrics by `python -m principles distil`. No clinician has verified them as\n"
    yield "# they stand here. `python -m principles validate` checks their form.\n"
    canaries = dict.fromkeys(item.canary for item in criteria.items if item.canary)
    yield from (f"# {' '.join(line.split())}\n" for line in canary_lines(canaries))
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    for one in made.made:
        entry = one.principle.model_dump(mode="json")
        yield "\n" + yaml.dump([entry], Dumper=dumper, sort_keys=False, allow_unicode=True, width=WIDTH)


def _tell(
    given: argparse.Namespace,
    criteria: "Criteria",
    made: "Distilled",
    found: "Sequence[Change]",
    seconds: float,
) -> None:
    for change in [one for one in found if one.kind != "same"][:SHOWN]:
        print(f"{change.kind:8} {change.id}" + (f": {', '.join(change.fields)}" if change.fields else ""))
    counts = Counter(change.kind for change in found)
    if sum(counts.values()) - counts["same"] > SHOWN:
        print(f"… and {sum(counts.values()) - counts['same'] - SHOWN} more")
    print(", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())))
    placed = criteria.count - sum(len(one.rows) for one in made.apart)
    print(
        f"{given.out}: {len(made.made)} principles from {criteria.count} criteria "
        f"({len(criteria.wordings)} different) in {len(criteria.items)} rubrics, {seconds:.0f} s"
    )
    print(f"{placed} criteria stand behind a principle, {criteria.count - placed} behind none")
    if given.count and len(made.made) < given.count:
        print(f"{given.count - len(made.made)} fewer than asked for: the others would only repeat these")
    for number, what in (
        (made.merged, "repeated another in other words and joined it"),
        (criteria.pointless, "criteria have 0 points, move no score and are left out"),
        (
            0 if given.no_model else made.unwritten,
            "could not be worded by the model: the most central criterion stands",
        ),
    ):
        if number:
            print(f"{number} {what}")
    if given.no_model:
        print(
            "no model was asked: the advice only repeats the criterion and is not worded for an answer; "
            "have it rewritten before the agent uses this library",
            file=sys.stderr,
        )
