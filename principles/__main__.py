"""Principles and knowledge cards in a terminal: `python -m principles validate | show | stats | docs`, and what makes
libraries, of other people's principles and of clinicians' rubrics: `import | distil | draft-rubrics | collect-rubrics |
learn`."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from principles import shelf
from principles.errors import ClinAlignError, LibraryError
from principles.facts import load_facts
from principles.files import write_atomic
from principles.interrupt import leave_on_interrupt
from principles.library import Library, load_library
from principles.rubric import SLOTS
from principles.schema import DIMENSIONS, Principle
from principles.signs import all_signs

COUNT = 119
# With what the ids of knowledge cards begin.
CARD = "fact."
# What the bundled library has of every principle, and libraries of others may lack; so many facets at least.
FULL, FACETS = ("rationale", "advice", "sources"), 3
_SLOT = re.compile(r"\{([^}]*)\}?|\}")
# What needs more than the library is found by name, as `python -m training` finds its commands: no import goes up.
ABOVE = {
    "import": ("principles.intake.command", "Make a library of other people's principles, or ask for what is unclear."),
    "distil": ("training.distil.command", "Distil a library of principles from physicians' rubrics."),
    "draft-rubrics": ("training.reviews.draft", "Draft a rubric for each question, for clinicians to correct."),
    "collect-rubrics": ("training.reviews.sheet.command", "Take back spreadsheets that clinicians worked in."),
    "learn": ("training.reviews.learn.command", "Tell what clinicians changed, and propose better wording."),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m principles",
        description="Look at and check the principles and the knowledge cards, and make a library of principles.",
        epilog="`python -m retrieval search | facts | near` searches them by meaning, and finds what says the same.",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument(
            "--library", type=Path, metavar="FILE", help="default: CLINALIGN_PRINCIPLES, else the bundled library"
        )
        return added

    validate = command("validate", "Check schema, slots and balance; leaves with 2 on any fault.")
    validate.add_argument(
        "file", type=Path, nargs="?", help="the library to check alone (default: the library and the cards in use)"
    )
    command("show", "Print one principle or knowledge card.").add_argument("id")
    command("stats", "Count principles by dimension, value and kind, and knowledge cards.")
    docs = command("docs", "Write the library as a Markdown page, and the table of knowledge cards beside it.")
    docs.add_argument("--out", type=Path, default=Path("docs/principles.md"), metavar="PAGE")
    named = list(sys.argv[1:] if arguments is None else arguments)
    for name, (module, text) in ABOVE.items():
        above = commands.add_parser(name, help=text, description=text)
        if named[:1] == [name]:
            home = import_module(module)
            home.add_arguments(above)
            above.set_defaults(run=home.run)
    given = parser.parse_args(arguments)
    try:
        if given.command in ABOVE:
            return int(given.run(given))
        library = load_library(getattr(given, "file", None) or given.library)
        match given.command:
            case "validate":
                _validate(library, bundled=not (given.file or given.library))
            case "show":
                _show((load_facts() if given.id.startswith(CARD) else library).get(given.id))
            case "stats":
                print("\n".join([*_stats(library), "", *shelf.card_stats(load_facts())]))
            case "docs":
                write_atomic(given.out, "\n".join(_page(library)))
                print(f"{given.out}: {len(library.principles)} principles")
                if (cards := given.out.with_name("facts.md")).is_file():
                    shelf.write_table(cards)
    except ClinAlignError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _validate(library: Library, *, bundled: bool) -> None:
    known = ", ".join(f"{{{slot}}}" for slot in sorted(SLOTS))
    faults = [
        f"{principle.id}: field {name}: unknown slot {found[0]}: use {known}"
        for principle in library.principles
        for name in ("criterion", "advice")
        for found in _SLOT.finditer(getattr(principle, name))
        if found[0] != f"{{{found[1]}}}" or found[1] not in SLOTS
    ]
    if bundled:
        faults += [
            f"{one.id}: field {name}: missing" for one in library.principles for name in FULL if not getattr(one, name)
        ]
        faults += [
            f"{one.id}: field facets: fewer than {FACETS}" for one in library.principles if len(one.facets) < FACETS
        ]
        counts = Counter(str(principle.dimension) for principle in library.principles)
        if len(library.principles) != COUNT:
            faults.append(f"the bundled library holds {len(library.principles)} principles, not {COUNT}")
        faults += [
            f"{dimension}: {counts[dimension]} principles is far from an even share"
            for dimension in DIMENSIONS
            if not 0.8 <= counts[dimension] * len(DIMENSIONS) / COUNT <= 1.2
        ]
    cards = load_facts() if bundled else None
    faults += shelf.card_faults(cards, library) if cards else []
    if faults:
        raise LibraryError(f"{len(faults)} fault(s):\n  " + "\n  ".join(faults))
    counted = f" and {len(cards.principles)} knowledge cards" if cards else ""
    print(f"{len(library.principles)} principles{counted}, no faults")


def _show(principle: Principle) -> None:
    for name, value in principle.model_dump(mode="json").items():
        if value in ("", []):
            continue
        if isinstance(value, list):
            lines = [_source(source) if isinstance(source, dict) else str(source) for source in value]
            print(f"{name}:", *lines, sep="\n  - ")
        else:
            print(f"{name}: {value}")


def _source(source: dict[str, object]) -> str:
    return f"{source['body']}, {source['title']} ({source['year']})"


def _stats(library: Library) -> Iterator[str]:
    every = library.principles
    yield f"{len(every)} principles, digest {library.digest[:12]}"
    for dimension, values in DIMENSIONS.items():
        yield f"{dimension}: {sum(principle.dimension == dimension for principle in every)}"
        for value in values:
            held = sum(principle.dimension == dimension and value in principle.values for principle in every)
            yield f"  {value}: {held}"
    yield f"always: {sum(principle.always for principle in every)}"
    yield f"safety-critical: {sum(principle.safety_critical for principle in every)}"
    yield f"negative: {sum(principle.points < 0 for principle in every)}"


def _page(library: Library) -> Iterator[str]:
    yield "# The principle library"
    yield ""
    yield (
        f"{len(library.principles)} principles in four dimensions, written for this project after public guidance; "
        "they are not the paper's own, and no physician has verified them. "
        "This page is made by `python -m principles docs`; the source is `principles/library.yaml`. "
        "Who signs one off ticks its box here or on paper, with name and date: it holds for this wording."
    )
    for dimension in DIMENSIONS:
        yield f"\n## {dimension.capitalize()}"
        for principle in library.principles:
            if principle.dimension == dimension:
                yield from _entry(principle)
    yield "\n## What {signs} stands for, by complaint\n"
    yield from (f"- {signs}" for signs in all_signs())
    yield ""


def _entry(principle: Principle) -> Iterator[str]:
    kinds = [
        name for name, held in (("safety-critical", principle.safety_critical), ("always", principle.always)) if held
    ]
    yield f"\n### {principle.id}"
    yield f"\n{principle.statement} {principle.rationale}".rstrip() + "\n"
    yield f"- values: {', '.join(principle.values)}; points: {principle.points:+d}" + "".join(f"; {k}" for k in kinds)
    yield f"- applies when: {principle.applies_when}"
    yield f"- criterion: {principle.criterion}"
    if principle.advice:
        yield f"- advice ({principle.placement}): {principle.advice}"
    if principle.sources:
        yield "- sources: " + "; ".join(_source(source.model_dump()) for source in principle.sources)
    yield "- [ ] signed off as it stands, by ________ on ________; or should be: ________"


if __name__ == "__main__":
    leave_on_interrupt()
    sys.exit(main())
