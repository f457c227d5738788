"""How far two reviewers agree, by hand-made cases."""

import math
from pathlib import Path

import pytest

from tests.unit.ui.review_fakes import NO, QUESTION, YES, finished, row, store_in
from training.common.questions import question_of
from training.reviews.agreement import agreement, kappa
from training.reviews.compared import agreement_words, all_pairs
from training.reviews.record import Review
from ui.review.desk import Desks


def test_kappa_is_cohens() -> None:
    # Cohen's own kind of table: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no is 0.4.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert math.isclose(kappa(pairs) or 0, 0.4)
    assert kappa([("y", "y"), ("n", "n")]) == 1
    assert kappa([("y", "n"), ("y", "n")]) == 0


@pytest.mark.parametrize("pairs", [[], [("y", "y")], [("y", "y")] * 9])
def test_kappa_is_not_defined_where_there_is_one_value_only(pairs: list[tuple[str, str]]) -> None:
    assert kappa(pairs) is None


def test_shared_criteria_are_found_by_origin_and_by_words() -> None:
    first = finished(criteria=(row("a", a=YES, b=NO), row("own-1", text="Is it so?", a=YES, b=YES), row("x", a=NO)))
    second = finished(
        criteria=(row("a", text="Reworded", a=YES, b=YES), row("own-2", text="is it  SO?", a=YES, b=YES), row("y"))
    )
    found = agreement([(first, second)])
    assert found.overlap == 2 / 4
    assert found.verdicts == 4
    assert found.verdicts_equal == 3 / 4
    assert (found.preferences, found.preferences_equal) == (1, 1)


def test_answers_are_matched_by_their_text() -> None:
    first = finished()
    swapped = finished(
        answers=first.answers[::-1],
        criteria=tuple(one.model_copy(update={"a": one.b, "b": one.a}) for one in first.criteria),
        preference="B",
    )
    found = agreement([(first, swapped)])
    assert (found.verdicts_equal, found.verdicts_kappa) == (1, 1)
    assert found.preferences_equal == 1


def test_other_answers_are_not_compared() -> None:
    found = agreement([(finished(), finished(answers=("Something else.", "And else.")))])
    assert (found.verdicts, found.verdicts_equal, found.verdicts_kappa) == (0, None, None)
    assert (found.preferences, found.preferences_equal) == (0, None)
    assert found.overlap == 1


def test_nothing_to_compare_is_said_so() -> None:
    empty = agreement([])
    assert (empty.overlap, empty.verdicts_kappa) == (None, None)
    assert "rubric overlap n/a" in agreement_words(empty)
    assert agreement([(Review(), Review())]).overlap is None


def test_pairs_come_from_what_both_have_signed(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    other = question_of("And with jam?")
    store.add([other])
    desks = Desks(store, lambda question: Review())
    for question, editors in ((QUESTION, ("AB", "CD", "EF")), (other, ("AB", "CD"))):
        for editor in editors:
            desks.sign(desks.open(editor, question), finished(preference="B" if editor == "CD" else "A"))
    desks.save(desks.open("GH", QUESTION), finished())
    pairs = [(one, two, found.questions, found.preferences_equal) for one, two, found in all_pairs(store.signed())]
    assert pairs == [("AB", "CD", 2, 0), ("AB", "EF", 1, 1), ("CD", "EF", 1, 0)]
    assert [found.questions for _, _, found in all_pairs(store.signed(other.prompt_id))] == [1]
