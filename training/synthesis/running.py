"""What the commands that write rubrics for questions share: options, the plan, and working through the questions."""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.prompts import text_of
from principles.library import load_library
from training.common.options import FAILURES_IN_A_ROW, add_judge_options, count
from training.common.progress import bar
from training.common.questions import Question
from training.common.settings import content_sha256
from training.judge.registry import JUDGES
from training.synthesis import prompts
from training.synthesis.log import Journal

if TYPE_CHECKING:
    from agent.llm.endpoint import Endpoint
    from training.synthesis.pipeline import Attempt, Plan


def add_writing_options(parser: argparse.ArgumentParser, *, out: str, named_by: str, writes: str, judges: str) -> None:
    """The options on questions, writer and judge; the texts say what is written to --out, which options name an
    endpoint, what else the model does, and what the judge is for."""
    option = parser.add_argument
    option("--questions", type=Path, required=True, metavar="FILE", help="see docs/formats.md")
    option("--out", type=Path, required=True, metavar="FILE", help=out)
    option(
        "--writer",
        choices=("templates", "model"),
        help="who writes the criteria: the principles' templates, filled in by rule; or a language model "
        f"(default: model where {named_by} or CLINALIGN_BASE_URL names an endpoint, else templates)",
    )
    option("--model", metavar="NAME", help=f"who {writes}: a profile, or the model's name at the endpoint")
    option("--base-url", metavar="URL", help="its OpenAI-compatible endpoint")
    option("--limit", type=count, metavar="N", help="only the first N questions")
    option("--judge", choices=JUDGES, default="logprob", help=f"who {judges} (default logprob)")
    add_judge_options(parser, cache=False)


def plan_of(given: argparse.Namespace, *, engines: bool = False, samples: int = 0) -> "Plan":
    """How the rubrics are to be made; `engines`: whether the command was given some besides --base-url."""
    from agent.llm.endpoint import named_endpoint
    from training.synthesis.pipeline import Plan

    named = engines or named_endpoint(given.model, given.base_url)[0]
    return Plan(
        writer=given.writer or ("model" if named else "templates"),
        model=given.model,
        base_url=given.base_url,
        samples=samples,
        judge=given.judge,
        judge_model=given.judge_model,
        judge_base_url=given.judge_base_url,
        judge_path=given.judge_path,
    )


def settings_of(
    given: argparse.Namespace, plan: "Plan", endpoint: "Endpoint | None", *, judged: bool
) -> dict[str, Any]:
    """What a line depends on, the judge too where it is `judged`. Where the engine listens is not among it, and no
    secret of a URL."""
    from retrieval.encoder import load_encoder

    encoder = load_encoder()
    settings: dict[str, Any] = {
        "version": version("clinalign"),
        "questions": {"file": given.questions.name, "sha256": content_sha256(given.questions)},
        "library": load_library().digest,
        "encoder": f"{encoder.name} {encoder.revision}",
        "writer": plan.writer,
        "samples": plan.samples,
    }
    if plan.needs_model:
        settings["model"] = endpoint.model if endpoint else given.model
    if plan.writer == "model":
        settings["prompts"] = prompt_digest("writer_system", "writer")
    if judged:
        sha256 = content_sha256(plan.judge_path) if plan.judge == "local" and plan.judge_path else None
        judge = {"name": plan.judge, "model": plan.judge_model, "sha256": sha256}
        settings["judge"] = {name: value for name, value in judge.items() if value}
    return settings


def prompt_digest(*names: str) -> str:
    """The SHA-256 of these prompts, one after the other."""
    return hashlib.sha256("".join(text_of(prompts.__name__, name) for name in names).encode()).hexdigest()


def work_through(
    questions: Sequence[Question], journal: Journal, attempts: "Callable[[list[Question]], Iterable[Attempt]]"
) -> tuple[list[str], int]:
    """Do what the journal has no line of; returns why questions failed, and how many still have none."""
    todo = [question for question in questions if question.prompt_id not in journal.done]
    if len(todo) < len(questions):
        print(f"{len(questions) - len(todo)} of {len(questions)} questions are done", file=sys.stderr)
    failures = _keep(attempts(todo), journal, len(todo)) if todo else []
    return failures, sum(question.prompt_id not in journal.done for question in questions)


def tell_missing(failures: Sequence[str], missing: int, of: int, what: str) -> int:
    """Say on stderr why questions failed and how many have no `what` yet; returns the exit status."""
    for reason in dict.fromkeys(failures):
        print(f"clinalign: {failures.count(reason)} of {of} questions failed: {reason}", file=sys.stderr)
    if missing:
        print(f"clinalign: {missing} questions have no {what} yet: give the same command again", file=sys.stderr)
    return 1 if missing else 0


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
