"""Accessibility by axe-core: no serious or critical finding on any tab, in light and dark, wide and narrow."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
from typing import Any

import pytest

from tests.e2e.chat_page import Paced, ask, browser, button, findings, finished, page, served  # noqa: F401 - fixtures

PHONE = {"width": 390, "height": 844}


def unfold(page: Any) -> None:
    """Open whatever is folded."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name).click()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_chat_has_no_serious_finding(page: Any, served: tuple[str, Paced], dark: bool) -> None:
    if dark:
        button(page, "Dark or light").click()
    assert findings(page) == []
    ask(page, "My chest hurts. Can I take jam?")
    finished(page)
    assert findings(page) == []
    unfold(page)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Earlier conversations").click()
    assert findings(page) == []
    page.set_viewport_size(PHONE)
    assert findings(page) == []


def test_while_an_answer_is_made_there_is_no_serious_finding(page: Any, served: tuple[str, Paced]) -> None:
    served[1].pause, served[1].endless = 0.1, True
    ask(page)
    page.get_by_text("Rest a while").first.wait_for()
    assert findings(page) == []
    button(page, "Stop").click()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_principles_have_no_serious_finding(page: Any, dark: bool) -> None:
    if dark:
        button(page, "Dark or light").click()
    tab(page, "Principles")
    page.get_by_text("1 of 1 principles").wait_for()
    unfold(page)
    page.get_by_role("button", name="Try a question").click()
    page.get_by_label("Question", exact=True).fill("Can I take tea?")
    button(page, "See what retrieval brings").click()
    page.get_by_role("table", name="Principles that retrieval brings in").wait_for()
    assert findings(page) == []
    page.set_viewport_size(PHONE)
    assert findings(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_rubric_review_has_no_serious_finding(page: Any, dark: bool) -> None:
    if dark:
        button(page, "Dark or light").click()
    tab(page, "Rubric review")
    page.wait_for_timeout(500)
    assert findings(page) == []
    page.set_viewport_size(PHONE)
    assert findings(page) == []
