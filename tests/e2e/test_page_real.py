"""The whole product as a person meets it: `python -m ui`, the real 1.5B, a real browser."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.chat_page import ask, browser, button, finished  # noqa: F401 - fixtures
from tests.e2e.review_page import begin, eventually, fill, go, on, open_review_of, status, texts
from tests.e2e.test_answers import EMERGENCY
from tests.served import free_port

# An answer takes half a minute on two idle cores, and the first one waits for the weights.
pytestmark = pytest.mark.timeout(1_800)
WAIT_MS = 300_000
WARFARIN = "Can I take ibuprofen for my back while I am on warfarin?"
STAGES = ("First draft", "Question: ", "Principles that apply: ", "checked: ")
QUESTIONS = ({"question": WARFARIN, "prompt_id": "first"}, {"question": "Is my cold a flu?", "prompt_id": "second"})


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("real")
    questions = folder / "questions.jsonl"
    questions.write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    its_own = {"CLINALIGN_DATABASE": f"sqlite:///{folder}/page.sqlite", "CLINALIGN_REVIEW_QUESTIONS": str(questions)}
    port = free_port()
    command = [sys.executable, "-m", "ui", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | its_own, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert f"http://127.0.0.1:{port}" in running.stderr.readline()
        yield f"http://127.0.0.1:{port}"
        running.terminate()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context()
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    opened.goto(address)
    opened.get_by_role("heading", name="Ask a health question").wait_for()
    yield opened
    context.close()


def test_a_question_is_drafted_reviewed_and_exported(page: Any, tmp_path: Path) -> None:
    ask(page, WARFARIN)
    page.get_by_text("Draft, not checked yet").wait_for()
    page.locator(".answer.draft").get_by_text("warfarin").first.wait_for()  # while it is being written
    finished(page)
    steps = page.locator(".making .step summary").all_text_contents()
    for stage in STAGES:
        assert any(stage in step for step in steps), steps
    assert page.locator(".badge", has_text=re.compile("checked|eviewed")).first.is_visible()
    checks = page.locator("#review table.checks").get_by_role("row").count()
    with page.expect_download() as saved:
        button(page, "Save as JSON").click()
    saved.value.save_as(tmp_path / "talk.json")
    told = json.loads((tmp_path / "talk.json").read_text())
    question, answer = told["messages"]
    assert question["content"] == WARFARIN
    [review] = told["reviews"]
    assert answer["content"] == review["answer"]
    assert review["draft"]
    assert checks == len(review["rubric"]["criteria"]) + 1  # and the row of headings


def test_an_emergency_is_told_at_once_then_stopped_and_asked_again(page: Any) -> None:
    ask(page, EMERGENCY)
    page.get_by_role("alert").get_by_text("112").first.wait_for()
    page.locator(".answer.draft").wait_for()
    assert button(page, "Stop").is_visible()  # the notice did not wait for the answer
    button(page, "Stop").click()
    page.get_by_text("Stopped: what is here was not reviewed").wait_for()
    assert page.locator(".at-work").count() == 0
    button(page, "Retry").click()
    button(page, "Stop").wait_for()  # until then the page is as the stopped answer left it
    finished(page)
    assert page.get_by_role("alert").get_by_text("112").first.is_visible()
    assert page.locator(".badge", has_text=re.compile("checked|eviewed")).first.is_visible()


def test_two_reviewers_at_once_on_a_rubric_that_was_drafted_for_the_question(browser: Any, address: str) -> None:
    contexts = [browser.new_context() for _ in range(2)]
    first, second = (context.new_page() for context in contexts)
    for reviewer, initials in ((first, "ab"), (second, "cd")):
        reviewer.set_default_timeout(WAIT_MS)
        reviewer.goto(address)
        reviewer.get_by_role("tab", name="Rubric review").click()
        begin(reviewer, initials)
    drafted = texts(first)
    assert any("blood thinner" in one or "interact" in one for one in drafted), drafted
    first.get_by_role("button", name="Let the model write").click()
    eventually(lambda: first.get_by_label("Answer B", exact=True).input_value() != "", WAIT_MS / 1_000)
    status(first, "Saved (version 2)")
    # No principle has 1 or 2 points: each of these is a change.
    fill(first, "Criterion 1: points", "1")
    status(first, "Saved (version 3)")
    go(second, 2)  # the list of reviews is that of the moment of opening
    go(second, 1)
    open_review_of(second, "AB")
    fill(second, "Criterion 1: points", "2")
    status(second, "Saved (version 4)")
    fill(first, "Criterion 2: points", "1")
    first.locator("#review-bar").get_by_text(re.compile(r"CD changed this at")).wait_for()
    first.get_by_role("button", name="Keep mine").click()
    status(first, "Saved (version 5)")
    on(first, 1)
    for context in contexts:
        context.close()
