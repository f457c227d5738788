"""The review tab as it is served to the tests: three questions, two principles, a scripted model, a real database."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

import ui.common.database
from tests.e2e.chat_page import Paced, browser, findings  # noqa: F401 - a fixture
from tests.e2e.review_page import begin, fill, verdict
from tests.fakes import principle
from tests.served import served
from ui.common.database import open_database
from ui.review.store import ReviewStore

HOSTILE = "<script>fetch('http://elsewhere.invalid')</script><img src=http://elsewhere.invalid/x.png onerror=alert(1)>"
QUESTIONS = (
    {"question": "Can I take ibuprofen with warfarin?", "prompt_id": "first"},
    {"question": f"Zanzibar tea? {HOSTILE} ![x](http://elsewhere.invalid/y.png)", "prompt_id": "second"},
    {
        "prompt": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Good day."},
            {"role": "user", "content": "My TSH is 6.8."},
        ],
        "prompt_id": "third",
    },
)
NURSE, JAM = principle("nurse"), principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")
Open = Callable[..., Any]


def jam_finder(prompt: str) -> float:
    """A judge that finds jam and nurse where they are, in an answer or in a sentence of it."""
    word = "jam" if "mention jam" in prompt else "nurse"
    if "the sentence quoted below" in prompt:
        return 0.9 if word in prompt.split("?")[-1] else 0.1
    return 0.9 if "Answer:" not in prompt or word in prompt.split("Answer:")[-1].split("Does the answer")[0] else 0.1


@pytest.fixture
def model() -> Paced:
    return Paced(draft="Rest a while and drink water. Eat jam daily. Keep well.", chance=jam_finder)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(ui.common.database, "BUSY_S", 1)
    return open_database(f"sqlite:///{tmp_path}/reviews.sqlite")


@pytest.fixture
def store(engine: Engine) -> ReviewStore:
    return ReviewStore(engine)


@pytest.fixture
def address(model: Paced, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page, with three questions to review."""
    file = tmp_path / "questions.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    monkeypatch.setenv("CLINALIGN_REVIEW_QUESTIONS", str(file))
    with served(model, NURSE, JAM, engine=engine) as page_address:
        yield page_address


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Open]:
    """Opens the page as a person of these initials, with a browser profile of their own."""
    contexts = []

    def open_page(initials: str | None = None, width: int = 1100, **options: Any) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.elsewhere = []
        ours = (address, "data:", "blob:")
        page.on("request", lambda r: page.elsewhere.append(r) if not r.url.startswith(ours) else 0)
        page.on("dialog", lambda dialog: pytest.fail("a script of a text has run"))
        page.goto(address)
        page.get_by_role("tab", name="Rubric review").click()
        if initials:
            begin(page, initials)
        return page

    yield open_page
    for context in contexts:
        context.close()


def graded(page: Any) -> None:
    """Everything that a signature waits for."""
    fill(page, "Answer A", "See a nurse.")
    fill(page, "Answer B", "Eat jam.")
    for number in (1, 2):
        verdict(page, number, "A", "yes" if number == 1 else "no")
        verdict(page, number, "B", "no" if number == 1 else "yes")
    page.get_by_label("Answer A is better").check()
