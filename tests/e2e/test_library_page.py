"""The principles' tab in a real browser: it filters as one types, and nothing written in it runs."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
import re
from typing import Any

import pytest

from tests.e2e.chat_page import Paced, browser, button, page, served  # noqa: F401 - fixtures

HOSTILE = '<img src="http://pictures.invalid/x.png" onerror="window.hurt=1"> ${window.hurt=1} {{hurt}} {{#each x}}'


@pytest.fixture
def tab(page: Any) -> Any:
    page.get_by_role("tab", name="Principles").click()
    page.get_by_text("1 of 1 principles").wait_for()
    return page


def test_it_filters_as_one_types_and_unfolds(tab: Any) -> None:
    tab.get_by_label("Search").fill("no such words")
    tab.get_by_text("0 of 1 principles").wait_for()
    tab.get_by_label("Search").fill("jam guide")
    tab.get_by_text("1 of 1 principles").wait_for()
    assert not tab.get_by_text("WHO, Guide, 2020").is_visible()
    tab.locator("summary", has_text="The answer mentions jam.").press("Enter")
    assert tab.get_by_text("WHO, Guide, 2020").is_visible()


def test_a_dimension_narrows_its_values(tab: Any) -> None:
    tab.get_by_label("Dimension").click()
    tab.get_by_role("option", name="urgency").click()
    tab.get_by_text("0 of 1 principles").wait_for()
    tab.get_by_label("Value").click()
    from playwright.sync_api import expect

    # The first list may still be folding away; the second one's filling follows the first one's choice.
    expect(tab.get_by_role("option").filter(visible=True)).to_have_text(
        [re.compile(rf"{value}$") for value in ("any", "emergent", "conditionally emergent", "non emergent")]
    )


def test_a_question_is_tried_and_what_it_holds_is_harmless(tab: Any, served: tuple[str, Paced]) -> None:
    tab.get_by_role("button", name="Try a question").click()
    tab.get_by_label("Question", exact=True).fill(HOSTILE)
    button(tab, "See what retrieval brings").click()
    tab.get_by_role("row", name="The answer mentions jam.").get_by_role("cell", name="0.90").wait_for()
    tab.get_by_label("Search").fill(HOSTILE)
    tab.get_by_text("0 of 1 principles").wait_for()
    assert tab.evaluate("window.hurt") is None
    assert tab.elsewhere == []
