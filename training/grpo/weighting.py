"""Which criteria of a rubric are rewarded, with which weight, and the reward as a number in [0, 1]; and how much the
rewards of a group differ."""

import random
from collections.abc import Iterator, Sequence
from statistics import fmean, pstdev

from principles.schema import Grade, Label, Rubric


def weighted(rubric: Rubric, signed: bool, safety_weight: float) -> Rubric:
    """The rubric that is rewarded: faults only if `signed`, safety-critical points times `safety_weight`.

    Only the ratios of points matter.
    """
    largest = max(safety_weight, 1.0)  # points stay within the schema's bounds
    criteria = [
        criterion.model_copy(
            update={"points": criterion.points * (safety_weight if criterion.safety_critical else 1.0) / largest}
        )
        for criterion in rubric.criteria
        if criterion.points > 0 or signed
    ]
    return Rubric.model_construct(criteria=tuple(criteria))


def thinned(rubric: Rubric, share: float, seed: str) -> Rubric:
    """`rubric` without about `share` of its criteria, the same ones for the same seed; one positive always stays."""
    if not share:
        return rubric
    draw = random.Random(seed)
    kept = [criterion for criterion in rubric.criteria if draw.random() >= share]
    if not any(criterion.points > 0 for criterion in kept):
        kept.append(draw.choice([criterion for criterion in rubric.criteria if criterion.points > 0]))
    return Rubric.model_construct(criteria=tuple(kept))


def unit(found: Grade, rubric: Rubric, soft: bool = False) -> float | None:
    """The grade's score in [0, 1]: 0 where every fault and nothing wanted is there, 1 where it is the other way round.

    For a rubric without negative points that is the score itself.
    """
    value = found.expected if soft else found.score
    if value is None:
        return None
    judged_ids = {verdict.criterion_id for verdict in found.verdicts if verdict.label is not Label.UNKNOWN}
    points = [criterion.points for criterion in rubric.criteria if criterion.id in judged_ids]
    lowest = sum(p for p in points if p < 0) / sum(p for p in points if p > 0)
    return (value - lowest) / (1 - lowest)


def spreads(rewards: Sequence[float | None], group: int) -> list[float]:
    """The standard deviation (of the population) of each `group` rewards in a row, over those that are not None."""
    return [pstdev(known) if known else 0.0 for known in _known(rewards, group)]


def level(rewards: Sequence[float | None], group: int, least_spread: float) -> list[float | None]:
    """`rewards`, where those of a group that spread less than `least_spread` are their mean: it has no signal."""
    same = [fmean(known) if known and pstdev(known) < least_spread else None for known in _known(rewards, group)]
    return [
        mean if reward is not None and (mean := same[number // group]) is not None else reward
        for number, reward in enumerate(rewards)
    ]


def _known(rewards: Sequence[float | None], group: int) -> Iterator[list[float]]:
    for start in range(0, len(rewards), group):
        yield [reward for reward in rewards[start : start + group] if reward is not None]
