"""`python -m training synthesize`: rubrics for questions that have none, in HealthBench's JSONL shape.

Each finished question is on the disk before it counts as done, so that an interrupted run goes on where it was
when the same command is given again. docs/synthesis.md says what the lines mean and how good they are.
"""

import argparse
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from agent.llm.progress import rich_progress
from principles.errors import ConfigError
from training.common.extras import require_extra
from training.common.options import count, require_judge_path
from training.common.questions import Question, read_questions
from training.synthesis.log import working_on
from training.synthesis.running import add_writing_options, plan_of, settings_of, tell_missing, work_through
from training.synthesis.summary import print_summary, summarise

if TYPE_CHECKING:
    from agent.llm.endpoint import Endpoint
    from training.synthesis.pipeline import Attempt, Plan

EPILOG = """
Beside FILE lie FILE.refused.jsonl (rubrics not worth using, each with the reason), FILE.settings.json and
FILE.summary.json. The writer `model` needs a model that can write criteria, at an OpenAI-compatible endpoint;
with the embedded 1.5B use `templates`. Exit status: 0 every question has its line, 1 some failed (the same command
tries them again), 2 an error that the message explains, 130 interrupted (the same command goes on).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    add_writing_options(
        parser,
        out="the rubrics, as JSONL",
        named_by="--base-url, --engine",
        writes="writes and answers",
        judges="grades the samples",
    )
    option = parser.add_argument
    option("--samples", type=_samples, default=0, metavar="K", help="sample and grade K answers a question")
    option(
        "--engine",
        action="append",
        metavar="URL",
        help="do it as a Ray Data job with one worker for each engine named; may be given several times",
    )


def run(given: argparse.Namespace) -> int:
    """Synthesise as `given`; returns the exit status. Raises ClinAlignError on bad input."""
    # Seconds of imports: not before they are wanted.
    from training.synthesis.pipeline import endpoint_of

    plan = _plan(given)
    if given.engine:
        require_extra("--engine", "ray", extra="ray")
    questions, repeated = read_questions(given.questions)
    questions = questions[: given.limit]
    started = time.perf_counter()
    with rich_progress() as report:
        endpoint = None if given.engine else endpoint_of(plan, report)
    with working_on(given.out, settings_of(given, plan, endpoint, judged=bool(plan.samples))) as journal:
        failures, missing = work_through(questions, journal, lambda todo: _attempts(given, plan, endpoint, todo))
        summary = summarise(journal.records(), repeated, missing, time.perf_counter() - started)
        path = journal.write_summary(summary)
    print_summary(summary, given.out, path)
    return tell_missing(failures, missing, len(questions), "line")


def _plan(given: argparse.Namespace) -> "Plan":
    if given.engine and given.base_url:
        raise ConfigError("--engine and --base-url name the endpoint twice: give one of them")
    if given.samples:
        require_judge_path(given)
    return plan_of(given, engines=bool(given.engine), samples=given.samples)


def _attempts(
    given: argparse.Namespace, plan: "Plan", endpoint: "Endpoint | None", todo: Sequence[Question]
) -> "Iterable[Attempt]":
    if given.engine:
        from training.synthesis.ray import in_ray

        return in_ray(plan, given.engine, todo)
    from training.common.pool import in_threads
    from training.synthesis.pipeline import make_synthesizer

    with Console(stderr=True).status("loading principles and encoder"):
        synthesizer = make_synthesizer(plan, endpoint)
    return in_threads(synthesizer.attempt, todo, local=endpoint is None or endpoint.local)


def _samples(text: str) -> int:
    number = count(text)
    if number == 1:
        raise argparse.ArgumentTypeError("one answer has no spread: 2 or more")
    return number
