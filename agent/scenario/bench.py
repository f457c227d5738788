"""Coverage of physicians' points by the retrieved principles, beside the scenario's pool, chance and all of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from principles.schema import Scenario
from retrieval.coverage import Item, covered, demands, share
from retrieval.progress import shown
from retrieval.retriever import Retriever

SIZES = (8, 12, 20)
SEEDS = range(5)
RESAMPLES = 2_000

Classify = Callable[[Sequence[Mapping[str, str]]], Scenario]
# For each seed and item, the positions of the chosen principles.
Arm = list[list[list[int]]]


def bench(retriever: Retriever, classify: Classify, items: Sequence[Item]) -> dict[str, Any]:
    """Coverage of every arm at each of `SIZES`: mean over items, bootstrap 95 % interval, mean list length."""
    scored = [item for item in items if item.positive_points > 0]
    matrices = covered(scored, demands(retriever.library, retriever.encoder), retriever.encoder)

    def summary(arm: Arm) -> dict[str, Any]:
        shares = [
            [share(m, item, chosen) for m, item, chosen in zip(matrices, scored, seed, strict=True)] for seed in arm
        ]
        means = np.mean(shares, axis=0)
        length = float(np.mean([len(chosen) for seed in arm for chosen in seed]))
        return {"coverage": float(means.mean()), "interval": interval(means), "principles": length}

    scenarios = [classify(item.turns) for item in shown(scored, "Reading the questions")]
    every = list(range(len(retriever.library.principles)))
    return {
        "items": len(scored),
        "all": summary([[every] * len(scored)]),
        "at": {
            str(size): {name: summary(arm) for name, arm in arms(retriever, scored, scenarios, size).items()}
            for size in SIZES
        },
    }


def arms(retriever: Retriever, items: Sequence[Item], scenarios: Sequence[Scenario], size: int) -> dict[str, Arm]:
    """What each way of choosing at most `size` principles chooses.

    `scenario pool` is the paper's join: all principles that hold the scenario's value, here cut at random.
    """
    principles = retriever.library.principles
    place = {principle.id: position for position, principle in enumerate(principles)}
    pairs = list(zip(items, scenarios, strict=True))
    found = [retriever.retrieve(item.question, scenario, size) for item, scenario in shown(pairs, f"Top {size}")]
    pools = [
        [at for at, p in enumerate(principles) if str(getattr(scenario, p.dimension)) in p.values]
        for scenario in scenarios
    ]
    every = [list(range(len(principles)))] * len(items)
    return {
        "retrieved": [[[place[one.principle.id] for one in here] for here in found]],
        "scenario pool": [_cut(pools, size, seed) for seed in SEEDS],
        "random": [_cut(every, size, seed) for seed in SEEDS],
    }


def interval(values: np.ndarray) -> tuple[float, float]:
    """The bootstrap 95 % interval of a mean over items."""
    chance = np.random.default_rng(0)
    means = [values[chance.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _cut(choices: Sequence[Sequence[int]], size: int, seed: int) -> list[list[int]]:
    chance = np.random.default_rng(seed)
    return [chance.permutation(np.asarray(choice, dtype=int))[:size].tolist() for choice in choices]
