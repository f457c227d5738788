"""What a clinician does on the tab for rubric reviews, in a real browser."""

import re
import time
from collections.abc import Callable
from typing import Any

LIST = "Question (✓: signed by)"


def begin(page: Any, initials: str) -> None:
    page.get_by_label("Your initials").fill(initials)
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Criterion 1: text").wait_for()


def status(page: Any, words: str) -> None:
    page.locator("#review-bar").get_by_text(words).first.wait_for()


def go(page: Any, number: int) -> None:
    """To a question by its number in the list."""
    page.get_by_label(LIST).click()
    page.get_by_role("option", name=re.compile(rf"^{number}\. ")).click()
    on(page, number)


def on(page: Any, number: int) -> None:
    """Wait until that question is open."""
    eventually(lambda: page.get_by_label(LIST).input_value().startswith(f"{number}. "))
    page.wait_for_timeout(300)  # the fields follow the list


def open_review_of(page: Any, owner: str) -> None:
    page.get_by_label("Whose review").click()
    page.get_by_role("option", name=re.compile(owner)).click()
    status(page, f"This is {owner}’s review")


def verdict(page: Any, number: int, side: str, word: str) -> None:
    group = page.get_by_role("radiogroup", name=f"Criterion {number}: does answer {side} do this?")
    group.get_by_label(word).check()


def fill(page: Any, label: str, text: str) -> None:
    """As a person does: type, and leave the field."""
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).blur()


def texts(page: Any) -> list[str]:
    return [field.input_value() for field in page.locator("#rubric-editor textarea").all()]


def eventually(found: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until
        time.sleep(0.05)
