"""Many answers judged: in one pass where the judge can, else one after the other or several at a time."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from principles.errors import ModelError
from principles.grader import Judge, Turns
from principles.schema import Criterion, Grade, Rubric, Verdict
from principles.scoring import score

Asked = tuple[Turns, str, Sequence[Criterion]]
"""A conversation, an answer to its last question, and what is asked of it."""
Case = tuple[Rubric, Turns, str]
# A whole batch that fails is tried again after each of these; then the training stops.
PAUSES_S = (2.0, 20.0)


@runtime_checkable
class ManyJudge(Judge, Protocol):
    """A judge that takes several answers in one pass, which is quicker than one after the other."""

    def verdicts_many(self, asked: Sequence[Asked], /) -> list[list[Verdict]]:
        """The verdicts on each. Raises ModelError where it fails on any."""


class JudgeDown(ModelError):
    """The judge failed on a whole batch, again and again."""


def verdicts_on(judge: Judge, asked: Sequence[Asked]) -> list[list[Verdict]]:
    """The verdicts on each answer, in one call where the judge can. Raises ModelError where it fails on any."""
    return judge.verdicts_many(asked) if isinstance(judge, ManyJudge) else [judge.verdicts(*one) for one in asked]


def judged(cases: Sequence[Case], judge: Judge, workers: int = 1) -> list[Grade | None]:
    """The grade of each (rubric, turns, answer); None where the judge failed. Raises JudgeDown if it failed on all.

    A judge that is not a `ManyJudge` is asked about `workers` answers at a time.
    """
    for pause in (*PAUSES_S, None):
        grades = _attempt(cases, judge, workers)
        if any(found is not None for found in grades) or not cases:
            return grades
        if pause is not None:
            time.sleep(pause)
    raise JudgeDown(
        f"the judge failed on all {len(cases)} answers of a step, {len(PAUSES_S) + 1} times: see that it runs"
    )


def _attempt(cases: Sequence[Case], judge: Judge, workers: int) -> list[Grade | None]:
    def part(some: Sequence[Case]) -> list[Grade | None]:
        try:
            found = verdicts_on(judge, [(turns, answer, rubric.criteria) for rubric, turns, answer in some])
        except ModelError:
            return [None] * len(some)
        return [score(rubric, verdicts) for (rubric, _, _), verdicts in zip(some, found, strict=True)]

    if isinstance(judge, ManyJudge):
        return part(cases)
    with ThreadPoolExecutor(workers) as pool:
        return [one for (one,) in pool.map(part, [[case] for case in cases])]
