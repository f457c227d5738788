"""A review's own rules: what it takes, what a signature waits for, what differs between two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from principles.errors import InputError
from tests.unit.ui.review_fakes import DRAFT, NO, YES, finished, row
from training.reviews.changes import changes, rubric_changes
from training.reviews.record import Review, criteria_from, initials_from, missing, texts_from


def test_a_finished_review_waits_for_nothing() -> None:
    assert missing(finished()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"criteria": ()}, "points above 0"),
        ({"criteria": (row("a", -5, a=YES, b=NO),)}, "points above 0"),
        ({"criteria": (row("a", text=" ", a=YES, b=NO),)}, "criterion 1 has no text"),
        ({"criteria": (row("a", None, a=YES, b=NO), row("b", a=YES, b=NO))}, "criterion 1 needs points"),
        ({"criteria": (row("a", 0, a=YES, b=NO), row("b", a=YES, b=NO))}, "criterion 1 needs points"),
        ({"criteria": (row("a", 11, a=YES, b=NO), row("b", a=YES, b=NO))}, "criterion 1 needs points"),
        ({"criteria": (row("a", text="Is it?", a=YES, b=NO), row("b", text="is  it?", a=YES, b=NO))}, "say the same"),
        ({"answers": ("See a nurse.", " ")}, "only one answer"),
        ({"criteria": (row("a", a=YES),)}, "answer B has 1 verdict"),
        ({"preference": None}, "which answer is better"),
        ({"answers": ("", "")}, "clear the choice"),
    ],
)
def test_what_is_missing_is_named(changed: dict[str, object], said: str) -> None:
    assert any(said in reason for reason in missing(finished(**changed)))


def test_a_rubric_alone_can_be_signed() -> None:
    assert missing(finished(answers=("", ""), preference=None)) == []


def test_scores_follow_the_one_rule_and_leave_out_what_is_not_complete() -> None:
    review = finished(criteria=(*finished().criteria, row("c", 3), row("d", None, a=YES), row("e", text="", a=YES)))
    assert [one.id for one in review.rubric().criteria] == ["task.nurse", "own-1", "c"]
    assert review.grade("a").score == 1.0
    assert review.grade("b").score == -4 / 5
    assert review.grade("a").coverage == 2 / 3


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": "a"}, {"id": "a"}],
        [{"id": "<script>"}],
        [{"id": "a", "a": "UNKNOWN"}],
        [{"id": "a", "text": "x" * 2_001}],
        [{"id": "a", "stranger": 1}],
        [{"id": f"a{number}"} for number in range(61)],
        "text",
        [1],
    ],
)
def test_what_the_page_never_sends_is_refused_without_quoting_it(rows: object) -> None:
    with pytest.raises(InputError, match="the rubric cannot be kept") as caught:
        criteria_from(rows)
    assert "script" not in str(caught.value)
    assert "stranger" not in str(caught.value)


def test_half_typed_criteria_are_kept_as_they_are() -> None:
    assert criteria_from([{"id": "a", "text": "", "points": None}])[0].points is None
    assert criteria_from([{"id": "a", "text": "x\0y\ud800"}])[0].text == "xy?"
    assert criteria_from([{"id": "a", "points": float("inf")}])[0].points is None
    assert criteria_from(None) == ()


def test_initials_have_one_spelling() -> None:
    assert initials_from(" ab1 ") == "AB1"
    for wrong in ("", "a", "a b", "abcdefghi", "<b>"):
        with pytest.raises(InputError, match="initials"):
            initials_from(wrong)


def test_texts_that_are_too_long_are_refused() -> None:
    assert texts_from((None, "a\0"), None) == (("", "a"), "")
    with pytest.raises(InputError, match="answer"):
        texts_from(("x" * 50_001, ""), "")
    with pytest.raises(InputError, match="reason"):
        texts_from(("", ""), "x" * 5_001)


def test_every_kind_of_change_is_told() -> None:
    nurse, jam = DRAFT.criteria
    after = Review(
        criteria=(
            row("own-1"),
            nurse.model_copy(update={"text": "Does it?", "points": 6.0, "a": YES}),
        ),
        answers=("One.", ""),
        preference="tie",
        reason="Both.",
        signed=True,
    )
    told = [(change.kind, change.criterion_id, change.before, change.after) for change in changes(DRAFT, after)]
    assert told == [
        ("removed", "task.jam", jam.text, None),
        ("added", "own-1", None, "Does the answer mention own-1?"),
        ("reworded", "task.nurse", nurse.text, "Does it?"),
        ("reweighted", "task.nurse", 5.0, 6.0),
        ("verdict", "task.nurse", None, "MET"),
        ("answer", None, None, None),
        ("preference", None, None, "tie"),
        ("reason", None, "", "Both."),
        ("signed", None, None, None),
    ]


def test_one_criterion_that_moves_is_one_change() -> None:
    rows = tuple(row(name) for name in "abcde")
    moved = (rows[4], *rows[:4])
    assert [(c.kind, c.criterion_id) for c in rubric_changes(Review(criteria=rows), Review(criteria=moved))] == [
        ("moved", "e")
    ]


@given(st.permutations("abcdef"), st.sets(st.sampled_from("abcdef")))
def test_what_was_not_told_as_moved_has_kept_its_order(order: list[str], removed: set[str]) -> None:
    before = Review(criteria=tuple(row(name) for name in "abcdef"))
    after = Review(criteria=tuple(row(name) for name in order if name not in removed))
    found = rubric_changes(before, after)
    moved = {change.criterion_id for change in found if change.kind == "moved"}
    assert {change.criterion_id for change in found if change.kind == "removed"} == removed
    stayed = [one.id for one in after.criteria if one.id not in moved]
    assert stayed == sorted(stayed)
    assert (changes(before, after) == []) == (before == after)
