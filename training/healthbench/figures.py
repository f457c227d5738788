"""HealthBench's figures over graded answers.

Sources: HealthBench (Arora et al., 2025, arXiv 2505.08775) and its reference scorer, openai/simple-evals;
the length adjustment follows HealthBench Professional (2026, arXiv 2604.27470). What one answer gets is
`principles.scoring.score`, here as everywhere; this module only gathers.

Scores are fractions of the positive points, so 1 is full marks, and may be negative. Where the judge gave
no verdict on any positive criterion an example has no score and is left out of the means; `Summary` counts
those. HealthBench itself asks its grader until it gets a verdict, so only full coverage is comparable.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from principles.errors import ConfigError
from principles.schema import Grade, Label, Record, Rubric
from principles.scoring import score
from training.common.items import Item
from training.common.options import SETS

RESAMPLES = 1_000
SEED = 0
REFERENCE_CHARACTERS = 2_000
# What 500 characters more than the reference are worth in each of HealthBench's sets, by its publisher.
POINTS_FOR_500 = dict(zip(SETS, (0.0299, 0.0392, 0.0020, 0.0147), strict=True))
# The full set is a fifth Hard: where more of the items are, it is the Hard set, of which not all items are known.
HARD_FROM = 0.25
CONSENSUS = "level:cluster"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """An item, the answer to it, and its grade under the item's rubric."""

    item: Item
    response: str
    grade: Grade


class Estimate(Record):
    """A mean over `examples` examples. `score` is `mean` clipped to [0, 1], which HealthBench reports.

    `std` is the standard deviation of 1,000 bootstrap resamples' clipped means, `low` and `high` their
    2.5th and 97.5th percentiles; `mean_low` and `mean_high` are those of the same means before clipping.
    """

    score: float
    std: float
    low: float
    high: float
    mean: float
    mean_low: float
    mean_high: float
    examples: int

    def __str__(self) -> str:
        """Score ± bootstrap standard deviation."""
        return f"{self.score:.3f} ± {self.std:.3f}"

    @property
    def unclipped(self) -> str:
        """The mean before clipping and its interval: at 0 and 1 the score itself shows none."""
        return f"{self.mean:.3f} (95% {self.mean_low:.3f} to {self.mean_high:.3f})"


class Difference(Record):
    """Mean score of one run less that of another on the same examples, with its 95% bootstrap interval."""

    difference: float
    std: float
    low: float
    high: float
    examples: int


class Rate(Record):
    """`met` of `judged` criteria are met; None of none."""

    met: int
    judged: int
    rate: float | None


class Summary(Record):
    """All figures of a run. `unscored` examples have an answer and no score; tags are by their full name.

    `length_adjusted` has each example's score moved to the reference length by the slope of `benchmark`, one of
    POINTS_FOR_500. `coverage` is the judged share of all criteria; `characters` and `words` are means over all answers.
    """

    overall: Estimate | None
    length_adjusted: Estimate | None
    benchmark: str
    unscored: int
    coverage: float
    positives: Rate
    negatives: Rate
    characters: float
    words: float
    example_tags: dict[str, Estimate]
    criterion_tags: dict[str, Estimate]


def summarise(examples: Sequence[Example], benchmark: str) -> Summary:
    """Every figure over `examples`, which are of the set `benchmark`; ConfigError where there is none."""
    if not examples:
        raise ConfigError("there is no graded answer to report on: see the errors of the run")
    scored = [(example, example.grade.score) for example in examples if example.grade.score is not None]
    criteria = sum(len(example.item.rubric.criteria) for example in examples)
    judged = sum(v.label is not Label.UNKNOWN for example in examples for v in example.grade.verdicts)
    return Summary(
        overall=estimate([s for _, s in scored]) if scored else None,
        length_adjusted=estimate([length_adjusted(s, e.response, benchmark) for e, s in scored]) if scored else None,
        benchmark=benchmark,
        unscored=len(examples) - len(scored),
        coverage=judged / criteria if criteria else 0.0,
        positives=rate(examples, positive=True),
        negatives=rate(examples, positive=False),
        characters=float(np.mean([len(example.response) for example in examples])),
        words=float(np.mean([len(example.response.split()) for example in examples])),
        example_tags=by_example_tag(examples),
        criterion_tags=by_criterion_tag(examples),
    )


def estimate(scores: Sequence[float]) -> Estimate:
    """The clipped mean of at least one score, with its bootstrap spread (fixed seed: the same each time)."""
    values = np.asarray(scores, dtype=np.float64)
    unclipped = _resampled_means(values)
    means = np.clip(unclipped, 0, 1)
    low, high = np.percentile(means, [2.5, 97.5])
    mean_low, mean_high = np.percentile(unclipped, [2.5, 97.5])
    mean = float(values.mean())
    return Estimate(
        score=min(max(mean, 0.0), 1.0),
        std=float(means.std()),
        low=float(low),
        high=float(high),
        mean=mean,
        mean_low=float(mean_low),
        mean_high=float(mean_high),
        examples=len(values),
    )


def length_adjusted(score: float, response: str, benchmark: str) -> float:
    """`score` as it would stand at 2,000 characters: so much less for each 500 characters more, and back.

    The slope is that of the set `benchmark`, one of POINTS_FOR_500; none is fitted to this run, so that two runs are
    moved alike. A short answer gains by it: read it beside the plain score, never instead.
    """
    return score - POINTS_FOR_500[benchmark] / 500 * (len(response) - REFERENCE_CHARACTERS)


def recognised(items: Sequence[Item]) -> str:
    """Which of HealthBench's sets these items are of, as far as they tell; Professional's do not."""
    if sum(item.hard for item in items) > HARD_FROM * len(items):
        return "hard"
    criteria = [item.criterion_tags.get(criterion.id, ()) for item in items for criterion in item.rubric.criteria]
    return "consensus" if criteria and all(CONSENSUS in tags for tags in criteria) else "full"


def by_example_tag(examples: Sequence[Example]) -> dict[str, Estimate]:
    """An example tag gets the whole example's score."""
    scores: dict[str, list[float]] = defaultdict(list)
    for example in examples:
        if example.grade.score is not None:
            for tag in set(example.item.example_tags):
                scores[tag].append(example.grade.score)
    return {tag: estimate(scores[tag]) for tag in sorted(scores)}


def by_criterion_tag(examples: Sequence[Example]) -> dict[str, Estimate]:
    """A criterion tag is scored anew on its own criteria; an example where none of them is positive is skipped."""
    scores: dict[str, list[float]] = defaultdict(list)
    for example in examples:
        tags = example.item.criterion_tags
        for tag in {tag for own in tags.values() for tag in own}:
            own = tuple(c for c in example.item.rubric.criteria if tag in tags.get(c.id, ()))
            again = score(Rubric(criteria=own), example.grade.verdicts).score
            if again is not None:
                scores[tag].append(again)
    return {tag: estimate(scores[tag]) for tag in sorted(scores)}


def rate(examples: Sequence[Example], positive: bool) -> Rate:
    """How many of all judged criteria with positive (else: negative) points are met, over all examples."""
    labels = [
        verdict.label
        for example in examples
        for criterion, verdict in zip(example.item.rubric.criteria, example.grade.verdicts, strict=True)
        if (criterion.points > 0 if positive else criterion.points < 0) and verdict.label is not Label.UNKNOWN
    ]
    met = sum(label is Label.MET for label in labels)
    return Rate(met=met, judged=len(labels), rate=met / len(labels) if labels else None)


def paired_difference(ours: Mapping[str, float | None], theirs: Mapping[str, float | None]) -> Difference:
    """`ours` less `theirs`, scores by item key, over the items that both have a score for.

    Both are resampled together, so what makes an item hard for either cancels. The means are not clipped:
    two runs below zero would else show no difference. ConfigError where no item is in both.
    """
    gains = [a - b for key, a in ours.items() if a is not None and (b := theirs.get(key)) is not None]
    if not gains:
        raise ConfigError("the two runs have no scored item in common: compare runs on the same items")
    values = np.asarray(gains, dtype=np.float64)
    means = _resampled_means(values)
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(
        difference=float(values.mean()), std=float(means.std()), low=float(low), high=float(high), examples=len(values)
    )


def _resampled_means(values: Floats) -> Floats:
    rows = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    means: Floats = values[rows].mean(axis=1)
    return means
