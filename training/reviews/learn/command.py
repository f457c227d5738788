"""`python -m principles learn`: what clinicians changed in drafted rubrics, and better wording for the principles that
caused it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.llm.progress import rich_progress
from principles.errors import ConfigError
from principles.library import Library, library_path, load_library
from training.common.journal import write_whole
from training.common.options import count
from training.common.progress import bar

if TYPE_CHECKING:
    from training.reviews.learn.proposing import Proposer

EPILOG = """
EXPORT is what `python -m ui.review export` or `python -m principles collect-rubrics` wrote. Nothing is changed: the
diffs are for a clinician to sign off, and `git apply` takes them. After that `python -m principles docs` writes the
page anew, and `python -m retrieval learn` learns for the library as it is then. Exit status: 0 done, 2 an error that
the message explains.
"""
MOST, DIFF = 10, ".diff"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    option = parser.add_argument
    option("--reviews", type=Path, required=True, nargs="+", metavar="EXPORT", help="signed reviews, as JSONL")
    option("--library", type=Path, metavar="FILE", help="default: CLINALIGN_PRINCIPLES, else the bundled library")
    option("--out", type=Path, metavar="FILE", help="the report as a file, .md; beside it the diff as .diff")
    option("--no-model", action="store_true", help="propose the corrected wording that the most reviewers share")
    option("--model", metavar="NAME", help="who writes: a profile, or the model's name at the endpoint")
    option("--base-url", metavar="URL", help="its OpenAI-compatible endpoint")
    option("--most", type=count, default=MOST, metavar="N", help=f"reword the N most corrected (default {MOST})")


def run(given: argparse.Namespace) -> int:
    """Learn as `given`; returns the exit status. Raises ClinAlignError on bad input."""
    from training.reviews.compared import all_pairs
    from training.reviews.learn.corrections import by_principle
    from training.reviews.learn.proposal import diff, library_text, with_criteria
    from training.reviews.learn.report import report
    from training.reviews.learn.signed import read_reviews

    if given.out and given.out.suffix == DIFF:
        raise ConfigError(f"{given.out}: the diff gets this name: end the report in .md")
    if given.no_model and (given.model or given.base_url):
        raise ConfigError("--no-model asks no model: leave out --model and --base-url")
    path = library_path(given.library)
    library, text = load_library(path), library_text(path)
    reviews = read_reviews(given.reviews)
    corrected = by_principle(reviews)
    chosen = corrected[: given.most]
    found = []
    if chosen:
        proposer = _proposer(given, library, text, path)
        with bar("rewording", len(chosen)) as done:
            for one in chosen:
                found.append(proposer.propose(one))
                done(1)
    said = report(reviews, all_pairs(one.revision for one in reviews), corrected, found)
    print(said, end="")
    if given.out:
        criteria = {one.corrected.principle_id: one.wording.text for one in found if one.wording}
        write_whole(given.out, said)
        write_whole(given.out.with_suffix(DIFF), diff(text, with_criteria(text, criteria, path), path))
    return 0


def _proposer(given: argparse.Namespace, library: Library, text: str, path: Path) -> "Proposer":
    from agent.llm.client import Model, chat_model
    from agent.llm.endpoint import resolve_endpoint
    from retrieval.encoder import load_encoder
    from training.reviews.learn.proposing import Proposer

    model, name = None, ""
    if not given.no_model:
        with rich_progress() as report:
            endpoint = resolve_endpoint(given.model, given.base_url, report)
        model, name = Model(chat_model(endpoint)), endpoint.model
    return Proposer(library, text, path, lambda texts: load_encoder().encode(texts), model, name)
