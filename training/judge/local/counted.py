"""The half of the local judge that counts: boosted trees over what needs no model that reads.

Their features are those of `features.py` and the word reader's logit. Trees of several seeds are averaged.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.judge.local.features import (
    LORE_FEATURES,
    Array,
    Case,
    CriterionLore,
    WordWeights,
    counted_features,
    shallow_features,
)
from training.judge.local.words import WordReader, marked_words, unseen_logits

Met = Sequence[npt.NDArray[np.bool_]]
"""For each answer the verdicts on its criteria."""

SEEDS = 5
ROUNDS = 300
TREES = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 12,
    "min_data_in_leaf": 40,
    "lambda_l2": 5.0,
    "feature_fraction": 0.35,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "deterministic": True,
    "verbosity": -1,
}
_LORE = ("vectors", "positive", "item", "met", "mean", "directions")
_WORDS = ("terms", "rarity", "weights", "bias")


@dataclass(frozen=True)
class CountingHalf:
    """`learnt` or `load` gives one. `shallow` are the trees of the baseline, over eight features."""

    weights: WordWeights
    lore: CriterionLore
    words: WordReader
    trees: Sequence[Any]
    shallow: Any

    @classmethod
    def learnt(cls, cases: Sequence[Case], met: Met, items: Sequence[int]) -> "CountingHalf":
        """From answers, the verdicts on their criteria and the number of each answer's item."""
        verdicts = np.concatenate(met)
        of_item = np.concatenate([np.full(some.size, item) for some, item in zip(met, items, strict=True)])
        weights = WordWeights.counted(piece for case in cases for piece in case.sentences)
        lore = lore_of(cases, met, items)
        counted = np.concatenate([_counted(c, weights, lore, item) for c, item in zip(cases, items, strict=True)])
        marked = [row for case in cases for row in marked_words(case)]
        features = np.column_stack([counted, unseen_logits(marked, verdicts, of_item)])
        return cls(
            weights,
            lore,
            WordReader.learnt(marked, verdicts),
            [grown(features, verdicts, seed) for seed in range(SEEDS)],
            grown(shallow_features(counted[:, :-LORE_FEATURES]), verdicts, 0),
        )

    def logits(self, cases: Sequence[Case]) -> Array:
        """The logit of "met" for all criteria of all cases, in order; there must be at least one."""
        counted = np.concatenate([_counted(case, self.weights, self.lore) for case in cases if case.criteria])
        said = self.words.logits([row for case in cases for row in marked_words(case)])
        features = np.column_stack([counted, said])
        each = [trees.predict(features, raw_score=True) for trees in self.trees]
        return np.asarray(np.mean(each, axis=0), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write what `load` reads into a folder that exists."""
        for seed, trees in enumerate(self.trees):
            trees.save_model(str(folder / f"trees-{seed}.txt"))
        self.shallow.save_model(str(folder / "shallow.txt"))
        np.savez_compressed(folder / "lore.npz", **{name: getattr(self.lore, name) for name in _LORE})
        np.savez_compressed(folder / "words.npz", **{name: getattr(self.words, name) for name in _WORDS})
        rarities = {"weights": self.weights.weights, "unseen": self.weights.unseen}
        (folder / "rarities.json").write_text(json.dumps(rarities), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "CountingHalf":
        """What `save` wrote. Raises OSError, ValueError, KeyError, TypeError or LightGBMError where it is damaged."""
        import lightgbm

        rarities = json.loads((folder / "rarities.json").read_text(encoding="utf-8"))
        with np.load(folder / "lore.npz", allow_pickle=False) as arrays:
            lore = CriterionLore(**{name: arrays[name] for name in _LORE})
        with np.load(folder / "words.npz", allow_pickle=False) as arrays:
            words = WordReader(**{name: arrays[name] for name in _WORDS})
        names = [*(f"trees-{seed}" for seed in range(SEEDS)), "shallow"]
        *trees, shallow = (lightgbm.Booster(model_file=str(folder / f"{name}.txt")) for name in names)
        return cls(WordWeights(rarities["weights"], rarities["unseen"]), lore, words, trees, shallow)


def lore_of(cases: Sequence[Case], met: Met, items: Sequence[int]) -> CriterionLore:
    """Each criterion of each item once, with the share of answers that met it."""
    rows: dict[tuple[int, str, float], tuple[Array, list[bool]]] = {}
    for case, verdicts, item in zip(cases, met, items, strict=True):
        for criterion, vector, verdict in zip(case.criteria, case.criterion_vectors, verdicts, strict=True):
            rows.setdefault((item, criterion.text, criterion.points), (vector, []))[1].append(bool(verdict))
    return CriterionLore.learnt(
        np.stack([vector for vector, _ in rows.values()]),
        np.array([points > 0 for _, _, points in rows]),
        np.array([item for item, _, _ in rows]),
        np.array([np.mean(verdicts) for _, verdicts in rows.values()], dtype=np.float32),
    )


def grown(features: Array, met: npt.NDArray[np.bool_], seed: int) -> Any:
    """Boosted trees over (n, features), for log-loss."""
    import lightgbm

    return lightgbm.train(TREES | {"seed": seed}, lightgbm.Dataset(features, met), ROUNDS)


def _counted(case: Case, weights: WordWeights, lore: CriterionLore, own_item: int = -1) -> Array:
    positive = np.array([criterion.points > 0 for criterion in case.criteria])
    return np.hstack([counted_features(case, weights), lore.features(case.criterion_vectors, positive, own_item)])
