"""The one grader: asks a judge for verdicts and scores them.

Critique and evaluation call `grade`; the training reward, which has many answers judged at once, scores their verdicts
by the same rule. So the same answer to the same question gets the same grade in each.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from principles.schema import Criterion, Grade, Rubric, Verdict
from principles.scoring import score

Turns = Sequence[Mapping[str, str]]
"""A conversation: messages with `role` ("user" or "assistant") and `content`, oldest first."""


class Judge(Protocol):
    """Gives one verdict a criterion about `answer`, the reply to the last user turn of `turns`.

    A criterion that it cannot judge is UNKNOWN or left out. It raises ModelError only when it can
    judge nothing at all.
    """

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """The verdicts, in any order."""


def grade(rubric: Rubric, turns: Turns, answer: str, judge: Judge, known: Mapping[str, Verdict] | None = None) -> Grade:
    """Grade `answer`. Verdicts in `known` (criterion id to verdict on this very answer) are not asked again."""
    known = known or {}
    open_criteria = [criterion for criterion in rubric.criteria if criterion.id not in known]
    asked = {criterion.id for criterion in open_criteria}
    found = judge.verdicts(turns, answer, open_criteria) if open_criteria else []
    return score(rubric, [*known.values(), *(v for v in found if v.criterion_id in asked)])
