"""How the scenario step does on a hand that it learnt nothing from, and by which thresholds.

Each hand's questions in turn are left out, the heads are fitted on all the other tune questions, and asked about
these. The thresholds of urgency are chosen by what this prints; no question of the test and blind splits has a part.
"""

from collections.abc import Sequence
from typing import Any

from principles.scenario import NAMES, urgency_of
from principles.scenario_features import Array, Encode, features
from principles.scenario_train import Counts, Question, learn, no_counts, scores
from principles.schema import DIMENSIONS, Dimension

EMERGENT_FROM = (0.10, 0.12, 0.14, 0.16, 0.18, 0.20, 0.25, 0.30, 0.40)
URGENT_FROM = (0.45, 0.50, 0.55)
Readings = dict[Dimension, Array]


def choose(encode: Encode, questions: Sequence[Question]) -> dict[str, Any]:
    """{"questions", "hands", "macro_f1": {dimension: number}, "urgency": rows of thresholds, F1, recall and misses}.

    `macro_f1` is that of the most probable values; `missed` the share of both urgent values called not emergent.
    """
    from rich.console import Console
    from rich.progress import track

    hands = sorted({question.hand for question in questions} - {""})
    read = list(zip(features(encode, [question.turns for question in questions]), questions, strict=True))
    left_out: list[tuple[Question, Readings]] = []
    for hand in track(hands, "leaving out one hand", console=Console(stderr=True), transient=True):
        rest = [pair for pair in read if pair[1].hand != hand]
        heads = learn([rows for rows, _ in rest], [question for _, question in rest])
        left_out += [(question, heads.probabilities(rows)) for rows, question in read if question.hand == hand]
    return {
        "questions": len(left_out),
        "hands": len(hands),
        "macro_f1": {name: _macro(name, left_out) for name in NAMES},
        "urgency": [_urgency(left_out, low, high) for low in EMERGENT_FROM for high in URGENT_FROM],
    }


def _macro(name: Dimension, left_out: Sequence[tuple[Question, Readings]]) -> float:
    given = [int(found[name][-1].argmax()) for _, found in left_out]
    return scores(_counts(name, [question for question, _ in left_out], given))["macro"]["f1"]


def _urgency(left_out: Sequence[tuple[Question, Readings]], emergent: float, urgent: float) -> dict[str, float]:
    given = [min(urgency_of(row, emergent, urgent) for row in found["urgency"]) for _, found in left_out]
    counts = _counts("urgency", [question for question, _ in left_out], given)
    found = scores(counts)
    rows = [counts[value] for value in ("emergent", "conditionally_emergent")]
    return {
        "emergent_from": emergent,
        "urgent_from": urgent,
        "macro_f1": found["macro"]["f1"],
        "emergent_recall": found["emergent"]["recall"],
        "missed": sum(row["non_emergent"] for row in rows) / sum(sum(row.values()) for row in rows),
    }


def _counts(name: Dimension, questions: Sequence[Question], given: Sequence[int]) -> Counts:
    values, counts = [str(value) for value in DIMENSIONS[name]], no_counts(name)
    for question, number in zip(questions, given, strict=True):
        counts[question.labels[name]][values[number]] += 1
    return counts
