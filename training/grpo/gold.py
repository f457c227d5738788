"""Whether the gold scores of a run have fallen beyond chance.

The same held-out questions are answered at each look, so that a question's difficulty cancels: the newest level is
compared with the earlier ones, question by question, by a bootstrap over the questions. Among noisy levels the best is
always above the newest; the bootstrap therefore asks how often chance alone would put the best of as many levels so
far above it (the maximum statistic of Westfall and Young, 1993), and the chance of a false stop is shared out over
all looks of the run (Bonferroni). What the training's judge thinks of the answers plays no part.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from training.grpo.log import GOLD, GOLD_OF
from training.grpo.recipe import Recipe
from training.tuning.log import Log

Floats = npt.NDArray[np.float64]
# Of a run whose gold is flat, at most so many are stopped, over all its looks together.
FALSE_STOPS = 0.1
# A level is the mean over so many looks in a row, or half of those that there are.
SMOOTH = 3
# Among fewer questions the bootstrap cannot tell chance from a fall.
LEAST_QUESTIONS = 8
# A look counts where this share of the held-out questions has a gold score.
LEAST_JUDGED = 0.8
RESAMPLES, SEED = 10_000, 0
# Standard deviation of the scores of several answers to one question, for plans: for the large models that were looked
# at it was 0.09 to 0.16.
TYPICAL_NOISE = 0.15
POWER = 0.8


@dataclass(frozen=True)
class Fall:
    """From `high` at the steps `before` to `low` at the steps `after`, (first, last) each.

    `chance`: how often flat gold would show as much at this look; `limit`: below that it is no chance.
    """

    before: tuple[int, int]
    after: tuple[int, int]
    high: float
    low: float
    questions: int
    chance: float
    limit: float


def fall(log: Log, recipe: Recipe) -> Fall | None:
    """The fall to the newest level from the best before it, if it is `gold_drop` or more and beyond chance."""
    counted = [one for one in looks(log) if is_judged(one, recipe)]
    steps, scores = [int(one["step"]) for one in counted], _by_question(counted)
    questions = scores.shape[1] if scores.size else 0
    width = min(SMOOTH, len(steps) // 2)
    if recipe.held_out < LEAST_QUESTIONS or questions < 2 or not width:
        return None
    levels = np.array([scores[start : start + width].mean(axis=0) for start in range(len(steps) - width + 1)])
    newest, earlier = levels[-1], levels[: len(steps) - 2 * width + 1]
    falls = (earlier - newest).mean(axis=1)
    best = int(falls.argmax())
    if falls[best] < max(recipe.gold_drop, 1e-9):
        return None
    limit = limit_a_look(recipe)
    chance = _chance((earlier - newest).T, float(falls[best]), limit)
    if chance >= limit:
        return None
    return Fall(
        before=(steps[best], steps[best + width - 1]),
        after=(steps[-width], steps[-1]),
        high=float(earlier[best].mean()),
        low=float(newest.mean()),
        questions=questions,
        chance=chance,
        limit=limit,
    )


def looks(log: Log) -> list[Mapping[str, Any]]:
    """The evaluations on held-out questions; the later one where a step has two."""
    return list({int(one["step"]): one for one in log if GOLD in one}.values())


def is_judged(look: Mapping[str, Any], recipe: Recipe) -> bool:
    """Whether the gold judge gave enough scores for the look to count."""
    return missing(look, recipe) <= (1 - LEAST_JUDGED) * recipe.held_out


def missing(look: Mapping[str, Any], recipe: Recipe) -> int:
    """The held-out questions without a gold score."""
    return recipe.held_out - len(_scores(look))


def looks_planned(recipe: Recipe) -> int:
    """The looks of a whole run after its first."""
    return recipe.steps // recipe.gold_every


def limit_a_look(recipe: Recipe) -> float:
    """The chance of a false stop that one look may have."""
    return FALSE_STOPS / max(1, looks_planned(recipe))


def visible_fall(recipe: Recipe) -> float | None:
    """The fall that stops four runs of five, worked out from `TYPICAL_NOISE`; None where no fall does."""
    from scipy.stats import norm, t

    planned = looks_planned(recipe)
    if not planned or recipe.held_out < LEAST_QUESTIONS:
        return None
    width = min(SMOOTH, (planned + 1) // 2)
    error = TYPICAL_NOISE * math.sqrt(2 / width / recipe.held_out)
    errors = float(t.isf(limit_a_look(recipe), recipe.held_out - 1) + norm.ppf(POWER))
    return max(recipe.gold_drop, error * errors)


def _scores(look: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in look.items() if name.startswith(GOLD_OF) and value is not None}


def _by_question(counted: list[Mapping[str, Any]]) -> Floats:
    """(looks, questions); where a question has no score, its mean over the other looks."""
    found = [_scores(one) for one in counted]
    names = sorted({name for one in found for name in one})
    scores = np.array([[one.get(name, np.nan) for name in names] for one in found], dtype=np.float64)
    return np.where(np.isnan(scores), np.nanmean(scores, axis=0), scores) if names else scores


def _chance(falls: Floats, seen: float, limit: float) -> float:
    """How often the largest mean fall would be `seen` if the true ones were 0; `falls` is (questions, levels).

    A bootstrap of few questions is too narrow. It is widened until, of normal noise, it agrees with Student's t
    (Hesterberg, 2015).
    """
    from scipy.stats import norm, t

    questions = len(falls)
    widened = math.sqrt(questions / (questions - 1)) * float(t.isf(limit, questions - 1) / norm.isf(limit))
    noise = _resamples(questions) @ (falls - falls.mean(axis=0))
    return float((noise.max(axis=1) * widened >= seen).mean())


@lru_cache(maxsize=2)
def _resamples(questions: int) -> Floats:
    """The weight of each question in each resample."""
    drawn = np.random.default_rng(SEED).multinomial(questions, np.full(questions, 1 / questions), RESAMPLES)
    weights: Floats = drawn / questions
    return weights
