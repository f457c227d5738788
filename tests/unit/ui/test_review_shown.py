"""What the review tab shows: whose text it is, it stays text; and what an act refuses."""

import json
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import pytest

from agent.resources import Resources
from agent.rubric import Search
from agent.service import Service
from principles.errors import InputError
from tests.fakes import FixedClassifier, FixedRetriever, principle
from tests.unit.ui.review_fakes import DRAFT, QUESTION, drafted, finished, page_of, row, store_in
from training.common.questions import question_of, read_questions
from training.reviews.begun import shuffled
from training.reviews.compared import all_pairs
from training.reviews.record import Review
from ui.review.acts import Acts
from ui.review.choices import MOST_LISTED, owners_listed, questions_listed
from ui.review.desk import Desk, Desks
from ui.review.drafting import draft_review
from ui.review.editor import shown_in_editor
from ui.review.layout import Fields
from ui.review.shown import (
    MOST_IN_BAR,
    agreement_shown,
    conflict_shown,
    history_shown,
    question_shown,
    score_shown,
    status_shown,
)

HOSTILE = "<img src=x onerror=alert(1)> ![x](http://elsewhere.invalid/x.png)"


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    return Desks(store_in(tmp_path), drafted)


@pytest.fixture
def acts(desks: Desks) -> Acts:
    """Acts whose fields are their own names."""
    fields: Any = Fields(**{field.name: field.name for field in fields_of(Fields)})
    return Acts(fields, "desk", desks, Service(Resources()))


def form_of(desk: Desk, review: Review) -> tuple[Any, ...]:
    rows, answers, preference, reason = page_of(review)
    return {"sheet": desk.sheet, "rows": rows}, *answers, preference, reason


def test_what_people_wrote_stays_text(desks: Desks) -> None:
    question = question_of(HOSTILE)
    desks.store.add([question])
    hostile = finished(criteria=(row("a", text=HOSTILE),), answers=(HOSTILE, HOSTILE), reason=HOSTILE)
    mine = desks.save(desks.open("AB", question), hostile)
    desks.save(desks.open("CD", question, "AB"), finished(criteria=(row("a", text=HOSTILE + "2"),)))
    refused = desks.save(mine, hostile.model_copy(update={"reason": "Mine."}))
    history = desks.store.history(question.prompt_id, "AB")
    for shown in (question_shown(mine), conflict_shown(refused), history_shown(history), status_shown(mine, HOSTILE)):
        assert "onerror" in shown or "changed" in shown
        assert "<img" not in shown


def test_a_conflict_names_who_and_not_more_than_there_is_room_for(desks: Desks) -> None:
    mine = desks.save(desks.open("AB", QUESTION), DRAFT.model_copy(update={"reason": "One."}))
    desks.save(desks.open("CD", QUESTION, "AB"), finished())
    refused = desks.save(mine, DRAFT.model_copy(update={"reason": "Two."}))
    shown = conflict_shown(refused)
    assert "CD changed this at " in shown
    assert shown.count("<li>") == MOST_IN_BAR + 1
    assert " more</li>" in shown
    twin = desks.save(desks.open("AB", QUESTION), finished(reason="Three."))
    again = desks.keep_mine(refused, finished(reason="Four."))
    assert twin.theirs is None
    assert "You changed (in another window) this" in conflict_shown(again)
    assert conflict_shown(twin) == ""


def test_the_status_tells_what_is_saved(desks: Desks) -> None:
    desk = desks.open("AB", QUESTION)
    assert "fresh draft" in status_shown(desk)
    desk = desks.save(desk, finished())
    assert "Saved (version 2). Not signed yet." in status_shown(desk)
    assert "Signed and saved" in status_shown(desks.sign(desk, finished()))
    assert "This is AB’s review" in status_shown(desks.open("CD", QUESTION, "AB"))


def test_points_and_scores_are_those_of_the_one_rule() -> None:
    shown = score_shown(finished())
    assert "<td>5 of 5 points</td><td>100%</td><td>2 of 2</td>" in shown
    assert "<td>-4 of 5 points</td><td>-80%</td><td>2 of 2</td>" in shown
    assert "<table" not in score_shown(DRAFT)
    assert "<td>0 of 0 points</td><td>–</td><td>0 of 1</td>" in score_shown(finished(criteria=(row("a"),)))


def test_history_and_agreement_say_where_there_is_nothing(desks: Desks) -> None:
    assert "Nothing has been saved" in history_shown([])
    assert "nothing to compare" in agreement_shown(all_pairs(desks.store.signed()))


def test_the_lists_tell_who_has_signed(desks: Desks) -> None:
    desks.sign(desks.open("AB", QUESTION), finished())
    desk = desks.open("CD", QUESTION)
    assert questions_listed(desks.store, QUESTION) == [
        ("1. Can I take ibuprofen with warfarin? ✓ AB", QUESTION.prompt_id)
    ]
    assert owners_listed(desks.store, desk) == [("CD (yours)", "CD"), ("AB, signed", "AB")]


def test_of_many_questions_those_around_the_open_one_are_listed(desks: Desks) -> None:
    more = [question_of(f"Question {number}?") for number in range(MOST_LISTED + 100)]
    desks.store.add(more)
    for question in (QUESTION, more[0], more[300], more[-1]):
        listed = [name for _, name in questions_listed(desks.store, question)]
        assert len(listed) == MOST_LISTED
        assert question.prompt_id in listed


def test_what_a_page_sends_too_late_is_left(acts: Acts, desks: Desks) -> None:
    desk = desks.open("AB", QUESTION)
    late = form_of(desk, finished())
    desk = desks.open("AB", QUESTION)
    assert acts.change(desk, *late) == {}
    assert desks.store.statuses() == []
    assert acts.change(desk, *form_of(desk, finished()))["desk"].version == 2


def test_a_page_that_the_server_has_forgotten_is_told_so(acts: Acts, desks: Desks) -> None:
    form = form_of(desks.open("AB", QUESTION), finished())
    with pytest.raises(InputError, match="no longer knows this page"):
        acts.change(None, *form)
    with pytest.raises(InputError, match="press Begin"):
        acts.sign(None, *form)
    assert acts.change(None, {"sheet": "", "rows": []}, "", "", None, "") == {}


def test_what_is_open_is_saved_before_another_is_opened(acts: Acts, desks: Desks) -> None:
    other = question_of("Another?")
    desks.store.add([other])
    desk = desks.open("AB", QUESTION)
    shown = acts.go(desk, other.prompt_id, "AB", *form_of(desk, finished()))
    assert shown["desk"].question == other
    assert desks.open("AB", QUESTION).saved == finished()
    assert acts.begin("ab", shown["desk"], *form_of(shown["desk"], DRAFT)) == {}
    assert acts.begin("cd", shown["desk"], *form_of(shown["desk"], DRAFT))["desk"].editor == "CD"


def test_the_rubric_is_drafted_without_a_model() -> None:
    nurse, jam = principle("nurse"), principle("jam", points=-8, safety_critical=True)
    service = Service(Resources())
    retriever, classifier = FixedRetriever(nurse, jam), FixedClassifier()
    service.resources._search = Search(retriever, classifier)  # type: ignore[arg-type]
    review = draft_review(QUESTION, service)
    drafted = [(one.id, one.points, one.principle_id, one.safety_critical) for one in review.criteria]
    assert drafted == [("task.nurse", 5, "task.nurse", False), ("task.jam", -8, "task.jam", True)]
    assert review.scenario is not None
    desk = Desk("AB", "AB", QUESTION, 0, review, "s")
    assert shown_in_editor(desk)["rows"][1]["text"] == "Does the answer mention jam?"


def test_which_answer_is_the_revision_cannot_be_told_from_its_place() -> None:
    two: Any = ("draft", "revised"), ("draft", "revision")
    places = {shuffled(question_of(f"Question {n}?"), *two) for n in range(20)}
    assert places == {(("draft", "revised"), ("draft", "revision")), (("revised", "draft"), ("revision", "draft"))}
    assert len({shuffled(QUESTION, *two) for _ in range(5)}) == 1


def test_a_rubric_and_two_answers_that_came_with_a_question_are_what_its_review_starts_from(tmp_path: Path) -> None:
    record = {
        "prompt_id": "p1",
        "prompt": [{"role": "user", "content": "May I take it with milk?"}],
        "writer": "model",
        "rubrics": [{"criterion": "Does the answer mention milk?", "points": 4, "principle_id": "task.milk"}],
        "preferred": "Yes, with milk.",
        "rejected": "No idea.",
    }
    file = tmp_path / "drafts.jsonl"
    file.write_text(json.dumps(record) + "\n")
    [loaded] = read_questions(file)[0]
    review = draft_review(loaded, Service(Resources()))
    assert [(one.text, one.points, one.principle_id) for one in review.criteria] == [
        ("Does the answer mention milk?", 4, "task.milk")
    ]
    assert dict(zip(review.origins, review.answers, strict=True)) == {
        "preferred": "Yes, with milk.",
        "rejected": "No idea.",
    }
    # The rubric of a benchmark is no draft: its questions are drafted for as ever.
    file.write_text(json.dumps({key: record[key] for key in ("prompt_id", "prompt", "rubrics")}) + "\n")
    assert read_questions(file)[0][0].drafted is None
