"""How often the critic is right about which principles belong to a question."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.rubric import Search
from agent.scenario.features import Array
from training.critic.labels import Labelled

RESAMPLES = 200
SEED = 0
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def chances(search: Search, labelled: Labelled) -> Array:
    """(q, P): what the agent would take for the probabilities."""
    places = {one.id: at for at, one in enumerate(search.retriever.library.principles)}
    found = np.zeros_like(labelled.yes)
    for row, turns in enumerate(labelled.turns):
        for one in search.belonging_to(turns, search.scenario(turns)):
            found[row, places[one.principle.id]] = one.belongs
    return found


def figures(found: Array, labelled: Labelled, least: Array, kinds: Mapping[str, Array]) -> dict[str, Any]:
    """AUC over all clear pairs with its bootstrap 95 % interval by question, the mean AUC within a principle, and what
    is picked from `least` (P,) on: how many a question, which share of them belongs, or belongs or may, and what share
    of what belongs; the same of each of `kinds`, masks (P,) of principles."""
    from sklearn.metrics import roc_auc_score

    clear = labelled.may == 0

    def auc(rows: Any) -> float:
        return float(roc_auc_score(labelled.yes[rows][clear[rows]], found[rows][clear[rows]]))

    everyone = np.arange(len(found))
    rng = np.random.default_rng(SEED)
    drawn = [auc(rng.integers(0, len(found), len(found))) for _ in range(RESAMPLES)]
    within = [
        roc_auc_score(labelled.yes[clear[:, at], at], found[clear[:, at], at])
        for at in range(found.shape[1])
        if labelled.yes[:, at].sum() >= 3
    ]
    picked = found >= least
    return {
        "questions": len(found),
        "auc": auc(everyone),
        "interval": [float(np.quantile(drawn, q)) for q in (0.025, 0.975)],
        "within_principle": float(np.mean(within)),
        "principles": len(within),
        "belong": float(labelled.yes[picked].mean()),
        **_picked(picked, labelled),
        "by_threshold": {str(one): _picked(found >= one, labelled) for one in THRESHOLDS},
        "by_kind": {name: _picked(picked, labelled, mask) for name, mask in kinds.items()},
    }


def _picked(picked: npt.NDArray[np.bool_], labelled: Labelled, among: Array | slice = slice(None)) -> dict[str, float]:
    picked, yes, may = picked[:, among], labelled.yes[:, among], labelled.may[:, among]
    return {
        "picked": float(picked.sum(axis=1).mean()),
        "belong_or_may": float((yes + may)[picked].mean()),
        "found": float(picked[yes == 1].mean()),
    }


def agreement(readers: list[Labelled]) -> dict[str, float]:
    """Of two readers of the same questions: Cohen's kappa of what belongs, and the share of what one says belongs that
    the other says belongs or may."""
    one, other = (reader.yes for reader in readers)
    expected = one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean())
    kappa = ((one == other).mean() - expected) / (1 - expected)
    kept = [(a.yes * (b.yes + b.may)).sum() / a.yes.sum() for a, b in (readers, readers[::-1])]
    return {"kappa": float(kappa), "kept": float(np.mean(kept))}
