"""The chat's page in a real browser, with a scripted model behind the agent: fixtures and what a person does on it."""

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import Field

from agent import NOTICE
from principles.schema import Scenario
from tests import needs
from tests.fakes import ScriptedChat, principle, reader
from tests.served import served as page_over

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
)
DRAFT = "Rest a while and drink water. Eat jam daily. ![x](http://pictures.invalid/x.png) Keep well and sleep."
QUESTION = "Can I rest a while with zanzibar tea?"
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")


class Paced(ScriptedChat):
    """Speaks slowly enough to be watched; `conversations` are the messages of each draft, `words` those written."""

    pause: float = 0.0
    endless: bool = False
    conversations: list[list[str]] = Field(default_factory=list)
    words: int = 0

    def _stream(self, messages: Any, *args: Any, **options: Any) -> Iterator[Any]:
        self.conversations.append([str(message.text) for message in messages[1:]])
        while True:
            for chunk in super()._stream(messages, *args, **options):
                time.sleep(self.pause)
                self.words += 1
                yield chunk
            if not self.endless:
                return


class ByWord:
    """An emergency where the chest is named, perhaps one where fever is, and else a question about a medicine."""

    def classify(self, turns: Any) -> Scenario:
        asked = turns[-1]["content"].lower()
        urgency = "emergent" if "chest" in asked else "conditionally_emergent" if "fever" in asked else "non_emergent"
        rest = {"uncertainty": "none", "expertise": "layperson", "task": "medication"}
        return Scenario.model_validate({"urgency": urgency, **rest, "confidence": {"urgency": 0.93}})


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Paced]]:
    model = Paced()
    with page_over(model, JAM, classifier=ByWord()) as address:
        yield address, model


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    needs.require("browser")
    if CHROMIUM is None:
        pytest.skip(needs.lacks("browser"))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=120_000)


@pytest.fixture
def page(browser: Any, served: tuple[str, Paced]) -> Iterator[Any]:
    """The page, freshly opened, before a model that has forgotten what it was told."""
    address, model = served
    for name, value in Paced(draft=DRAFT, chance=reader).model_dump(exclude={"error"}).items():
        setattr(model, name, value)
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(60_000)
    opened.elsewhere = []
    opened.on(
        "request", lambda r: opened.elsewhere.append(r) if not r.url.startswith((address, "data:", "blob:")) else 0
    )
    opened.goto(address)
    opened.get_by_role("heading", name="Ask a health question").wait_for()
    yield opened
    opened.close()


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def ask(page: Any, question: str = QUESTION) -> None:
    page.get_by_label("Your question").fill(question)
    page.get_by_label("Your question").press("Enter")


def finished(page: Any, times: int = 1) -> None:
    """Wait until the last of so many questions has been answered."""
    page.locator(".turn").nth(times - 1).wait_for()
    button(page, "Ask").wait_for()
    assert page.locator(".turn").count() == times
    assert page.locator(".turn small", has_text=NOTICE).count() == times


def findings(page: Any) -> list[str]:
    """Serious and critical findings on the page as it is shown now, each with the first places."""
    from axe_playwright_python import sync_playwright as axe

    page.wait_for_timeout(500)  # colours fade in, and half faded they lack contrast
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {[node['target'] for node in one['nodes'][:5]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
