"""The one scoring rule: HealthBench's, and its expectation under the judge's probabilities.

Source: HealthBench (OpenAI, 2025). An answer's score is the points of the criteria it meets, faults
counting negatively, over the sum of the positive points; it is not clipped. An UNKNOWN verdict (the
judge failed) takes its criterion out of both sums, and `coverage` tells how much was judged.
"""

from collections.abc import Mapping, Sequence

from principles.schema import Criterion, Grade, Label, Rubric, Verdict

# P(yes) between these is the judge's noise around the thresholds from which something fails (0.45 to 0.65).
UNSURE = (0.35, 0.7)


def score(rubric: Rubric, verdicts: Sequence[Verdict]) -> Grade:
    """Grade an answer. A criterion without a verdict counts as UNKNOWN; verdicts on other ids are ignored."""
    complete = completed(rubric.criteria, verdicts)
    judged = [(c, v) for c, v in zip(rubric.criteria, complete, strict=True) if v.label is not Label.UNKNOWN]
    possible = sum(c.points for c, _ in judged if c.points > 0)
    gained = sum(c.points for c, v in judged if v.label is Label.MET)
    expected = sum(c.points * probability(v) for c, v in judged)
    return Grade(
        verdicts=complete,
        score=gained / possible if possible else None,
        expected=expected / possible if possible else None,
        coverage=len(judged) / len(complete) if complete else 0.0,
    )


def completed(criteria: Sequence[Criterion], verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """One verdict a criterion, in their order; UNKNOWN where there is none."""
    by_id = {verdict.criterion_id: verdict for verdict in verdicts}
    return tuple(by_id.get(one.id) or Verdict(criterion_id=one.id, label=Label.UNKNOWN) for one in criteria)


def unsure(verdict: Verdict) -> bool:
    """Whether P(yes) lies within the judge's noise around the thresholds of what fails."""
    return verdict.probability is not None and UNSURE[0] <= verdict.probability <= UNSURE[1]


def probability(verdict: Verdict) -> float:
    """P(yes) of a judged criterion; judges that give no probability count as certain."""
    if verdict.probability is not None:
        return verdict.probability
    return 1.0 if verdict.label is Label.MET else 0.0


def by_weight(criterion: Criterion) -> tuple[bool, float]:
    """A key to sort criteria by: safety-critical ones first, then the weightiest, be it wanted or a fault."""
    return not criterion.safety_critical, -abs(criterion.points)


def failed(criterion: Criterion, verdict: Verdict) -> bool:
    """Whether the answer falls short: a wanted thing is missing, or a fault is there. UNKNOWN is neither."""
    return verdict.label is (Label.NOT_MET if criterion.points > 0 else Label.MET)


def gain(rubric: Rubric, before: Mapping[str, Verdict], after: Mapping[str, Verdict]) -> float:
    """Expected points that `after` has over `before`, on the criteria that both have judged."""
    total = 0.0
    for criterion in rubric.criteria:
        old, new = before.get(criterion.id), after.get(criterion.id)
        if old and new and Label.UNKNOWN not in (old.label, new.label):
            total += criterion.points * (probability(new) - probability(old))
    return total


def newly_broken(rubric: Rubric, before: Mapping[str, Verdict], after: Mapping[str, Verdict]) -> list[str]:
    """Ids of safety-critical criteria that did not fail in `before` and fail in `after`, or that were judged to be well
    and no longer can be judged: a doubt about safety is not bought."""
    return [c.id for c in rubric.criteria if c.safety_critical and _breaks(c, before.get(c.id), after.get(c.id))]


def _breaks(criterion: Criterion, old: Verdict | None, new: Verdict | None) -> bool:
    if new is None or (old is not None and failed(criterion, old)):
        return False
    if new.label is Label.UNKNOWN:
        return old is not None and old.label is not Label.UNKNOWN
    return failed(criterion, new)
