"""How the scenario step does on a hand that it learnt nothing from, and by which thresholds.

Each hand's questions in turn are left out (those of the first hand, which wrote two fifths, in quarters), the heads
are fitted on all the other tune questions, and asked about these. The thresholds of urgency are chosen by what this
prints; no question of the test and blind splits has a part.
"""

from collections.abc import Sequence
from typing import Any

from agent.scenario.classifier import urgency_of
from agent.scenario.features import Array, Encode, features
from agent.scenario.heads import NAMES
from agent.scenario.learn import learn
from agent.scenario.measure import Counts, no_counts, scores
from agent.scenario.questions import Question
from principles.schema import DIMENSIONS, Dimension

EMERGENT_FROM = (0.04, 0.06, 0.08, 0.10, 0.12, 0.14, 0.16, 0.18, 0.20, 0.25, 0.30, 0.40)
URGENT_FROM = (0.45, 0.50, 0.55)
QUARTERS = 4
Readings = dict[Dimension, Array]


def choose(encode: Encode, questions: Sequence[Question]) -> dict[str, Any]:
    """{"questions", "hands", "macro_f1": {dimension: number}, "urgency": rows of thresholds, F1, recall and misses}.

    `macro_f1` is that of the most probable values; `missed` the share of both urgent values called not emergent;
    `first_recall` the recall of the first hand's emergencies alone.
    """
    from rich.console import Console
    from rich.progress import track

    read = list(zip(features(encode, [question.turns for question in questions]), questions, strict=True))
    parts = _parts(questions)
    left_out: list[tuple[Question, Readings]] = []
    for part in track(parts, "leaving out one hand", console=Console(stderr=True), transient=True):
        rest = [pair for place, pair in enumerate(read) if place not in part]
        heads = learn([rows for rows, _ in rest], [question for _, question in rest])
        left_out += [(read[place][1], heads.probabilities(read[place][0])) for place in sorted(part)]
    return {
        "questions": len(left_out),
        "hands": len({question.hand for question in questions}),
        "macro_f1": {name: _macro(name, left_out) for name in NAMES},
        "urgency": [_urgency(left_out, low, high) for low in EMERGENT_FROM for high in URGENT_FROM],
    }


def _parts(questions: Sequence[Question]) -> list[set[int]]:
    """Positions that are left out together."""
    hands: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        hands.setdefault(question.hand, []).append(place)
    first = hands.pop("", [])
    size = max(1, -(-len(first) // QUARTERS))  # in their order, since neighbours were written together
    return [set(first[at : at + size]) for at in range(0, len(first), size)] + [
        set(hands[hand]) for hand in sorted(hands)
    ]


def _macro(name: Dimension, left_out: Sequence[tuple[Question, Readings]]) -> float:
    given = [int(found[name][-1].argmax()) for _, found in left_out]
    return scores(_counts(name, [question for question, _ in left_out], given))["macro"]["f1"]


def _urgency(left_out: Sequence[tuple[Question, Readings]], emergent: float, urgent: float) -> dict[str, float]:
    given = [min(urgency_of(row, emergent, urgent) for row in found["urgency"]) for _, found in left_out]
    counts = _counts("urgency", [question for question, _ in left_out], given)
    found = scores(counts)
    first = [number == 0 for number, (question, _) in zip(given, left_out, strict=True) if _first_emergency(question)]
    rows = [counts[value] for value in ("emergent", "conditionally_emergent")]
    return {
        "emergent_from": emergent,
        "urgent_from": urgent,
        "macro_f1": found["macro"]["f1"],
        "emergent_recall": found["emergent"]["recall"],
        "first_recall": sum(first) / max(len(first), 1),
        "missed": sum(row["non_emergent"] for row in rows) / sum(sum(row.values()) for row in rows),
    }


def _first_emergency(question: Question) -> bool:
    return not question.hand and question.labels["urgency"] == "emergent"


def _counts(name: Dimension, questions: Sequence[Question], given: Sequence[int]) -> Counts:
    values, counts = [str(value) for value in DIMENSIONS[name]], no_counts(name)
    for question, number in zip(questions, given, strict=True):
        counts[question.labels[name]][values[number]] += 1
    return counts
