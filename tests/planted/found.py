"""What the agent finds in the drafts: which errors, and which right sentences it takes for wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from agent.claims import CANDIDATES, LEARNT_JOINT, ClaimCritic
from agent.text import units
from retrieval.fact_sentences import FEATURES, nearness
from tests.planted.cases import Case, Flat

# Right sentences that may be taken for wrong, as a share.
ACCUSED = 0.002


@dataclass(frozen=True)
class Pairs:
    """Of each pair of a sentence and a card near to it: `features` (pairs, weights), the place of its case and of its
    sentence, whether that sentence is the planted error, whether the card corrects it, and whether the sentence allows
    what the card is `against`."""

    features: npt.NDArray[np.float64]
    case: npt.NDArray[np.intp]
    sentence: npt.NDArray[np.intp]
    wrong: npt.NDArray[np.bool_]
    corrects: npt.NDArray[np.bool_]
    against: npt.NDArray[np.bool_]


def read(cases: Sequence[Case], critic: ClaimCritic) -> Pairs:
    """The pairs that the agent would read in these drafts."""
    features, against, rows = [], [], []
    for number, case in enumerate(track(cases, "reading", console=Console(stderr=True))):
        found, claims = units("\n".join(case.draft)), critic.about(case.question)
        near = nearness(critic.search, case.question, [unit.text for unit in found])
        pairs = [(at, card) for at in range(len(found)) for card in near.nearest(at, CANDIDATES)]
        features.append(claims.evidence(found, near, pairs))
        against.append(claims.against(found, near, pairs))
        rows += [(number, at, at == case.wrong, near.cards[card].id in case.corrected_by) for at, card in pairs]
    case, sentence, wrong, corrects = (np.array(column) for column in zip(*rows, strict=True))
    return Pairs(np.concatenate(features), case, sentence, wrong, corrects, np.concatenate(against))


def figures(pairs: Pairs, scores: npt.NDArray[np.float64], wrong_from: float) -> dict[str, float]:
    """How many errors score so much, with any card and with one that corrects them, and how many right sentences."""
    best: dict[tuple[int, int], int] = {}
    for at in np.argsort(scores):
        best[int(pairs.case[at]), int(pairs.sentence[at])] = int(at)
    places = np.array(list(best.values()))
    taken, wrong = scores[places] >= wrong_from, pairs.wrong[places]
    return {
        "errors": int(wrong.sum()),
        "errors found": int((taken & wrong).sum()),
        "errors found with a card that corrects them": int((taken & wrong & pairs.corrects[places]).sum()),
        "right sentences": int((~wrong).sum()),
        "right sentences taken for wrong": int((taken & ~wrong).sum()),
    }


def measured(pairs: Pairs) -> dict[str, float]:
    """The figures of what the agent has learnt."""
    return figures(pairs, LEARNT_JOINT.scores(pairs.features, pairs.against), LEARNT_JOINT.wrong_from)


def fitted(pairs: Pairs) -> dict[str, Any]:
    """Weights, bias and threshold for `agent.claims`, and what cross-validation by cases finds with them.

    The threshold leaves `ACCUSED` of the right sentences above it, when each tenth of the cases is scored by the rest.
    """
    target = pairs.wrong & pairs.corrects
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, class_weight="balanced", max_iter=500))
    left_out = cross_val_predict(
        model, pairs.features, target, groups=pairs.case, cv=GroupKFold(10), method="decision_function"
    )
    # What cannot count as wrong, whatever the weights, is none of the sentences that the threshold has to keep out.
    left_out = np.where(
        np.isfinite(LEARNT_JOINT.scores(pairs.features, np.zeros_like(pairs.against))), left_out, -np.inf
    )
    worst: dict[tuple[int, int], float] = {}
    for case, sentence, score, wrong in zip(pairs.case, pairs.sentence, left_out, pairs.wrong, strict=True):
        if not wrong:
            worst[case, sentence] = max(score, worst.get((case, sentence), -np.inf))
    accused = sorted(worst.values(), reverse=True)[int(ACCUSED * len(worst))]
    threshold = float(np.nextafter(accused, np.inf))
    scaler, regression = model.fit(pairs.features, target)
    weights = regression.coef_[0] / scaler.scale_
    return {
        "weights": dict(zip(("reader", *FEATURES), weights.round(3).tolist(), strict=True)),
        "bias": round(float(regression.intercept_[0] - weights @ scaler.mean_), 3),
        "wrong from": round(threshold, 3),
        "each tenth left out": figures(pairs, left_out, threshold),
    }


def flat_measured(replies: Sequence[Flat], critic: ClaimCritic) -> dict[str, float]:
    """How many short replies that are wrong are found, and how many right ones are taken for wrong."""
    found = [
        bool(critic.about(one.question).contradictions(one.reply))
        for one in track(replies, "reading", console=Console(stderr=True))
    ]
    wrong = [one.wrong for one in replies]
    return {
        "wrong short replies": sum(wrong),
        "wrong short replies found": sum(hit and is_wrong for hit, is_wrong in zip(found, wrong, strict=True)),
        "right short replies": len(wrong) - sum(wrong),
        "right short replies taken for wrong": sum(
            hit and not is_wrong for hit, is_wrong in zip(found, wrong, strict=True)
        ),
    }
