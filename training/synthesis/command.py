"""`python -m training synthesize`: rubrics for questions that have none, in HealthBench's JSONL shape.

Each finished question is on the disk before it counts as done, so that an interrupted run goes on where it was
when the same command is given again. docs/synthesis.md says what the lines mean and how good they are.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agent.llm.progress import rich_progress
from agent.prompts import text_of
from principles.errors import ConfigError
from principles.library import load_library
from training.common.extras import require_extra
from training.common.options import FAILURES_IN_A_ROW, add_judge_options, count, require_judge_path
from training.common.progress import bar
from training.common.questions import Question, read_questions
from training.common.settings import file_sha256
from training.judge.registry import JUDGES
from training.synthesis import prompts
from training.synthesis.log import Journal, working_on
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
    option = parser.add_argument
    option("--questions", type=Path, required=True, metavar="FILE", help="JSONL: {question} or {prompt: [...]} a line")
    option("--out", type=Path, required=True, metavar="FILE", help="the rubrics, as JSONL")
    option(
        "--writer",
        choices=("templates", "model"),
        help="who writes the criteria: the principles' templates, filled in by rule; or a language model "
        "(default: model where --base-url, --engine or CLINALIGN_BASE_URL names an endpoint, else templates)",
    )
    option("--model", metavar="NAME", help="who writes and answers: a profile, or the model's name at the endpoint")
    option("--base-url", metavar="URL", help="its OpenAI-compatible endpoint")
    option("--limit", type=count, metavar="N", help="only the first N questions")
    option("--samples", type=_samples, default=0, metavar="K", help="sample and grade K answers a question")
    option("--judge", choices=JUDGES, default="logprob", help="who grades the samples (default logprob)")
    add_judge_options(parser, cache=False)
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
    with working_on(given.out, _settings(given, plan, endpoint)) as journal:
        todo = [question for question in questions if question.prompt_id not in journal.done]
        if len(todo) < len(questions):
            print(f"{len(questions) - len(todo)} of {len(questions)} questions are done", file=sys.stderr)
        failures: list[str] = []
        if todo:
            failures = _keep(_attempts(given, plan, endpoint, todo), journal, len(todo))
        missing = sum(question.prompt_id not in journal.done for question in questions)
        summary = summarise(journal.records(), repeated, missing, time.perf_counter() - started)
        path = journal.write_summary(summary)
    print_summary(summary, given.out, path)
    for reason in dict.fromkeys(failures):
        print(f"clinalign: {failures.count(reason)} of {len(questions)} questions failed: {reason}", file=sys.stderr)
    if missing:
        print(f"clinalign: {missing} questions have no line yet: give the same command again", file=sys.stderr)
    return 1 if missing else 0


def _plan(given: argparse.Namespace) -> "Plan":
    from agent.llm.endpoint import named_endpoint
    from training.synthesis.pipeline import Plan

    named = given.engine or named_endpoint(given.model, given.base_url)[0]
    if given.engine and given.base_url:
        raise ConfigError("--engine and --base-url name the endpoint twice: give one of them")
    if given.samples:
        require_judge_path(given)
    return Plan(
        writer=given.writer or ("model" if named else "templates"),
        model=given.model,
        base_url=given.base_url,
        samples=given.samples,
        judge=given.judge,
        judge_model=given.judge_model,
        judge_base_url=given.judge_base_url,
        judge_path=given.judge_path,
    )


def _settings(given: argparse.Namespace, plan: "Plan", endpoint: "Endpoint | None") -> dict[str, Any]:
    """What a line depends on. Where the engine listens is not among it, and no secret of a URL."""
    from retrieval.encoder import load_encoder

    encoder = load_encoder()
    settings: dict[str, Any] = {
        "version": version("clinalign"),
        "questions": {"file": given.questions.name, "sha256": file_sha256(given.questions)},
        "library": load_library().digest,
        "encoder": f"{encoder.name} {encoder.revision}",
        "writer": plan.writer,
        "samples": plan.samples,
    }
    if plan.needs_model:
        settings["model"] = endpoint.model if endpoint else given.model
    if plan.writer == "model":
        texts = text_of(prompts.__name__, "writer_system") + text_of(prompts.__name__, "writer")
        settings["prompts"] = hashlib.sha256(texts.encode()).hexdigest()
    if plan.samples:
        judge = {"name": plan.judge, "model": plan.judge_model, "path": str(plan.judge_path or "")}
        settings["judge"] = {name: value for name, value in judge.items() if value}
    return settings


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


def _keep(attempts: "Iterable[Attempt]", journal: Journal, total: int) -> list[str]:
    """Write what comes; returns why questions failed. Ends early where one after the other fails."""
    failures: list[str] = []
    in_a_row = 0
    for attempt in _shown(attempts, total):
        if attempt.line is None:
            failures.append(attempt.error or "")
            in_a_row += 1
            if in_a_row == FAILURES_IN_A_ROW:
                print(f"clinalign: stopped, since {in_a_row} questions failed one after the other", file=sys.stderr)
                break
            continue
        in_a_row = 0
        journal.append(attempt.prompt_id, attempt.line, attempt.refused)
    return failures


def _shown(attempts: "Iterable[Attempt]", total: int) -> "Iterator[Attempt]":
    """The same, with a bar on stderr."""
    with bar("writing rubrics", total) as done:
        for attempt in attempts:
            yield attempt
            done(1)


def _samples(text: str) -> int:
    number = count(text)
    if number == 1:
        raise argparse.ArgumentTypeError("one answer has no spread: 2 or more")
    return number
