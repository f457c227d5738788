"""How far two reviewers of the same questions agree.

Criteria are the same if they come from the same drafted one, or say the same; verdicts are compared on the same
criterion and the same answer. Kappa: Cohen, "A coefficient of agreement for nominal scales" (1960).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from principles.schema import Label
from training.reviews.record import SIDES, Review, ReviewCriterion


@dataclass(frozen=True)
class Agreement:
    """Over `questions` questions. Shares are in [0, 1], kappas in [-1, 1]; None where there is nothing to compare,
    a kappa also where both reviewers used one and the same value throughout.

    `overlap` is shared criteria over all criteria of the two rubrics together.
    """

    questions: int
    overlap: float | None
    verdicts: int
    verdicts_equal: float | None
    verdicts_kappa: float | None
    preferences: int
    preferences_equal: float | None
    preferences_kappa: float | None


def agreement(pairs: Sequence[tuple[Review, Review]]) -> Agreement:
    """`pairs` are two reviewers' reviews of the same question, one pair a question."""
    shared, union = 0, 0
    verdicts: list[tuple[str, str]] = []
    preferences: list[tuple[str, str]] = []
    for first, second in pairs:
        same = _shared(first, second)
        shared += len(same)
        union += len(first.criteria) + len(second.criteria) - len(same)
        sides = _same_answers(first, second)
        verdicts += _verdicts(same, sides)
        preferences += _preferences(first, second, sides)
    return Agreement(
        questions=len(pairs),
        overlap=shared / union if union else None,
        verdicts=len(verdicts),
        verdicts_equal=_equal(verdicts),
        verdicts_kappa=kappa(verdicts),
        preferences=len(preferences),
        preferences_equal=_equal(preferences),
        preferences_kappa=kappa(preferences),
    )


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa, None where it is not defined: no pairs, or only one value in all of them."""
    if len({value for pair in pairs for value in pair}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score

    first, second = zip(*pairs, strict=True)
    return float(cohen_kappa_score(first, second))


def _equal(pairs: Sequence[tuple[str, str]]) -> float | None:
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else None


def _shared(first: Review, second: Review) -> list[tuple[ReviewCriterion, ReviewCriterion]]:
    """Each criterion at most once: by its id, else by its words."""
    by_id = {one.id: one for one in second.criteria}
    found = [(one, by_id.pop(one.id)) for one in first.criteria if one.id in by_id]
    taken = {one.id for one, _ in found}
    by_words = {_words(one): one for one in by_id.values()}
    rest = [one for one in first.criteria if one.id not in taken]
    return found + [(one, by_words.pop(_words(one))) for one in rest if _words(one) in by_words]


def _words(one: ReviewCriterion) -> str:
    return " ".join(one.text.casefold().split())


def _same_answers(first: Review, second: Review) -> dict[str, str]:
    """Which side of the second review has the answer of a side of the first."""
    places = {answer.strip(): side for side, answer in zip(SIDES, second.answers, strict=True) if answer.strip()}
    return {
        side: places[answer.strip()]
        for side, answer in zip(SIDES, first.answers, strict=True)
        if answer.strip() in places
    }


def _verdicts(same: Sequence[tuple[ReviewCriterion, ReviewCriterion]], sides: dict[str, str]) -> list[tuple[str, str]]:
    given: list[tuple[Label | None, Label | None]] = [
        (getattr(one, side), getattr(other, its)) for one, other in same for side, its in sides.items()
    ]
    return [(mine.value, theirs.value) for mine, theirs in given if mine is not None and theirs is not None]


def _preferences(first: Review, second: Review, sides: dict[str, str]) -> list[tuple[str, str]]:
    if len(set(sides.values())) < 2 or not first.preference or not second.preference:
        return []
    names = {"tie": "tie", **{side.upper(): its.upper() for side, its in sides.items()}}
    return [(names[first.preference], second.preference)]
