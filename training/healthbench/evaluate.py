"""`python -m training evaluate`: answer HealthBench items, grade the answers, report the scores.

Each finished item is on the disk before the next one begins, so that an interrupted run goes on where it
was when the same command is given again.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from agent.llm.sendable import BYTES_A_TOKEN
from principles.errors import ConfigError, InputError, ModelError
from principles.grader import Judge, grade
from training.common.extras import require_extra
from training.common.items import Item, load_items
from training.common.options import FAILURES_IN_A_ROW, add_item_options, add_judge_options, require_judge_path
from training.common.progress import bar
from training.common.settings import SOURCES, content_sha256, settings_of
from training.healthbench.answers import Answer, Answers, file_answer, model_answers, read_answers
from training.healthbench.errata import Corrections, corrected
from training.healthbench.figures import recognised
from training.healthbench.outcomes import Outcome, Outcomes, earlier_scores, working_in
from training.judge.registry import JUDGES, judge_given

# Of an answer that is not there yet: the draft's limit of 600 tokens.
ANSWER_BYTES = 2_400
EPILOG = """
The judge does not follow --model: it is the embedded model, or what CLINALIGN_BASE_URL and CLINALIGN_MODEL
name, unless it is given its own, so that runs with different models are judged alike. Exit status: 0 all
items are graded, 1 some failed (the same command tries them again), 2 an error that the message explains,
130 interrupted (the same command goes on).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    option = parser.add_argument
    add_item_options(parser)
    option(
        "--answers",
        default="agent",
        metavar="SOURCE",
        help="agent: reviewed answers (default); draft: the agent's drafts alone; else a file of "
        "{key or prompt_id, response}, e.g. items.jsonl of an earlier run",
    )
    option("--judge", choices=JUDGES, default="logprob", help="who grades (default logprob)")
    add_judge_options(parser, cache=True)
    option("--against", type=Path, metavar="DIR", help="report the difference to this earlier run, too")
    option(
        "--errata",
        type=Path,
        metavar="FILE",
        help="corrections of criteria, JSONL of {criterion or criterion_sha256, points or drop} (docs/measuring.md)",
    )
    option("--out", type=Path, metavar="DIR", help="default: runs/evaluate-DATA-ANSWERS-JUDGE")


def run(given: argparse.Namespace) -> int:
    """Evaluate as `given`; returns the exit status. Raises ClinAlignError on bad input."""
    require_extra("the report's picture", "matplotlib")
    from training.healthbench.report import print_report, write_report

    require_judge_path(given)
    whole, corrections = _items(given)
    benchmark = given.benchmark or recognised(whole)
    items, in_file, unanswered = _selected(given, whole)
    errata = {"file": given.errata.name, "sha256": content_sha256(given.errata)} if given.errata else None
    settings = settings_of(given) | {"errata": errata}
    against = earlier_scores(given.against, settings) if given.against else None
    out = given.out or Path("runs") / f"evaluate-{_stem(given.data)}-{_stem(Path(given.answers))}-{given.judge}"
    with working_in(out, settings) as outcomes:
        todo = [item for item in items if not ((before := outcomes[item.key]) and before.grade)]
        _announce(items, todo, unanswered, in_file)
        if todo:
            _work(todo, given, in_file, outcomes)
        kept = [(item, outcomes[item.key]) for item in items]
        graded = any(outcome and outcome.grade for _, outcome in kept)
        report = write_report(out, kept, settings, unanswered, against, benchmark, corrections) if graded else None
    if report:
        print_report(report, out)
    return _tell_failures([outcome for _, outcome in kept])


def examine(item: Item, before: Outcome | None, answers: Answers, judge: Judge) -> Outcome:
    """What becomes of one item; a failure is an outcome too. An answer that was made `before` is not made again."""
    started = time.perf_counter()
    answer = Answer(before.response, before.reviewed) if before and before.response is not None else None
    found, error = None, None
    try:
        answer = answer or answers(item)
        found = grade(item.rubric, item.turns, answer.text, judge)
    except (ModelError, InputError) as failure:
        error = str(failure)
    return Outcome(
        key=item.key,
        response=answer.text if answer else None,
        reviewed=answer.reviewed if answer else None,
        grade=found,
        error=error,
        seconds=round(time.perf_counter() - started, 3),
        canary=item.canary,
    )


def _items(given: argparse.Namespace) -> tuple[list[Item], Corrections | None]:
    """All items of the file, and what was corrected in them."""
    items = load_items(given.data, shuffle_seed=given.shuffle_seed)
    if given.errata is None:
        return items, None
    items, corrections = corrected(items, given.errata)
    print(f"{given.errata}: {corrections}", file=sys.stderr)
    if not items:
        raise ConfigError(f"{given.errata}: drops every criterion of {given.data}: correct it")
    return items, corrections


def _selected(given: argparse.Namespace, items: list[Item]) -> tuple[list[Item], dict[str, str] | None, int]:
    """The items; their answers by key if they come from a file; how many items have none there."""
    if given.answers in SOURCES:
        return items[: given.limit], None, 0
    if not Path(given.answers).exists():
        raise ConfigError(f"--answers {given.answers}: is neither {' nor '.join(SOURCES)} nor a file")
    answers = read_answers(Path(given.answers))
    found = {item.key: text for item in items if (text := file_answer(answers, item)) is not None}
    if not found:
        raise ConfigError(f"{given.answers}: answers no item of {given.data}: the keys must be the same")
    return [item for item in items if item.key in found][: given.limit], found, len(items) - len(found)


def _work(todo: Sequence[Item], given: argparse.Namespace, in_file: dict[str, str] | None, outcomes: Outcomes) -> None:
    judge = judge_given(given)
    if in_file is None:
        answers = model_answers(given.answers, given.model, given.base_url)
    else:
        answers = lambda item: Answer(in_file[item.key])  # noqa: E731
    in_a_row = 0
    with bar("evaluating", len(todo)) as done:
        for number, item in enumerate(todo):
            outcome = examine(item, outcomes[item.key], answers, judge)
            outcomes.append(outcome)
            if number == 0 and len(todo) > 1:
                minutes = outcome.seconds * len(todo) / 60
                told = f"the first item took {outcome.seconds:.1f} s: about {minutes:,.0f} min for all {len(todo)}"
                print(told, file=sys.stderr)
            done(1)
            in_a_row = in_a_row + 1 if outcome.error else 0
            if in_a_row == FAILURES_IN_A_ROW:
                print(f"clinalign: stopped, since {in_a_row} items failed one after the other", file=sys.stderr)
                return


def _announce(items: Sequence[Item], todo: Sequence[Item], unanswered: int, in_file: dict[str, str] | None) -> None:
    """What is to be done and about what it costs, on stderr."""
    criteria = whole = fresh = 0
    for item in todo:
        shared = sum(len(turn["content"].encode()) for turn in item.turns)
        shared += len(in_file[item.key].encode()) if in_file else ANSWER_BYTES
        own = sum(len(criterion.text.encode()) for criterion in item.rubric.criteria)
        criteria += len(item.rubric.criteria)
        whole += shared * len(item.rubric.criteria) + own
        fresh += shared + own
    notes = [f"{len(items) - len(todo)} of {len(items)} items are done"] if len(todo) < len(items) else []
    notes += [f"{unanswered} items have no answer in the file and are left out"] if unanswered else []
    if todo:
        notes.append(
            f"to do: {len(todo):,} items, {criteria:,} criteria; grading reads about {whole // BYTES_A_TOKEN:,} prompt "
            f"tokens, {fresh // BYTES_A_TOKEN:,} of them new where the endpoint keeps prefixes, and the instructions"
        )
    print("\n".join(notes), file=sys.stderr)


def _tell_failures(outcomes: Sequence[Outcome | None]) -> int:
    failed = [outcome for outcome in outcomes if outcome is None or outcome.grade is None]
    reasons = Counter(outcome.error for outcome in failed if outcome)
    for reason, times in reasons.most_common(3):
        print(f"clinalign: {times} of {len(outcomes)} items failed: {reason}", file=sys.stderr)
    if failed:
        print(f"clinalign: {len(failed)} items are not graded: give the same command again", file=sys.stderr)
    return 1 if failed else 0


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
