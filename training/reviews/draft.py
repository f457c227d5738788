"""`python -m principles draft-rubrics`: a first rubric a question, for clinicians to correct.

Writer and gate are those of training/synthesis. What comes out is for the page's rubric review (`python -m ui.review
load`) or, as a spreadsheet, for whoever would rather work there; docs/review.md says how it comes back.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agent.llm.progress import rich_progress
from training.common.extras import require_extra
from training.common.journal import beside
from training.common.options import require_judge_path
from training.common.questions import Question, read_questions
from training.reviews.begun import CANDIDATES
from training.reviews.sheet.names import SUFFIX, is_sheet
from training.reviews.sheet.written import require_untouched, write_sheet
from training.synthesis.log import working_on
from training.synthesis.running import (
    add_writing_options,
    plan_of,
    prompt_digest,
    settings_of,
    tell_missing,
    work_through,
)
from training.synthesis.summary import print_summary, summarise

if TYPE_CHECKING:
    from agent.llm.endpoint import Endpoint
    from training.synthesis.pipeline import Attempt, Plan

EPILOG = """
A question with two answers, {"preferred", "rejected"} or {"chosen", "rejected"} beside it, gets criteria that the
judge finds in the preferred answer alone, and the clinician grades both. Beside FILE lie FILE.settings.json and
FILE.summary.json, and beside a spreadsheet the same rubrics as FILE.jsonl; a spreadsheet that somebody has worked in is
never written over. Exit status: 0 every question has its rubric, 1 some failed (the same command tries them
again), 2 an error that the message explains, 130 interrupted (the same command goes on).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    add_writing_options(
        parser,
        out="the rubrics: .jsonl for the page's rubric review, .xlsx for a spreadsheet",
        named_by="--base-url",
        writes="writes",
        judges="says what tells two answers apart",
    )


def run(given: argparse.Namespace) -> int:
    """Draft as `given`; returns the exit status. Raises ClinAlignError on bad input."""
    from training.synthesis.pipeline import endpoint_of

    if is_sheet(given.out):
        require_extra(f"a spreadsheet ({SUFFIX})", "openpyxl", extra="sheet")
        require_untouched(given.out)
    questions, repeated = read_questions(given.questions, pairs=True)
    questions = questions[: given.limit]
    paired = any(question.pair for question in questions)
    if paired:
        require_judge_path(given)
    plan = plan_of(given)
    started = time.perf_counter()
    with rich_progress() as report:
        endpoint = endpoint_of(plan, report)
    out = beside(given.out, "jsonl") if is_sheet(given.out) else given.out
    with working_on(out, _settings(given, plan, endpoint, paired)) as journal:
        failures, missing = work_through(questions, journal, lambda todo: _attempts(plan, endpoint, todo))
        summary = _summary(list(journal.records()), repeated, missing, time.perf_counter() - started)
        path = journal.write_summary(summary)
        if is_sheet(given.out):
            places = {question.prompt_id: place for place, question in enumerate(questions)}
            order = lambda record: places.get(record["prompt_id"], len(places))  # noqa: E731
            write_sheet(given.out, sorted(journal.records(), key=order))
    print_summary(summary, given.out, path, "Drafts")
    return tell_missing(failures, missing, len(questions), "rubric")


def _summary(records: list[dict[str, Any]], repeated: int, missing: int, seconds: float) -> dict[str, Any]:
    """Counts over all drafts; what is refused for training is counted among them, and apart."""
    drafts = ({name: value for name, value in record.items() if name != "refused"} for record in records)
    summary = summarise(drafts, repeated, missing, seconds)
    refused = Counter(record["refused"] for record in records if "refused" in record)
    unjudged = sum(record.get("unjudged", 0) for record in records)
    del summary["refused"]
    return summary | {"not_for_training_as_they_are": dict(refused.most_common()), "unjudged_criteria": unjudged}


def _settings(given: argparse.Namespace, plan: "Plan", endpoint: "Endpoint | None", paired: bool) -> dict[str, Any]:
    settings = settings_of(given, plan, endpoint, judged=paired) | {"made": "drafts for clinicians"}
    if paired and plan.writer == "model":
        settings["pair_prompt"] = prompt_digest("writer_pair")
    return settings


def _attempts(plan: "Plan", endpoint: "Endpoint | None", todo: list[Question]) -> "Iterable[Attempt]":
    from training.common.pool import in_threads
    from training.judge.registry import make_judge
    from training.reviews.drafter import Drafter
    from training.synthesis.pipeline import make_synthesizer

    with Console(stderr=True).status("loading principles, encoder and judge"):
        synthesizer = make_synthesizer(plan, endpoint, every_of=CANDIDATES)
        judge = None
        if any(question.pair for question in todo):
            judge = make_judge(plan.judge, base_url=plan.judge_base_url, model=plan.judge_model, local=plan.judge_path)
    local = endpoint is None or endpoint.local
    return in_threads(Drafter(synthesizer, judge).attempt, todo, local=local)
