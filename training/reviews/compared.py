"""Agreement between each two reviewers who have signed reviews."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from training.reviews.agreement import Agreement, agreement
from training.reviews.record import Review, Revision, counted

Pair = tuple[str, str, Agreement]


def all_pairs(signed: Iterable[Revision]) -> list[Pair]:
    """Each two reviewers over all questions that both have signed; the last of two reviews by one person counts."""
    by_question: dict[str, dict[str, Review]] = defaultdict(dict)
    for revision in signed:
        by_question[revision.question_id][revision.owner] = revision.review
    pairs: dict[tuple[str, str], list[tuple[Review, Review]]] = defaultdict(list)
    for reviews in by_question.values():
        for one, other in combinations(sorted(reviews), 2):
            pairs[one, other].append((reviews[one], reviews[other]))
    return [(one, other, agreement(found)) for (one, other), found in sorted(pairs.items())]


def agreement_words(found: Agreement) -> str:
    """One line: how much was compared, and the figures."""
    questions = counted(found.questions, "question")
    return "; ".join([questions, *(f"{name} {value}" for name, value in agreement_figures(found).items())])


def agreement_figures(found: Agreement) -> dict[str, str]:
    """The figures by name, as they are shown; n/a where there is nothing to compare or a kappa is not defined."""
    return {
        "rubric overlap": _share(found.overlap),
        "verdicts": f"{_share(found.verdicts_equal)} alike of {found.verdicts}, kappa {_kappa(found.verdicts_kappa)}",
        "preference": f"{_share(found.preferences_equal)} alike of {found.preferences}, "
        f"kappa {_kappa(found.preferences_kappa)}",
    }


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.0%}"


def _kappa(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"
