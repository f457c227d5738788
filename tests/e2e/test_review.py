"""The clinicians' review as they meet it: real pages in a real browser, a scripted model, a real database."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
import json
import os
import re
from pathlib import Path

import pytest

from tests.e2e.chat_page import Paced, browser, findings  # noqa: F401 - a fixture
from tests.e2e.review_page import LIST, begin, eventually, fill, go, on, open_review_of, status, texts, verdict
from tests.e2e.review_served import HOSTILE, JAM, NURSE, QUESTIONS, Open, address, engine, graded, model, opened, store  # noqa: F401 - fixtures
from training.common.items import load_items
from ui.review.store import ReviewStore


def test_a_whole_review_goes_through_to_the_export(opened: Open, tmp_path: Path) -> None:
    page = opened("ab")
    assert page.get_by_text("Can I take ibuprofen with warfarin?").first.is_visible()
    assert texts(page) == ["Does the answer mention nurse?", "Does the answer mention jam?"]
    status(page, "A fresh draft")
    page.get_by_role("button", name="Sign and go").click()
    on(page, 2)  # a rubric alone can be signed
    go(page, 1)
    status(page, "Signed and saved")

    fill(page, "Criterion 1: text", "Does the answer name a nurse?")
    status(page, "Not signed yet")
    fill(page, "Criterion 2: points", "-9")
    page.get_by_role("button", name="Move criterion 2 up").click()
    page.get_by_role("button", name="+ Add a criterion").click()
    page.keyboard.type("Does the answer ask for the dose?")
    page.get_by_role("button", name="Sign and go").click()
    on(page, 2)
    go(page, 1)
    assert texts(page) == [
        "Does the answer mention jam?",
        "Does the answer name a nurse?",
        "Does the answer ask for the dose?",
    ]
    page.get_by_role("button", name="Remove criterion 3").click()
    fill(page, "Answer A", "See a nurse.")
    page.get_by_role("button", name="Sign and go").click()
    page.get_by_text("Not signed yet:").wait_for()
    assert page.get_by_text("there is only one answer").is_visible()
    fill(page, "Answer B", "Eat jam.")
    verdict(page, 1, "A", "no")
    verdict(page, 2, "A", "yes")
    verdict(page, 1, "B", "yes")
    page.get_by_role("button", name="Sign and go").click()
    page.get_by_text("answer B has 1 verdict still to be given").wait_for()
    verdict(page, 2, "B", "no")
    page.get_by_text("5 of 5 points").wait_for()
    page.get_by_text("-9 of 5 points").wait_for()
    page.get_by_label("Answer A is better").check()
    fill(page, "Why? (optional)", "B is a fault.")
    page.get_by_role("button", name="Sign and go").click()
    on(page, 2)

    page.get_by_role("button", name="Add a question, export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all signed").click()
    out = tmp_path / "out.jsonl"
    download.value.save_as(out)
    assert download.value.suggested_filename == "healthrubrics.jsonl"
    [item] = load_items(out)
    assert [(one.text, one.points) for one in item.rubric.criteria] == [
        ("Does the answer mention jam?", -9),
        ("Does the answer name a nurse?", 5),
    ]
    [record] = [json.loads(line) for line in out.read_text().splitlines()]
    assert (record["reviewer"], record["preference"]["better"]) == ("AB", "A")
    assert record["preference"]["reason"] == "B is a fault."
    assert sorted(edit["kind"] for edit in record["edits"]) == ["moved", "reweighted", "reworded"]


def test_two_browsers_on_one_review_the_second_save_is_told(opened: Open, store: ReviewStore) -> None:
    first, second = opened("ab"), opened("cd")
    fill(first, "Criterion 1: text", "Is a nurse named?")
    status(first, "Saved (version 2)")
    go(second, 2)  # the list of reviews is that of the moment of opening
    go(second, 1)
    open_review_of(second, "AB")
    assert texts(second)[0] == "Is a nurse named?"

    fill(second, "Criterion 1: points", "9")
    status(second, "Saved (version 3)")
    fill(first, "Criterion 2: points", "-3")
    bar = first.locator("#review-bar")
    bar.get_by_text(re.compile(r"CD changed this at \d\d:\d\d")).wait_for()
    bar.get_by_text("criterion 1: points 5 → 9").wait_for()
    status(first, "Not saved")
    assert [one.editor for one in store.history("first", "AB")] == ["ClinAlign", "AB", "CD"]

    first.get_by_role("button", name="Next question without").click()  # nobody goes away from it unaware
    status(first, "decide first")
    on(first, 1)
    first.get_by_role("button", name="Keep mine").click()
    status(first, "Saved (version 4)")
    assert not bar.get_by_text("CD changed").is_visible()

    fill(second, "Criterion 1: points", "8")
    second.locator("#review-bar").get_by_text("AB changed this").wait_for()
    second.get_by_role("button", name="Load theirs").click()
    status(second, "Saved (version 4)")
    assert second.get_by_label("Criterion 1: points").input_value() == "5"
    assert second.get_by_label("Criterion 2: points").input_value() == "-3"
    second.get_by_role("button", name="History of this review").click()
    for row in ("the rubric was drafted", "criterion 1 reworded", "points 5 → 9", "points -8 → -3"):
        second.get_by_text(row).first.wait_for()
    assert [one.version for one in store.history("first", "AB")] == [1, 2, 3, 4]


def test_two_reviewers_see_how_far_they_agree_after_signing(opened: Open) -> None:
    first, second = opened("ab"), opened("cd")
    graded(first)
    first.get_by_role("button", name="Sign and go").click()
    on(first, 2)
    go(second, 2)
    go(second, 1)
    assert second.get_by_label("Answer A", exact=True).input_value() == "See a nurse."  # the same answers
    assert not second.get_by_label("Answer A is better").is_checked()  # and nothing else of hers
    second.get_by_role("button", name="Agreement between reviewers").click()
    second.get_by_text("Sign your own review first").wait_for()
    graded(second)
    verdict(second, 2, "B", "no")
    second.get_by_role("button", name="Sign and go").click()
    on(second, 2)
    second.get_by_role("button", name="Agreement between reviewers").click()
    second.get_by_role("button", name="Compare over all questions").click()
    item = second.locator(".review-list > li", has_text="AB and CD")
    item.wait_for()
    assert item.get_by_role("listitem").all_inner_texts() == [
        "rubric overlap: 100%",
        "verdicts: 75% alike of 4, kappa 0.50",
        "preference: 100% alike of 1, kappa n/a",
    ]


def test_what_is_typed_is_saved_without_leaving_the_field_and_survives_a_reload(
    opened: Open, store: ReviewStore
) -> None:
    page = opened("ab")
    page.get_by_label("Criterion 1: text").press_sequentially(" Or a doctor?")
    eventually(lambda: store.latest("first", "AB") is not None)
    page.reload()
    page.get_by_role("tab", name="Rubric review").click()
    begin(page, "AB")
    assert texts(page)[0] == "Does the answer mention nurse? Or a doctor?"


def test_signing_at_once_after_typing_loses_nothing_and_spoils_no_other_question(
    opened: Open, store: ReviewStore
) -> None:
    page = opened("ab")
    page.get_by_label("Criterion 1: text").fill("Is a nurse named?")
    page.get_by_role("button", name="Sign and go").click()
    on(page, 2)
    page.wait_for_timeout(2_000)
    [signed] = list(store.signed())
    assert (signed.question_id, signed.review.criteria[0].text) == ("first", "Is a nurse named?")
    assert [one.question_id for one in store.statuses()] == ["first"]
    assert texts(page)[0] == "Does the answer mention nurse?"


def test_a_question_can_be_typed_and_wrong_initials_are_refused(opened: Open, store: ReviewStore) -> None:
    page = opened()
    page.get_by_label("Your initials").fill("a")
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("initials are 2 to 8 letters").wait_for()
    begin(page, "ab")
    page.get_by_role("button", name="Add a question, export").click()
    page.get_by_label("A new question").fill("May I fly with a cold?")
    page.get_by_role("button", name="Add the question", exact=True).click()
    eventually(lambda: page.get_by_label(LIST).input_value().startswith("4. May I fly"))
    assert store.questions()[-1].text == "May I fly with a cold?"
    assert page.get_by_label("A new question").input_value() == ""


def test_the_rubric_can_be_worked_on_by_keyboard_alone(opened: Open, store: ReviewStore) -> None:
    page = opened()
    page.get_by_label("Your initials").focus()
    page.keyboard.type("ab")
    page.keyboard.press("Enter")
    page.get_by_label("Criterion 1: text").wait_for()
    page.get_by_role("button", name="Move criterion 1 down").focus()
    page.keyboard.press("Enter")
    assert texts(page)[0] == "Does the answer mention jam?"
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == "Move criterion 2 up"  # it is the last: there is no way down any more
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Criterion 2: text"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "+ Add a criterion"
    page.keyboard.press("Enter")
    page.keyboard.type("Is there a third?")
    page.keyboard.press("Tab")
    eventually(lambda: len((store.latest("first", "AB") or store.history("x", "y")).review.criteria) == 3)
    latest = store.latest("first", "AB")
    assert latest is not None
    nurse = latest.review.criteria[1]
    assert (nurse.points, nurse.a, nurse.b) == (6, "NOT_MET", "MET")


@pytest.mark.parametrize("width", [1100, 390])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_tab_is_accessible_on_a_screen_and_on_a_phone(opened: Open, width: int, colours: str) -> None:
    first, page = opened("ab"), opened("cd", width, color_scheme=colours)
    fill(first, "Criterion 1: text", "Is a nurse named?")
    status(first, "Saved (version 2)")
    go(page, 2)
    go(page, 1)
    open_review_of(page, "AB")
    graded(first)
    status(first, "Saved")
    fill(page, "Criterion 1: points", "9")
    page.get_by_text("AB changed this").wait_for()
    page.get_by_role("button", name="History of this review").click()
    page.get_by_text("the rubric was drafted").wait_for()
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("CLINALIGN_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/review-{width}-{colours}.png", full_page=True)
