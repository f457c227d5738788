"""`python -m training distil-bench`: how much of what physicians ask for do distilled libraries of several sizes cover?

By the measure of `python -m agent.scenario bench`, beside the library in use and criteria drawn at random. Libraries
are made without a model. Without --items they are made of two thirds of the questions and measured on the others: so
they are tuned, never on the items that they are reported on.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from principles.errors import ConfigError
from principles.schema import Scenario, Source
from training.common.options import count

if TYPE_CHECKING:
    from principles.library import Library
    from retrieval.coverage import Item
    from training.distil.criteria import Criteria
    from training.distil.members import Group
    from training.distil.vectors import KeptVectors

COUNTS = (30, 60, 119, 240, 480)
TOP = "12"
HELD_OUT = 3
SEED = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    option = parser.add_argument
    option("--rubrics", type=Path, required=True, metavar="FILE", help="what the libraries are distilled from")
    option("--items", type=Path, metavar="FILE", help="HealthBench items to measure on (default: a third of --rubrics)")
    option("--counts", type=count, nargs="+", default=COUNTS, metavar="N", help=f"sizes (default: {COUNTS})")
    option("--work", type=Path, required=True, metavar="DIR", help="keep vectors here and use them again")
    option("--json", action="store_true", help="print JSON instead of a table")


def run(given: argparse.Namespace) -> int:
    """Measure and print; returns the exit status. Raises ClinAlignError on bad input."""
    from retrieval.coverage import read_items
    from retrieval.encoder import load_encoder
    from training.distil.criteria import gathered, read_criteria
    from training.distil.vectors import KeptVectors

    criteria = read_criteria(given.rubrics)
    given.work.mkdir(parents=True, exist_ok=True)
    encoder = KeptVectors(load_encoder(), given.work)
    if given.items:
        measured = read_items(given.items)
    else:
        from training.distil.demand import items_of

        held = _held_out(criteria)
        measured = items_of(gathered([one for one, out in zip(criteria.items, held, strict=True) if out]))
        criteria = gathered([one for one, out in zip(criteria.items, held, strict=True) if not out])
    if max(given.counts) > len(criteria.wordings):
        raise ConfigError(f"{given.rubrics}: has only {len(criteria.wordings)} different criteria: ask for fewer")
    rows = measure(criteria, measured, encoder, given.work, given.counts)
    if given.json:
        print(json.dumps(rows, indent=2))
    else:
        _show(rows, len(measured))
    return 0


def measure(
    criteria: "Criteria", measured: "Sequence[Item]", encoder: "KeptVectors", work: Path, counts: Sequence[int]
) -> list[dict[str, Any]]:
    """A row a library: its name, number of principles, the coverage by all of them and by those retrieved."""
    from agent.scenario.bench import bench
    from agent.scenario.classifier import load_classifier
    from retrieval.retriever import load_retriever, pieces
    from training.distil.demand import items_of, taught

    learning = items_of(criteria)
    for items in (learning, measured):
        encoder.read([text for item in items for text, _ in item.criteria], "reading the criteria")
        encoder.read([piece for item in items for piece in pieces(item.question)], "embedding the questions")
    classify = _remembering(load_classifier(encoder.encode).classify)

    libraries = _libraries(criteria, encoder, work, counts)
    searches = [(name, taught(library, encoder, learning)[0]) for name, library in libraries]
    rows = []
    for name, retriever in [("in use", load_retriever()), *searches]:
        result = bench(retriever, classify, measured)
        every, found = result["all"], result["at"][TOP]["retrieved"]
        print(f"{name}: {found['coverage']:.3f} of {every['coverage']:.3f}", file=sys.stderr, flush=True)
        size = len(retriever.library.principles)
        rows.append({"library": name, "principles": size, "all": every, "retrieved": found})
    return rows


def _libraries(
    criteria: "Criteria", encoder: "KeptVectors", work: Path, counts: Sequence[int]
) -> "list[tuple[str, Library]]":
    from training.distil.members import grouped
    from training.distil.scenarios import read_scenarios

    scenarios = read_scenarios(criteria.items, encoder, work)
    vectors = encoder.encode([one.text for one in criteria.wordings])
    found = []
    chance = np.random.default_rng(SEED)
    for number in counts:
        groups = grouped(criteria, vectors, scenarios, number)
        found.append((f"distilled {number}", _library(criteria, groups)))
        drawn = chance.choice(len(criteria.wordings), len(groups), replace=False)
        alone = [_alone(criteria, one, int(at)) for one, at in zip(groups, drawn, strict=True)]
        found.append((f"random {number}", _library(criteria, alone)))
    return found


def _alone(criteria: "Criteria", group: "Group", at: int) -> "Group":
    """A group of one criterion, in the place of another group."""
    points = round(criteria.wordings[at].places[0].points) or 1
    return replace(group, members=(at,), points=points, terms=())


def _library(criteria: "Criteria", groups: "Sequence[Group]") -> "Library":
    from principles.library import library_of
    from training.distil.making import make
    from training.distil.writer import Material, by_rule

    source = Source(body="HealthRubrics", title="measured, not kept", year=2000)
    entries = []
    for number, group in enumerate(groups):
        material = Material((criteria.wordings[group.centre].text,), group.points > 0, group.terms)
        principle = make(criteria, group, by_rule(material), source).principle
        entries.append((str(number), principle.model_dump(mode="json") | {"id": f"{group.dimension}.n{number}"}))
    return library_of(iter(entries), "the library")


def _held_out(criteria: "Criteria") -> list[bool]:
    """Whether each item's question is held out: all reviews of a question are on one side."""
    return [int(question) % HELD_OUT == 0 for question in criteria.question]


def _remembering(classify: Callable[[Any], Scenario]) -> Callable[[Sequence[Mapping[str, str]]], Scenario]:
    """The same, each conversation once: every library is measured on the same."""
    known: dict[int, Scenario] = {}

    def remembered(turns: Sequence[Mapping[str, str]]) -> Scenario:
        if id(turns) not in known:
            known[id(turns)] = classify(turns)
        return known[id(turns)]

    return remembered


def _show(rows: Sequence[Mapping[str, Any]], items: int) -> None:
    table = Table("library", "principles", "all", "95 %", f"retrieved@{TOP}", "95 %", "of all", "list length")
    for one in rows:
        every, found = one["all"], one["retrieved"]
        ratio = f"{found['coverage'] / every['coverage']:.2f}" if every["coverage"] else "-"
        spans = [f"{arm['interval'][0]:.3f} to {arm['interval'][1]:.3f}" for arm in (every, found)]
        table.add_row(
            one["library"],
            str(one["principles"]),
            f"{every['coverage']:.3f}",
            spans[0],
            f"{found['coverage']:.3f}",
            spans[1],
            ratio,
            f"{found['principles']:.1f}",
        )
    Console(width=120).print(table, f"{items} items")
