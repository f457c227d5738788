"""The independent judge's grades of all answers of an ablation; each is kept as soon as it is there."""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from principles.errors import ModelError
from principles.grader import Judge
from principles.schema import Grade
from principles.scoring import score
from training.ablation.arms import Made
from training.ablation.log import Graded, Log, sha256
from training.common.items import Item
from training.common.options import FAILURES_IN_A_ROW
from training.common.progress import bar
from training.judge.batch import verdicts_on
from training.judge.registry import judge_given


def grade_all(items: Sequence[Item], given: argparse.Namespace, name: dict[str, Any], log: Log) -> None:
    """Grade what this judge, which `name` tells from others, has not graded. What fails is told on stderr."""
    todo = _ungraded(items, given.arms, log, name)
    if not todo:
        return
    judge = judge_given(given)
    errors: list[str] = []
    in_a_row = 0
    with bar("grading", sum(len(answers) for _, answers in todo)) as done:
        for item, answers in todo:
            try:
                grades = grade_answers(judge, item, answers)
                in_a_row = 0
            except ModelError as error:
                errors.append(str(error))
                grades = []
                in_a_row += 1
            for answer, one in zip(answers, grades, strict=False):
                log.grades.append(
                    Graded(key=item.key, answer=sha256(answer), judge=name, grade=one, canary=item.canary)
                )
            done(len(answers))
            if in_a_row == FAILURES_IN_A_ROW:
                break
    for reason, times in Counter(errors).most_common(3):
        print(f"clinalign: the judge failed on {times} items: {reason}", file=sys.stderr)


def grade_answers(judge: Judge, item: Item, answers: Sequence[str]) -> list[Grade]:
    """The grades of several answers to one item, judged in one pass where the judge can. Raises ModelError."""
    found = verdicts_on(judge, [(item.turns, answer, item.rubric.criteria) for answer in answers])
    return [score(item.rubric, verdicts) for verdicts in found]


def _ungraded(
    items: Sequence[Item], arms: Sequence[str], log: Log, name: Mapping[str, Any]
) -> list[tuple[Item, list[str]]]:
    """The answers to grade, each of an item once."""
    made, graded = log.made(), log.graded(name)
    todo = []
    for item in items:
        own: Mapping[str, Made] = made.get(item.key, {})
        answers = dict.fromkeys(step.answer for arm in arms if arm in own for step in own[arm].steps)
        left = [answer for answer in answers if (item.key, sha256(answer)) not in graded]
        if left:
            todo.append((item, left))
    return todo
