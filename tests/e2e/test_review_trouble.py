"""The clinicians' review where a model writes, is stopped or fails, a text is hostile, the database does not answer."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
import sqlite3
import time

import pytest
from sqlalchemy import Engine

from tests.e2e.chat_page import Paced, browser, findings  # noqa: F401 - a fixture
from tests.e2e.review_page import begin, eventually, fill, go, status, texts, verdict
from tests.e2e.review_served import HOSTILE, JAM, NURSE, QUESTIONS, Open, address, engine, graded, model, opened, store  # noqa: F401 - fixtures
from ui.review.store import ReviewStore


def test_the_model_writes_two_answers_and_proposes_verdicts(opened: Open, store: ReviewStore) -> None:
    page = opened("ab")
    page.get_by_role("button", name="Let the model write").click()
    eventually(lambda: page.get_by_label("Answer B", exact=True).input_value() != "")
    status(page, "Saved (version 2)")
    answers = {page.get_by_label(f"Answer {side}", exact=True).input_value() for side in "AB"}
    assert len(answers) == 2
    assert any("jam daily" in one for one in answers)
    verdict(page, 1, "A", "no")
    page.get_by_role("button", name="Let the model propose").click()
    page.get_by_text("Proposed verdicts are marked").wait_for()
    eventually(lambda: len(store.history("first", "AB")) == 4)
    latest = store.latest("first", "AB")
    assert latest is not None
    assert set(latest.review.origins) == {"draft", "revision"}
    nurse, jam = latest.review.criteria
    assert (nurse.a, nurse.by_judge) == ("NOT_MET", ("b",))  # the clinician's own stays
    assert {jam.a, jam.b} == {"MET", "NOT_MET"}
    assert jam.by_judge == ("a", "b")
    verdict(page, 1, "B", "yes")
    eventually(lambda: store.history("first", "AB")[-1].review.criteria[0].by_judge == ())


def test_stop_ends_the_models_work(opened: Open, model: Paced) -> None:
    model.pause, model.endless = 0.05, True
    page = opened("ab")
    page.get_by_role("button", name="Let the model write").click()
    page.get_by_text("The model is at work: drafting an answer").wait_for()
    eventually(lambda: model.words > 3)
    # There is a Stop of the chat, too, on the tab behind.
    page.get_by_role("tabpanel").get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    time.sleep(2)
    written = model.words
    time.sleep(1)
    assert model.words == written
    model.pause, model.endless = 0, False
    page.get_by_role("button", name="Let the model write").click()
    eventually(lambda: page.get_by_label("Answer B", exact=True).input_value() != "")


def test_a_model_that_fails_is_said_and_the_work_goes_on(
    opened: Open, model: Paced, capfd: pytest.CaptureFixture[str]
) -> None:
    model.fail_from = 0
    page = opened("ab")
    go(page, 2)
    page.get_by_role("button", name="Let the model write").click()
    page.get_by_role("alert").get_by_text("⚠").wait_for()
    graded(page)
    status(page, "Saved")
    page.get_by_role("button", name="Let the model propose").click()
    page.get_by_text("Nothing to propose").wait_for()
    assert "anzibar" not in "".join(capfd.readouterr())


def test_texts_stay_texts(opened: Open, capfd: pytest.CaptureFixture[str]) -> None:
    page = opened("ab")
    go(page, 2)
    page.get_by_text("<script>fetch").first.wait_for()
    for label in ("Criterion 1: text", "Answer A", "Answer B", "Why? (optional)"):
        fill(page, label, HOSTILE + label)
    status(page, "Saved")
    page.reload()
    page.get_by_role("tab", name="Rubric review").click()
    begin(page, "AB")
    go(page, 2)
    page.get_by_role("button", name="History of this review").click()
    page.get_by_text("criterion 1 reworded").wait_for()
    assert texts(page)[0] == HOSTILE + "Criterion 1: text"
    assert page.elsewhere == []
    said = "".join(capfd.readouterr())
    assert "anzibar" not in said
    assert "elsewhere" not in said


def test_a_database_that_fails_is_said_and_what_was_typed_is_saved_later(
    opened: Open, engine: Engine, store: ReviewStore, capfd: pytest.CaptureFixture[str]
) -> None:
    page = opened("ab")
    other = sqlite3.connect(str(engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    fill(page, "Criterion 1: text", "Is zanzibar tea named?")
    status(page, "in use by another program")
    other.execute("ROLLBACK")
    fill(page, "Criterion 1: points", "6")
    status(page, "Saved (version 2)")
    assert store.history("first", "AB")[-1].review.criteria[0].text == "Is zanzibar tea named?"
    assert "zanzibar" not in "".join(capfd.readouterr())
