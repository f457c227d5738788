"""Opening, saving, refusing, signing: the clinician's way through a review, on SQLite."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from principles.errors import ConfigError, InputError, WeightsError
from tests.unit.ui.review_fakes import DRAFT, QUESTION, drafted, finished, row, shown_on, store_in
from training.common.questions import Question, question_of
from training.reviews.record import Review, Revision
from ui.review.desk import Desks, Unfinished, filled_in
from ui.review.store import DRAFTER, Conflict, ReviewStore


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    return Desks(store_in(tmp_path), drafted)


def test_looking_at_a_draft_stores_nothing(desks: Desks) -> None:
    desk = desks.open("AB", QUESTION)
    assert (desk.version, desk.saved, desk.owner) == (0, DRAFT, "AB")
    assert desks.save(desk, shown_on(desk, DRAFT)) == desk
    assert desks.store.statuses() == []


def test_the_first_change_keeps_the_draft_too(desks: Desks) -> None:
    desk = desks.open("AB", QUESTION)
    saved = desks.save(desk, finished())
    history = desks.store.history(QUESTION.prompt_id, "AB")
    assert [(one.version, one.editor, one.review) for one in history] == [(1, DRAFTER, DRAFT), (2, "AB", finished())]
    assert (saved.version, saved.saved, saved.sheet) == (2, finished(), desk.sheet)
    again = desks.open("AB", QUESTION)
    assert (again.version, again.saved) == (2, finished())
    assert again.sheet != desk.sheet
    assert desks.store.drafts() == {(QUESTION.prompt_id, "AB"): DRAFT}


def test_what_has_not_changed_makes_no_version(desks: Desks) -> None:
    desk = desks.save(desks.open("AB", QUESTION), finished())
    assert desks.save(desk, shown_on(desk, finished())).version == 2
    assert len(desks.store.history(QUESTION.prompt_id, "AB")) == 2


def test_each_reviewer_has_a_review_of_their_own(desks: Desks) -> None:
    desks.save(desks.open("AB", QUESTION), finished())
    theirs = desks.open("CD", QUESTION)
    assert (theirs.version, theirs.saved.criteria) == (0, DRAFT.criteria)
    assert theirs.saved.answers == finished().answers  # the same answers, or nothing could be compared
    assert theirs.saved.preference is None
    assert desks.open("CD", QUESTION, owner="AB").saved == finished()


def test_a_save_on_a_colleagues_change_is_refused_and_loses_neither(desks: Desks) -> None:
    first = desks.save(desks.open("AB", QUESTION), finished())
    second = desks.open("CD", QUESTION, owner="AB")
    second = desks.save(second, finished(reason="Hers."))
    mine = finished(reason="Mine.")
    refused = desks.save(first, mine)
    assert refused.theirs is not None
    assert (refused.theirs.editor, refused.theirs.review.reason) == ("CD", "Hers.")
    assert desks.save(refused, mine) == refused  # no autosave until it is decided
    assert desks.load_theirs(refused).saved.reason == "Hers."
    kept = desks.keep_mine(refused, mine)
    assert (kept.version, kept.theirs) == (4, None)
    reasons = [one.review.reason for one in desks.store.history(QUESTION.prompt_id, "AB")]
    assert reasons == ["", "It is safe.", "Hers.", "Mine."]
    assert desks.save(second, finished(reason="Again.")).theirs is not None


def test_a_change_made_while_one_decides_is_shown_in_turn(desks: Desks) -> None:
    first = desks.save(desks.open("AB", QUESTION), finished())
    second = desks.save(desks.open("CD", QUESTION, owner="AB"), finished(reason="One."))
    refused = desks.save(first, finished(reason="Mine."))
    desks.save(second, finished(reason="Two."))
    again = desks.keep_mine(refused, finished(reason="Mine."))
    assert again.theirs is not None
    assert again.theirs.review.reason == "Two."


def test_two_who_begin_the_same_review_at_once_are_told(desks: Desks) -> None:
    one, other = desks.open("AB", QUESTION), desks.open("AB", QUESTION)
    desks.save(one, finished())
    assert desks.save(other, finished(reason="Other.")).theirs is not None


def test_signing_waits_for_what_is_missing_and_saves_what_is_there(desks: Desks) -> None:
    desk = desks.open("AB", QUESTION)
    with pytest.raises(Unfinished) as caught:
        desks.sign(desk, finished(preference=None))
    assert caught.value.faults == ["say which answer is better, or that it is a tie"]
    assert caught.value.desk.version == 2
    signed = desks.sign(caught.value.desk, finished())
    assert signed.saved.signed
    assert [one.signed for one in desks.store.statuses()] == [True]
    assert [(one.owner, one.version) for one in desks.store.signed()] == [("AB", 3)]


def test_an_unchanged_draft_can_be_signed(desks: Desks) -> None:
    signed = desks.sign(desks.open("AB", QUESTION), DRAFT)
    assert (signed.version, signed.saved.signed) == (2, True)


def test_a_change_reopens_a_signed_review_and_the_signed_one_stands(desks: Desks) -> None:
    desk = desks.sign(desks.open("AB", QUESTION), finished())
    assert shown_on(desk, finished()).signed
    changed = shown_on(desk, finished(reason="Rethought."))
    assert not changed.signed
    desks.save(desk, changed)
    assert [one.signed for one in desks.store.statuses()] == [False]
    assert [one.review.reason for one in desks.store.signed()] == ["It is safe."]


def test_the_next_question_is_the_next_not_signed_and_goes_round(desks: Desks) -> None:
    more = [question_of(f"Question {number}?") for number in range(3)]
    desks.store.add(more)
    desks.sign(desks.open("AB", more[0]), finished())
    assert desks.next_open("AB") == QUESTION
    assert desks.next_open("AB", QUESTION) == more[1]
    assert desks.next_open("AB", more[2]) == QUESTION
    assert desks.next_open("CD", QUESTION) == more[0]
    for question in (QUESTION, *more[1:]):
        desks.sign(desks.open("AB", question), finished())
    assert desks.next_open("AB") is None


def test_without_a_draft_one_can_still_work(tmp_path: Path) -> None:
    def failing(question: Question) -> Review:
        raise WeightsError("the encoder is missing: fetch it")

    desk = Desks(store_in(tmp_path), failing).open("AB", QUESTION)
    assert desk.saved == Review()
    assert "the encoder is missing" in desk.note


def test_an_answer_that_was_changed_is_no_longer_the_models(desks: Desks) -> None:
    written = finished(origins=("draft", "revision"))
    desk = desks.save(desks.open("AB", QUESTION), written)
    assert shown_on(desk, written).origins == ("draft", "revision")
    other = finished(answers=("See a nurse today.", "Eat jam."))
    assert shown_on(desk, other).origins == ("pasted", "revision")


def test_the_page_cannot_name_another_preference(desks: Desks) -> None:
    desk = desks.open("AB", QUESTION)
    assert filled_in(desk, [], ("", ""), "C", "").preference is None  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the rubric cannot be kept"):
        filled_in(desk, [{"id": "x", "points": "many"}], ("", ""), None, "")


def test_questions_keep_their_order_and_are_added_once(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    more = [question_of(f"Question {number}?") for number in range(5)]
    assert store.add([more[3], more[1]]) == 2
    assert store.add([more[1], more[0], QUESTION]) == 1
    assert store.questions() == [QUESTION, more[3], more[1], more[0]]
    assert store.add([]) == 0
    with pytest.raises(ConfigError, match="200 characters"):
        store.add([more[0].model_copy(update={"prompt_id": "x" * 201})])


def test_a_revision_comes_back_as_it_was(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    at = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    review = finished(criteria=(row("a", 2.5, text="É “quoted” \\ 日本語?", by_judge=("a",)),), signed=True)
    revision = Revision(question_id=QUESTION.prompt_id, owner="AB", version=1, editor="CD", at=at, review=review)
    store.save(revision)
    assert store.latest(QUESTION.prompt_id, "AB") == revision
    with pytest.raises(Conflict):
        store.save(revision)
    with pytest.raises(ConfigError, match="no longer in the database"):
        store.save(revision.model_copy(update={"question_id": "unknown"}))
    assert store.latest("unknown", "AB") is None


def test_the_store_of_another_process_sees_it(tmp_path: Path) -> None:
    desks = Desks(store_in(tmp_path), drafted)
    desks.save(desks.open("AB", QUESTION), finished())
    other: ReviewStore = store_in(tmp_path)
    assert [one.owner for one in other.statuses(QUESTION.prompt_id)] == ["AB"]
    assert other.statuses("unknown") == []
