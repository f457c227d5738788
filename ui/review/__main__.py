"""Clinicians' rubric reviews: `python -m ui.review load | export | agreement`."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from principles.errors import ClinAlignError, ConfigError
from principles.files import write_atomic
from principles.interrupt import leave_on_interrupt

if TYPE_CHECKING:
    from ui.review.store import ReviewStore

HELP = {
    "load": "Add questions to review from a file; those that are there already are left alone.",
    "export": "Write all signed reviews as HealthRubrics JSONL, which `python -m training` reads.",
    "agreement": "Print how far each two reviewers agree on the questions that both have signed.",
}
EPILOG = """
The database is that of the page: CLINALIGN_DATABASE (sqlite:///FILE or postgresql://...), or else a SQLite file in
your data folder. Exit status: 0 done, 2 an error that the message explains.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ui.review", description=__doc__, epilog=EPILOG)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    load = commands.add_parser("load", help=HELP["load"], description=HELP["load"], epilog=EPILOG)
    load.add_argument(
        "file",
        type=Path,
        help='JSONL, CSV and more (docs/formats.md): {"question": "..."} or {"prompt": [{"role", "content"}]} each',
    )
    export = commands.add_parser("export", help=HELP["export"], description=HELP["export"], epilog=EPILOG)
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    export.add_argument(
        "--verdicts",
        type=Path,
        metavar="FILE",
        help="write the verdicts on the graded answers too, for `python -m training judge-train`",
    )
    commands.add_parser("agreement", help=HELP["agreement"], description=HELP["agreement"], epilog=EPILOG)
    chosen = parser.parse_args(arguments)
    try:
        said = {"load": _load, "export": _export, "agreement": _agreement}[chosen.command](chosen)
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    print(said)
    return 0


def _load(chosen: argparse.Namespace) -> str:
    from training.common.questions import read_questions

    questions, repeated = read_questions(chosen.file)
    added = _store().add(questions)
    left = len(questions) - added + repeated
    return f"{added} questions added, {left} were there already"


def _export(chosen: argparse.Namespace) -> str:
    from ui.review.export import export_lines, verdict_lines

    store = _store()
    said = [f"{_written(export_lines(store), chosen.out)} signed reviews written to {chosen.out}"]
    if chosen.verdicts:
        said.append(f"{_written(verdict_lines(store), chosen.verdicts)} graded answers written to {chosen.verdicts}")
    return "\n".join(said)


def _written(lines: Iterable[str], path: Path) -> int:
    made = list(lines)
    try:
        write_atomic(path, "".join(made))
    except OSError as error:
        raise ConfigError(f"cannot write {path} ({error.strerror}): name a file you can write") from None
    return len(made)


def _agreement(chosen: argparse.Namespace) -> str:
    from training.reviews.compared import agreement_words, all_pairs

    rows = [f"{one} and {other}: {agreement_words(found)}" for one, other, found in all_pairs(_store().signed())]
    return "\n".join(rows) or "no question has been signed by two reviewers yet"


def _store() -> "ReviewStore":
    from ui.common.database import open_database
    from ui.review.store import ReviewStore

    return ReviewStore(open_database())


if __name__ == "__main__":
    leave_on_interrupt()
    sys.exit(main())
