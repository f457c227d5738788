"""`python -m training ablate`: does revision help, and because of what?

Several arms answer each item from one draft of it (`training.ablation.arms` says which); an independent judge grades
all answers; the report compares them in pairs. Items are gone through one after the other, all arms of one before
the next: a run that is stopped early is a fair comparison on the items that it has done.
"""

import argparse
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from principles.errors import ConfigError
from training.ablation.arms import ARMS, NEEDS, Made
from training.ablation.grading import grade_all
from training.ablation.log import Log, working_in
from training.common.extras import require_extra
from training.common.items import Item, load_items
from training.common.options import FAILURES_IN_A_ROW, add_item_options, add_judge_options, require_judge_path
from training.common.progress import bar
from training.common.settings import settings_of
from training.healthbench.figures import recognised
from training.judge.registry import JUDGES

# Beside the prompts, what an arm's answers depend on.
MADE_BY = ("principles.py", "workshop.py")
Make = Callable[[str, Item, dict[str, Made]], Made]
EPILOG = """
The arms: draft; self_refine (the model criticises and rewrites by itself); retrieved (the agent); random (the agent
with random principles in the place of those that it finds); all (the agent with the whole library); in_prompt (the
principles in the prompt of the draft); length_matched (the draft, made as long or as short as the agent's answer). The
judge must not be the model that revises: give it --judge local, or an endpoint or model of its own. The folder keeps
every answer and grade: the same command goes on where it was, and another judge grades the answers that are there. Exit
status: 0 all is done, 1 something failed or is left (the same command tries it again), 2 an error that the message
explains, 130 interrupted.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    option = parser.add_argument
    add_item_options(parser)
    option("--out", type=Path, required=True, metavar="DIR", help="folder of answers, grades and report")
    option("--arms", type=_arms, default=ARMS, metavar="A,B,…", help=f"of {', '.join(ARMS)} (default: all of them)")
    option("--rounds", type=_rounds, default=3, metavar="N", help="the most rounds of revision, 1 to 10 (default 3)")
    option("--judge", choices=JUDGES, required=True, help="who grades; never the model that answers")
    add_judge_options(parser, cache=True)
    option("--report-only", action="store_true", help="answer nothing more: grade and report what is there")


def run(given: argparse.Namespace) -> int:
    """Ablate as `given`; returns the exit status. Raises ClinAlignError on bad input."""
    require_extra("the report's picture", "matplotlib")
    from training.ablation.report import print_report, write_report

    whole = load_items(given.data, shuffle_seed=given.shuffle_seed)
    benchmark, items = given.benchmark or recognised(whole), whole[: given.limit]
    settings, judge = _settings(given)
    _refuse_own_judge(settings["answers"], judge)
    if given.report_only and not given.out.is_dir():
        raise ConfigError(f"{given.out}: there is nothing to report on: run without --report-only first")
    with working_in(given.out, settings) as log:
        if not given.report_only:
            _answer_all(items, given, log)
        grade_all(items, given, judge, log)
        told = settings | {"judge": judge, "set": benchmark}
        report = write_report(given.out, items, given.arms, log.made(), log.graded(judge), told)
        last = {(one.key, one.arm): one.error for one in log.answers.records}
    if report:
        print_report(report, given.out)
    return _tell_left(items, report.items if report else 0, [error for error in last.values() if error])


def answer_items(
    items: Sequence[Item], arms: Sequence[str], make: Make, log: Log, done: Callable[[int], None] = lambda more: None
) -> None:
    """Make and keep what is missing, all arms of an item before the next item. Stops where the endpoint seems dead."""
    made = log.made()
    in_a_row = 0
    for item in items:
        before = made.get(item.key, {})
        for arm in arms:
            if arm in before:
                continue
            if arm == "draft" or NEEDS[arm] in before:  # else what it is made from has failed
                one = make(arm, item, before)
                log.answers.append(one)
                in_a_row = in_a_row + 1 if one.error else 0
                if one.error is None:
                    before[arm] = one
            done(1)
            if in_a_row == FAILURES_IN_A_ROW:
                print(f"clinalign: stopped, since {in_a_row} answers failed one after the other", file=sys.stderr)
                return


def _answer_all(items: Sequence[Item], given: argparse.Namespace, log: Log) -> None:
    made = log.made()
    todo = sum(arm not in made.get(item.key, {}) for item in items for arm in given.arms)
    print(f"{len(items)} items, {len(given.arms)} arms: {todo} answers to make", file=sys.stderr)
    if todo:
        make = _workshop(given)
        with bar("answering", todo) as done:
            answer_items(items, given.arms, make, log, done)


def _workshop(given: argparse.Namespace) -> Make:
    # Seconds of imports: not before they are wanted.
    from agent.llm.adapter import named_adapter
    from agent.llm.client import chat_model
    from agent.llm.endpoint import resolve_endpoint
    from agent.llm.progress import rich_progress
    from retrieval.retriever import load_retriever
    from training.ablation.workshop import Workshop

    with rich_progress() as report:
        endpoint = resolve_endpoint(given.model, given.base_url, report, named_adapter(given.base_url))
    return Workshop(chat_model(endpoint), load_retriever(), given.rounds, endpoint.context_tokens).make


def _settings(given: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the answers depend on, and apart from it the judge: the same answers can be graded by another."""
    from principles.library import load_library

    require_judge_path(given)
    settings = settings_of(argparse.Namespace(**vars(given) | {"answers": "agent"}))
    judge: dict[str, Any] = settings.pop("judge")
    more = {"arms": list(given.arms), "rounds": given.rounds, "library": load_library().digest, "making": _making()}
    return settings | more | {"encoder": os.environ.get("CLINALIGN_ENCODER")}, judge


def _making() -> str:
    """A hash of what makes the arms and asks their model: answers made in another way are another run's."""
    digest = hashlib.sha256()
    prompts = sorted(one.name for one in files("training.ablation.prompts").iterdir() if one.name.endswith(".txt"))
    for package, names in (("training.ablation", MADE_BY), ("training.ablation.prompts", prompts)):
        for name in names:
            digest.update(files(package).joinpath(name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _refuse_own_judge(answers: dict[str, Any], judge: dict[str, Any]) -> None:
    """The agent revises until its critic is content: by that critic's verdicts it wins whatever its answers are."""
    if judge["name"] == "local" or answers["endpoint"] != judge["endpoint"]:
        return
    models = answers["model"], judge["model"]
    if None in models or models[0] == models[1]:
        raise ConfigError(
            f"--judge {judge['name']} would be the model that revises ({json.dumps(models[0] or 'the only one there')} "
            "on the same endpoint): use --judge local, or give --judge-base-url or --judge-model another model"
        )


def _tell_left(items: Sequence[Item], complete: int, errors: Sequence[str]) -> int:
    for reason, times in Counter(errors).most_common(3):
        print(f"clinalign: {times} answers failed: {reason}", file=sys.stderr)
    left = len(items) - complete
    if left:
        print(f"clinalign: {left} of {len(items)} items are not complete: give the same command again", file=sys.stderr)
    return 1 if left else 0


def _arms(text: str) -> tuple[str, ...]:
    """The named arms in the order in which they are made; the draft is always among them."""
    named = {name.strip() for name in text.split(",")} | {"draft"}
    if unknown := named - set(ARMS):
        raise argparse.ArgumentTypeError(f"there is no arm {', '.join(sorted(unknown))}: use {', '.join(ARMS)}")
    for arm in named - {"draft"}:
        if NEEDS[arm] not in named:
            raise argparse.ArgumentTypeError(f"{arm} is made from what {NEEDS[arm]} answers: name it too")
    return tuple(arm for arm in ARMS if arm in named)


def _rounds(text: str) -> int:
    if not 1 <= int(text) <= 10:
        raise ValueError
    return int(text)
