"""`python -m training pairs`: of each question's sampled answers the better and the worse, for `dpo` and `sft`.

A pair is taken where the difference is one of substance: larger than the judge's own doubt, between answers of like
length, whole and judged. Of the pairs of a question that pass, the one with the largest difference is written. Doubt is
the standard deviation of a difference if each verdict were drawn with the probability that the judge gives it.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import fmean
from typing import Any

from principles.errors import ConfigError
from principles.hard import is_hard, refuse_hard
from principles.schema import Label
from principles.scoring import probability
from training.common.journal import write_whole
from training.sampling.kept import SAMPLES, Sample, Sampled, read_samples

FEW, SAME, DOUBT, LENGTH = (
    "fewer than two whole, judged answers",
    "answers of equal worth",
    "differences within the judge's doubt",
    "no pair of like length",
)


@dataclass(frozen=True)
class Bounds:
    """`gap` is the least difference of scores, `doubts` how many standard deviations it is above the judge's doubt,
    `ratio` the longer answer's words over the shorter's, `coverage` the share of the rubric that was judged."""

    gap: float = 0.1
    doubts: float = 1.0
    ratio: float = 1.25
    coverage: float = 0.8


@dataclass(frozen=True)
class Pair:
    """Two answers to a question, and by how much the first scores higher."""

    chosen: Sample
    rejected: Sample
    gap: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("samples", type=Path, metavar="DIR", help="the folder that `sample` wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the pairs, JSONL")
    usual = Bounds()
    told = f"least difference of scores (default {usual.gap})"
    parser.add_argument("--gap", type=float, default=usual.gap, metavar="X", help=told)
    told = f"the difference is at least so many standard deviations of the judge's doubt (default {usual.doubts:g})"
    parser.add_argument("--doubts", type=float, default=usual.doubts, metavar="X", help=told)
    told = f"the longer answer has at most so many times the words of the shorter (default {usual.ratio})"
    parser.add_argument("--ratio", type=float, default=usual.ratio, metavar="X", help=told)


def run(given: argparse.Namespace) -> int:
    """Write the pairs; returns the exit status. Raises ConfigError."""
    if given.gap <= 0 or given.doubts < 0 or given.ratio < 1:
        raise ConfigError("--gap is above 0, --doubts at least 0, --ratio at least 1")
    if given.out.exists():
        raise ConfigError(f"{given.out}: exists already: choose another name, or remove it")
    path = given.samples / SAMPLES
    questions = read_samples(path)
    if not questions:
        raise ConfigError(f"{path}: holds no sampled answers: make them with `python -m training sample`")
    refuse_hard(path, [is_hard(one.turns) for one in questions])
    bounds = Bounds(given.gap, given.doubts, given.ratio)
    found = [(one, pair_of(one, bounds)) for one in questions]
    pairs = [(question, pair) for question, pair in found if isinstance(pair, Pair)]
    print("\n".join(told(pairs, Counter(why for _, why in found if isinstance(why, str)))), file=sys.stderr)
    if not pairs:
        raise ConfigError(f"{path}: no question gave a pair: sample more answers, or lower --gap or --doubts")
    write_whole(given.out, "".join(json.dumps(line(*one), ensure_ascii=False) + "\n" for one in pairs))
    print(given.out)
    return 0


def pair_of(question: Sampled, bounds: Bounds) -> Pair | str:
    """The question's best pair, or why there is none."""
    whole = [one for one in question.samples if not one.cut and one.response.strip() and _judged(one, bounds.coverage)]
    if len(whole) < 2:
        return FEW
    apart = [(one, other, worth(one) - worth(other)) for one, other in permutations(whole, 2)]
    apart = [(one, other, gap) for one, other, gap in apart if gap >= bounds.gap]
    if not apart:
        return SAME
    sure = [
        (one, other, gap)
        for one, other, gap in apart
        if gap >= bounds.doubts * math.hypot(doubt(one, question.points), doubt(other, question.points))
    ]
    if not sure:
        return DOUBT
    alike = [Pair(*one) for one in sure if _ratio(one[0], one[1]) <= bounds.ratio]
    return max(alike, key=lambda pair: pair.gap) if alike else LENGTH


def worth(sample: Sample) -> float:
    """The expected score of a judged answer."""
    assert sample.grade is not None
    assert sample.grade.expected is not None
    return sample.grade.expected


def doubt(sample: Sample, points: dict[str, float]) -> float:
    """The standard deviation of an answer's score, each verdict drawn with its probability; 0 where none is told."""
    assert sample.grade is not None
    told = [one for one in sample.grade.verdicts if one.label is not Label.UNKNOWN]
    possible = sum(points[one.criterion_id] for one in told if points[one.criterion_id] > 0)
    spread = sum(points[one.criterion_id] ** 2 * probability(one) * (1 - probability(one)) for one in told)
    return math.sqrt(spread) / possible


def told(pairs: Sequence[tuple[Sampled, Pair]], dropped: Counter[str]) -> list[str]:
    """How many questions gave a pair, why the others did not, and how the answers of the pairs differ in length."""
    said = [f"{len(pairs)} of {len(pairs) + dropped.total()} questions gave a pair"]
    said += [f"  {times} left out: {why}" for why, times in dropped.most_common()]
    if pairs:
        chosen, rejected = (
            fmean(_words(one) for one in some)
            for some in ([pair.chosen for _, pair in pairs], [pair.rejected for _, pair in pairs])
        )
        said.append(
            f"mean difference {fmean(pair.gap for _, pair in pairs):.3f}; chosen answers have {chosen:.0f} words and "
            f"rejected ones {rejected:.0f} (means)"
        )
    return said


def line(question: Sampled, pair: Pair) -> dict[str, Any]:
    """The record of a pair."""
    return {
        "prompt_id": question.key,
        "prompt": list(question.turns),
        "chosen": pair.chosen.response,
        "rejected": pair.rejected.response,
        "gap": round(pair.gap, 6),
        **({"canary": question.canary} if question.canary else {}),
    }


def _judged(sample: Sample, coverage: float) -> bool:
    return sample.grade is not None and sample.grade.expected is not None and sample.grade.coverage >= coverage


def _words(sample: Sample) -> int:
    return len(sample.response.split())


def _ratio(one: Sample, other: Sample) -> float:
    lengths = sorted((_words(one), _words(other)))
    return lengths[1] / lengths[0]
