"""Which criteria tell two answers apart, of which one was preferred: what a judge finds in one alone.

A criterion of which the judge could not say it of both answers stays: that it tells nothing was not shown.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from principles.grader import Judge, Turns, grade
from principles.schema import Criterion, Label, Rubric, Verdict
from principles.scoring import failed
from training.common.questions import Pair

ALIKE = "the same of both answers"
AGAINST = "speaks for the rejected answer"
UNJUDGED = "not judged on both answers"


@dataclass(frozen=True)
class Told:
    """What is kept, in the given order; how many were dropped for each reason; how many stay though unjudged."""

    criteria: tuple[Criterion, ...]
    dropped: Counter[str]
    unjudged: int


def telling(criteria: Sequence[Criterion], turns: Turns, pair: Pair, judge: Judge) -> Told:
    """Those that the preferred answer passes and the rejected one fails. Raises ModelError where the judge fails."""
    if not criteria:
        return Told((), Counter(), 0)
    rubric = Rubric(criteria=tuple(criteria))
    preferred, rejected = (grade(rubric, turns, answer, judge).by_id for answer in (pair.preferred, pair.rejected))
    reasons = {one.id: _reason(one, preferred[one.id], rejected[one.id]) for one in criteria}
    counted = Counter(reason for reason in reasons.values() if reason)
    kept = tuple(one for one in criteria if reasons[one.id] in (None, UNJUDGED))
    return Told(kept, Counter({name: n for name, n in counted.items() if name != UNJUDGED}), counted[UNJUDGED])


def _reason(criterion: Criterion, preferred: Verdict, rejected: Verdict) -> str | None:
    if Label.UNKNOWN in (preferred.label, rejected.label):
        return UNJUDGED
    if preferred.label is rejected.label:
        return ALIKE
    return AGAINST if failed(criterion, preferred) else None
