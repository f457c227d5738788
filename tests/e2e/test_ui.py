"""The chat as a person meets it: the real page in a real browser, with a scripted model behind the agent."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
import os
import signal
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from agent import NOTICE
from principles.errors import ModelError
from tests.e2e.chat_page import (  # noqa: F401 - fixtures
    QUESTION,
    Paced,
    ask,
    browser,
    button,
    finished,
    page,
    served,
)
from tests.served import free_port
from ui.chat.layout import EXAMPLES


def test_the_page_needs_nothing_from_elsewhere_and_warns_at_once(page: Any) -> None:
    assert page.get_by_text(NOTICE).first.is_visible()
    for example in EXAMPLES:
        assert button(page, example).is_visible()
    assert page.elsewhere == []


def test_an_answer_comes_with_its_review(page: Any, served: tuple[str, Paced]) -> None:
    served[1].pause = 0.1
    ask(page)
    page.get_by_text("Draft, not checked yet").wait_for()
    page.get_by_text("Rest a while and drink").wait_for()
    assert not page.get_by_text("Keep well and sleep.").is_visible()  # the draft is being written
    finished(page)
    page.locator(".badge.reviewed", has_text="1 point checked: 1 holds").wait_for()
    assert page.locator(".answer mark", has_text="Leave the sweet spread out.").is_visible()
    assert "jam" not in page.locator(".answer").inner_text().split("1The answer mentions")[0]
    assert not page.get_by_text("First draft").is_visible()
    page.get_by_text("How this answer is made").click()
    for title in ("First draft", "Question: non emergent", "Principles that apply: 1", "Edits: 1"):
        page.locator(".step", has_text=title).wait_for()
    page.get_by_text("Revision, 1 point checked: 1 holds").click()
    page.locator(".step").locator("td", has_text="holds: no").wait_for()
    assert page.locator(".seconds", has_text=" s").count() >= 6
    # A picture that the model names is text: fetched, it could carry the question away.
    assert page.locator("#panel del", has_text="http://pictures.invalid/x.png").is_visible()
    assert page.elsewhere == []


def test_what_a_person_has_opened_stays_open_while_the_answer_is_made(page: Any, served: tuple[str, Paced]) -> None:
    served[1].pause = 0.15
    ask(page)
    page.get_by_text("Question: non emergent").click()
    page.locator(".step .chips").wait_for()
    finished(page)
    page.get_by_text("How this answer is made").click()
    assert page.locator(".step .chips").is_visible()


def test_a_mark_tells_its_principle_to_mouse_keyboard_and_finger(page: Any) -> None:
    ask(page)
    finished(page)
    mark, tip = page.locator("mark.change"), page.get_by_role("tooltip", include_hidden=True)
    assert not tip.is_visible()
    mark.hover()
    for words in ("The answer mentions jam.", "fails:\nyes", "holds:\nno", "WHO: Guide (2020)"):
        assert words in tip.inner_text()
    page.mouse.move(0, 0)
    assert not tip.is_visible()
    mark.focus()
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    mark.dispatch_event("pointerdown", {"pointerType": "touch"})
    mark.click()  # as a finger does: there is no hover, and the focus stays
    page.mouse.move(0, 0)
    assert tip.is_visible()
    page.keyboard.press("Escape")
    page.get_by_text("1 change by the review, and why").click()
    page.locator(".changes li", has_text="The answer mentions jam.").wait_for()


def test_the_review_stands_beside_the_answer(page: Any) -> None:
    ask(page)
    finished(page)
    beside = page.locator("#review")
    for words in ("non emergent", "93%", "Does the answer mention jam?", "task.jam", "-8", "yes", "no"):
        assert words in beside.inner_text()
    assert beside.get_by_role("img").count() == 0  # no bar that reads as quality
    assert "no verdict on the answer" in beside.inner_text()
    assert beside.locator(".diff del").inner_text().startswith("Eat jam daily.")
    assert beside.locator(".diff ins").inner_text().strip() == "Leave the sweet spread out."
    assert beside.bounding_box()["x"] > page.locator("#now").bounding_box()["x"] + 300
    ask(page, "And fever?")
    finished(page, times=2)
    page.get_by_label("Review of").click()
    page.get_by_role("option", name=f"1. {QUESTION}").click()
    beside.locator(".chips .non_emergent").wait_for()


def test_the_next_question_knows_the_last_answer_and_not_its_making(page: Any, served: tuple[str, Paced]) -> None:
    served[1].draft = "Rest a while."
    ask(page)
    finished(page)
    ask(page, "And with sugar?")
    finished(page, times=2)
    assert served[1].conversations[-1] == [QUESTION, "Rest a while.", "And with sugar?"]


def test_an_example_is_asked_when_it_is_clicked(page: Any, served: tuple[str, Paced]) -> None:
    button(page, EXAMPLES[1]).click()
    finished(page)
    assert served[1].conversations == [[EXAMPLES[1]]]
    assert not button(page, EXAMPLES[1]).is_visible()


@pytest.mark.parametrize("by", ["button", "escape"])
def test_stop_ends_the_model_and_the_chat_goes_on(page: Any, served: tuple[str, Paced], by: str) -> None:
    model = served[1]
    model.pause, model.endless = 0.05, True
    ask(page)
    page.get_by_text("Rest a while").wait_for()
    button(page, "Stop").click() if by == "button" else page.keyboard.press("Escape")
    page.locator(".badge.stopped").wait_for()
    button(page, "Ask").wait_for()
    _until(lambda: _rests(model))
    assert page.locator(".at-work").count() == 0
    model.endless = False
    ask(page, "Another one?")
    finished(page, times=2)
    assert model.conversations[-1] == ["Another one?"]


def test_a_closed_page_ends_the_model(page: Any, served: tuple[str, Paced]) -> None:
    model = served[1]
    model.pause, model.endless = 0.05, True
    ask(page)
    page.get_by_text("Rest a while").wait_for()
    page.close()
    _until(lambda: _rests(model))


def test_retry_answers_again_and_edit_replaces_the_question(page: Any, served: tuple[str, Paced]) -> None:
    ask(page)
    finished(page)
    button(page, "Retry").click()
    page.wait_for_function("() => true")
    _until(lambda: len(served[1].conversations) == 2)
    finished(page)
    button(page, "Edit question").click()
    page.get_by_text("asking again replaces it").wait_for()
    assert page.get_by_label("Your question").input_value() == QUESTION
    ask(page, "Only tea?")
    page.locator(".question", has_text="Only tea?").wait_for()
    finished(page)
    assert served[1].conversations == [[QUESTION], [QUESTION], ["Only tea?"]]


def test_a_new_conversation_forgets_and_stops_the_old(page: Any, served: tuple[str, Paced]) -> None:
    model = served[1]
    model.pause, model.endless = 0.05, True
    ask(page, "My chest hurts")
    page.locator(".notice.emergent").wait_for()
    button(page, "New conversation").click()
    page.get_by_role("heading", name="Ask a health question").wait_for()
    _until(lambda: _rests(model))
    assert page.locator(".turn, .notice").count() == 0
    model.endless = False
    ask(page)
    finished(page)
    assert model.conversations[-1] == [QUESTION]


def test_a_failure_is_said_on_the_page_and_keeps_the_question_out_of_the_log(
    page: Any, served: tuple[str, Paced], capfd: pytest.CaptureFixture[str]
) -> None:
    served[1].fail_from, served[1].error = 0, ModelError("the endpoint is down: start it")
    ask(page)
    page.get_by_text("the endpoint is down: start it").wait_for()
    button(page, "Ask").wait_for()
    assert page.locator(".at-work").count() == 0
    assert "zanzibar" not in "".join(capfd.readouterr())
    served[1].fail_from = None
    ask(page, "Another one?")
    finished(page, times=2)


def test_a_critic_that_fails_is_admitted(page: Any, served: tuple[str, Paced]) -> None:
    served[1].fail_from = 2
    ask(page)
    finished(page)
    assert page.locator(".badge.not", has_text="Not reviewed").is_visible()


def test_the_command_serves_behind_a_proxy_and_stops_at_once(tmp_path: Any) -> None:
    port = free_port()
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    there = {"CLINALIGN_DATABASE": f"sqlite:///{tmp_path}/page.sqlite"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "ui", "--port", str(port)]
    environment = os.environ | dead | there
    # A test run in the background of a shell ignores Ctrl-C, and its children would too.
    heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen(
        command, cwd=elsewhere, env=environment, stderr=subprocess.PIPE, text=True, **heeding
    ) as running:
        assert running.stderr is not None
        assert f"http://127.0.0.1:{port}" in running.stderr.readline()
        with httpx.Client(trust_env=False) as client:
            assert NOTICE in client.get(f"http://127.0.0.1:{port}").text
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert "Traceback" not in running.stderr.read()
    assert list(elsewhere.iterdir()) == []


def _rests(model: Paced) -> bool:
    """Whether the model writes nothing for 20 times as long as it takes for a word."""
    written = model.words
    time.sleep(1)
    return model.words == written


def _until(true: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
