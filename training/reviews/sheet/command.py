"""`python -m principles collect-rubrics`: spreadsheets that clinicians worked in, as the file that the page exports."""

import argparse
import json
import sys
from pathlib import Path

from principles.errors import ConfigError
from training.common.extras import require_extra
from training.common.journal import write_whole
from training.reviews.lines import key_of, review_line
from training.reviews.sheet.names import SUFFIX
from training.reviews.sheet.reading import Signed, read_sheet

EPILOG = """
Questions without initials are left out, and told where something was changed in them. What cannot be used is told with
sheet and cell, and nothing is written. The file is that of `python -m ui.review export` (docs/review.md). Exit status:
0 written, 2 an error that the message explains.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    option = parser.add_argument
    option("sheets", type=Path, nargs="+", metavar="SHEET", help="spreadsheets of `draft-rubrics`, one a reviewer")
    option("--out", type=Path, required=True, metavar="FILE", help="the signed reviews, as HealthRubrics JSONL")


def run(given: argparse.Namespace) -> int:
    """Collect as `given`; returns the exit status. Raises ConfigError on bad input."""
    require_extra(f"a spreadsheet ({SUFFIX})", "openpyxl", extra="sheet")
    signed: dict[str, tuple[Signed, Path]] = {}
    unsigned: list[str] = []
    untouched = 0
    for path in given.sheets:
        collected = read_sheet(path)
        for one in collected.signed:
            key = key_of(one.revision)
            if key in signed:
                raise ConfigError(
                    f"{path}: {one.revision.owner} has signed a question that they have signed in "
                    f"{signed[key][1]} too: give one of the two files, or take the initials out of one"
                )
            signed[key] = one, path
        unsigned += [f"{path}: {cell}" for cell in collected.unsigned]
        untouched += collected.untouched
    lines = [review_line(one.question, one.revision, one.drafted) for one, _ in signed.values()]
    write_whole(given.out, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    for cell in unsigned:
        print(f"clinalign: {cell}: something was changed here, but it is not signed: left out", file=sys.stderr)
    if untouched:
        print(f"clinalign: {untouched} questions are neither changed nor signed: left out", file=sys.stderr)
    print(f"{len(lines)} signed reviews written to {given.out}")
    return 0
