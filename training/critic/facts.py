"""Which knowledge cards bear on a question, by labelled pairs: the weights and threshold of `retrieval.facts`.

A line of labels/facts.tsv is a question's id, then, each after a tab, the ids of the cards that bear on it, of those
that may, and of the others that the reader was shown: the eight best by weights set by hand.
"""

from typing import Any

import numpy as np

from agent.scenario.questions import load_questions
from retrieval.facts import WEIGHTS, FactSearch
from training.critic.labels import text_of

FOLDS = 8
THRESHOLDS = (0.3, 0.4, 0.5, 0.6)


def calibrated(search: FactSearch) -> dict[str, Any]:
    """Weights fitted to the labels; and, each fold of questions left out of the fit, the AUC of clear pairs and what
    share of the cards taken bears, or bears or may, by threshold."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    features, yes, may, groups = _pairs(search)
    clear, spread = ~may, features.std(axis=0)

    def fitted(rows: Any) -> Any:
        return LogisticRegression(max_iter=1_000).fit(features[rows] / spread, yes[rows])

    chances = np.zeros(len(yes))
    for learnt, held in GroupKFold(FOLDS).split(features, yes, groups):
        chances[held] = fitted(learnt[clear[learnt]]).predict_proba(features[held] / spread)[:, 1]
    whole = fitted(clear)
    return {
        "questions": len(set(groups)),
        "pairs": len(yes),
        "weights": dict(zip(WEIGHTS, (whole.coef_[0] / spread).round(2).tolist(), strict=True)),
        "bias": round(float(whole.intercept_[0]), 2),
        "auc": float(roc_auc_score(yes[clear], chances[clear])),
        "by_threshold": {str(least): _taken(chances >= least, yes, may) for least in THRESHOLDS},
    }


def _taken(taken: Any, yes: Any, may: Any) -> dict[str, float]:
    return {
        "bear": float(yes[taken].mean()),
        "bear_or_may": float((yes | may)[taken].mean()),
        "found": float(taken[yes].mean()),
    }


def _pairs(search: FactSearch) -> tuple[Any, Any, Any, list[str]]:
    questions = {one.id: one.turns[-1]["content"] for one in load_questions("tune")}
    rows, yes, may, groups = [], [], [], []
    for line in text_of("facts.tsv").splitlines():
        key, *labelled = line.split("\t")
        bear, unsure, others = (part.split() for part in labelled)
        places, features = search.evidence(" ".join(questions[key].split()))
        for place, row in zip(places, features, strict=True):
            card = search.facts.principles[place].id
            if card in (*bear, *unsure, *others):
                rows.append(row)
                yes.append(card in bear)
                may.append(card in unsure)
                groups.append(key)
    return np.array(rows), np.array(yes), np.array(may), groups
