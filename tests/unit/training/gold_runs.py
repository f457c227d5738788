"""Made-up training runs whose true gold is known: how often does the guard stop them?

`python -m tests.unit.training.gold_runs` prints the rates that docs/training.md states (some minutes).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.unit.training.tiny_run import RECIPE
from training.grpo.gold import fall
from training.grpo.log import GOLD, GOLD_OF, PROXY
from training.grpo.recipe import Recipe, load_recipe

LOOKS, START = 20, 0.35
CRITERIA = 7
# The falls that must be seen, by the number of held-out questions.
FALLS = {8: 0.3, 16: 0.15, 64: 0.08}
Shape = Sequence[float]
"""The true mean of gold at each look."""


def flat() -> Shape:
    """It stays where it was."""
    return [START] * (LOOKS + 1)


def sudden(size: float) -> Shape:
    """It drops after the eighth look, and stays there."""
    return [START if look < 8 else START - size for look in range(LOOKS + 1)]


def slow(size: float) -> Shape:
    """It sinks from the fourth look to the sixteenth."""
    return [START - size * min(1.0, max(0.0, (look - 4) / 12)) for look in range(LOOKS + 1)]


def peaked(size: float) -> Shape:
    """It first rises by half of what it then falls: in the end it is lower than at the start by the other half."""
    return [START + size * (look / 16 if look < 8 else 0.5 - min(1.0, (look - 8) / 8)) for look in range(LOOKS + 1)]


def recipe_of(questions: int, **fields: object) -> Recipe:
    """A recipe with so many looks at so many held-out questions."""
    given = {"held_out": questions, "gold_drop": 0.05, "gold_every": 10, "steps": 10 * LOOKS, "alarm_kl": 0.5}
    return load_recipe(RECIPE, {name: str(value) for name, value in (given | fields).items()})


def run_log(questions: int, shape: Shape, seed: int) -> list[dict[str, Any]]:
    """Each look's scores: shares of points of seven criteria a question, each met or not by its own probability.

    At START the scores of one question spread by 0.145, those of all questions by 0.19 (standard deviations). The
    training's judge never changes its mind: it is of no use here.
    """
    chance = np.random.default_rng(seed)
    met = chance.beta(0.5, 1.0, (questions, CRITERIA))
    points = chance.uniform(2, 10, (questions, CRITERIA))
    points /= points.sum(axis=1, keepdims=True)
    mean = (met * points).sum(axis=1).mean()
    log = []
    for look, wanted in enumerate(shape):
        scores = (points * (chance.random(met.shape) < met * wanted / mean)).sum(axis=1)
        record: dict[str, Any] = {"step": 10 * look, GOLD: float(scores.mean()), PROXY: 0.4}
        log.append(record | {f"{GOLD_OF}{number}": float(score) for number, score in enumerate(scores)})
    return log


def stopped(questions: int, shape: Shape, seed: int) -> bool:
    """Whether a run ends before its time."""
    log, recipe = run_log(questions, shape, seed), recipe_of(questions)
    return any(fall(log[:look], recipe) for look in range(2, len(log) + 1))


def rate(questions: int, shape: Shape, runs: int) -> float:
    """The share of so many runs that is stopped."""
    return sum(stopped(questions, shape, seed) for seed in range(runs)) / runs


if __name__ == "__main__":
    for held_out, size in FALLS.items():
        shapes = {"flat": flat(), "sudden": sudden(size), "slow": slow(size), "peaked": peaked(size)}
        told = ", ".join(f"{name} {rate(held_out, shape, 200):.1%}" for name, shape in shapes.items())
        print(f"{held_out} questions, 200 runs of {LOOKS} looks, falls of {size}: stopped {told}", flush=True)
