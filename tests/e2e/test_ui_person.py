"""What surrounds the conversation: emergency notice, export, kept conversations, settings, phone, dark, keyboard."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import NOTICE
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

CANARY = "zanzibar"
HOSTILE = '<img src=x onerror="window.hit=1"> <script>window.hit=1</script> ![x](http://evil.invalid/a) **jam**'
UNFOLDED = "document.querySelectorAll('#chat details').forEach(folded => { folded.open = true })"


@pytest.fixture
def another(browser: Any, served: tuple[str, Paced]) -> Iterator[Any]:
    """A page in the same browser that keeps its storage from one visit to the next."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    yield lambda: _opened(context, served[0])
    context.close()


def _opened(context: Any, address: str) -> Any:
    opened = context.new_page()
    opened.goto(address)
    opened.get_by_role("heading", name="Ask a health question").wait_for()
    return opened


@pytest.mark.parametrize(("question", "kind"), [("My chest hurts", "emergent"), ("A fever", "conditionally-emergent")])
def test_an_emergency_notice_stands_above_everything_before_the_answer_is_there(
    page: Any, served: tuple[str, Paced], question: str, kind: str
) -> None:
    served[1].pause = 0.2
    ask(page, question)
    notice = page.locator(f".notice.{kind}")
    notice.wait_for()
    assert button(page, "Stop").is_visible()
    assert notice.bounding_box()["y"] < page.get_by_role("heading", name="ClinAlign").bounding_box()["y"]
    assert notice.get_attribute("role") == ("alert" if kind == "emergent" else "status")
    finished(page)
    assert notice.is_visible()
    ask(page)
    finished(page, times=2)
    assert not notice.is_visible()


def test_the_notice_of_a_later_question_is_in_sight(page: Any) -> None:
    ask(page)
    finished(page)
    ask(page, "My chest hurts")
    finished(page, times=2)
    page.wait_for_timeout(500)
    assert page.evaluate("window.scrollY") > 100
    notice, question = page.locator(".notice").bounding_box(), page.locator(".question").nth(1).bounding_box()
    assert 0 <= notice["y"] < question["y"] < 900
    assert notice["y"] + notice["height"] <= question["y"]


@pytest.mark.parametrize(("name", "ending"), [("Save as Markdown", ".md"), ("Save as JSON", ".json")])
def test_a_conversation_is_saved_by_the_browser_alone(
    page: Any, name: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(page)
    finished(page)
    with page.expect_download() as download:
        button(page, name).click()
    assert download.value.suggested_filename.endswith(ending)
    download.value.save_as(tmp_path / "saved")
    text = (tmp_path / "saved").read_text("utf-8")
    for words in (QUESTION, "Leave the sweet spread out.", "task.jam", NOTICE):
        assert words in text
    if ending == ".json":
        assert len(json.loads(text)["reviews"]) == 1


def test_hostile_text_runs_nothing_and_fetches_nothing(page: Any, served: tuple[str, Paced]) -> None:
    served[1].draft = f"Eat jam daily. {HOSTILE} [press](javascript:window.hit=1)"
    ask(page, HOSTILE)
    finished(page)
    page.wait_for_timeout(500)
    assert page.evaluate("window.hit") is None
    assert page.elsewhere == []
    assert page.locator(".turn a, .turn img, .turn script, #panel a, #panel img").count() == 0
    assert page.locator(".question").inner_text().endswith(HOSTILE)


def test_conversations_are_kept_only_when_that_is_turned_on(another: Any, served: tuple[str, Paced]) -> None:
    served[1].endless = False
    page = another()
    ask(page)
    finished(page)
    page.get_by_text("Earlier conversations").click()
    keep = page.get_by_label("Keep my conversations")
    keep.wait_for()
    assert not keep.is_checked()
    assert not page.get_by_label("Kept conversations").is_visible()
    keep.check()
    page.get_by_label("Kept conversations").wait_for()
    page.close()
    page = another()
    page.get_by_text("Earlier conversations").click()
    page.get_by_label("Kept conversations").wait_for()
    assert page.get_by_label("Keep my conversations").is_checked()
    assert QUESTION in page.get_by_label("Kept conversations").input_value()
    button(page, "Open").click()
    page.locator(".badge.reviewed").wait_for()
    assert page.locator(".question").inner_text().endswith(QUESTION)
    ask(page, "And tea?")
    finished(page, times=2)
    assert served[1].conversations[-1][0] == QUESTION
    page.get_by_label("Keep my conversations").uncheck()
    button(page, "Delete all").click()
    page.get_by_label("Kept conversations").wait_for(state="hidden")
    page.close()
    page = another()
    page.get_by_text("Earlier conversations").click()
    page.get_by_label("Keep my conversations").wait_for()
    assert not page.get_by_label("Keep my conversations").is_checked()
    assert not page.get_by_label("Kept conversations").is_visible()


def test_another_browser_sees_nothing_of_it(another: Any, page: Any) -> None:
    mine = another()
    ask(mine)
    finished(mine)
    page.reload()
    page.get_by_role("heading", name="Ask a health question").wait_for()
    assert CANARY not in page.content()


def test_settings_hold_for_the_next_answer_and_offer_no_endpoint_unless_one_is_allowed(page: Any) -> None:
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Rounds of revision").first.wait_for()
    assert not page.get_by_label("Model endpoint").is_visible()
    page.get_by_role("spinbutton", name="Rounds of revision").fill("0")
    page.get_by_role("spinbutton", name="Rounds of revision").press("Tab")
    page.wait_for_timeout(500)  # Gradio hands a number on a moment after its box is left
    ask(page)
    finished(page)
    assert "Eat jam daily." in page.locator(".answer").inner_text()
    assert page.get_by_text("still finds faults").is_visible()


@pytest.mark.parametrize("width", [390, 768])
def test_nothing_is_wider_than_a_phone_and_the_review_is_below(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    ask(page, f"{QUESTION} {'x' * 200}")
    finished(page)
    page.evaluate(UNFOLDED)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    below = page.locator("#review").bounding_box()
    assert width > 700 or below["y"] > page.locator("#now").bounding_box()["y"] + 200
    page.locator("mark.change").focus()
    box = page.get_by_role("tooltip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.locator("#review .checks").scroll_into_view_if_needed()


def test_dark_is_a_button_away_and_is_remembered(another: Any) -> None:
    page = another()
    dark = "document.body.classList.contains('dark')"
    before = page.evaluate(dark)
    button(page, "Dark or light").click()
    page.wait_for_function(f"() => {dark} === {str(not before).lower()}")
    page.close()
    page = another()
    page.wait_for_timeout(500)
    assert page.evaluate(dark) is not before


def test_the_keyboard_is_enough(page: Any) -> None:
    page.get_by_label("Your question").focus()
    page.keyboard.type("One")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    assert page.locator(".turn").count() == 0
    page.keyboard.press("Enter")
    finished(page)
    assert page.locator(".question").inner_text().splitlines()[-1] == "two"
    page.get_by_label("Your question").focus()
    seen = {}
    for _ in range(12):
        page.keyboard.press("Tab")
        name, ring = page.evaluate(
            "(one => [one.innerText, getComputedStyle(one).outlineStyle])(document.activeElement)"
        )
        seen[name] = ring
    for name in ("Ask", "Retry", "Edit question", "New conversation", "Save as Markdown"):
        assert seen[name] == "solid"


def test_a_screen_reader_follows_the_stages(page: Any, served: tuple[str, Paced]) -> None:
    served[1].pause = 0.1
    page.evaluate(
        """() => { window.said = []; const line = document.querySelector('#stage [role=status]');
        new MutationObserver(() => window.said.push(line.textContent))
          .observe(line, {childList: true, characterData: true, subtree: true}); }"""
    )
    ask(page)
    finished(page)
    said = page.evaluate("window.said")
    assert any("Drafting" in one for one in said)
    assert said[-1] == "The answer is there."
