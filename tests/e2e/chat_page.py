"""The chat's page in a real browser, with a scripted model behind the agent: fixtures and what a person does on it."""

import shutil
import socket
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from pydantic import Field

import ui.app
from agent import NOTICE
from agent.resources import Resources
from principles.schema import Scenario
from tests.fakes import FixedRetriever, ScriptedChat, principle
from ui.database import open_database
from ui.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
)
DRAFT = "Rest a while and drink water. Eat jam daily. ![x](http://pictures.invalid/x.png) Keep well and sleep."
QUESTION = "Can I take zanzibar tea with jam?"
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


def reader(prompt: str) -> float:
    """A judge that finds jam where it is, and every question to be about it."""
    if "the sentence quoted below" in prompt:
        return 0.9 if "jam" in prompt.split("?")[-1] else 0.1
    if "Answer:" not in prompt:
        return 0.9
    return 0.9 if "jam" in prompt.split("Answer:")[-1].split("Does the answer")[0] else 0.1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Paced]]:
    model, retriever = Paced(), FixedRetriever(JAM)
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('page')}/page.sqlite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.resources.load_classifier", lambda encode: ByWord())
        patch.setattr(ui.app, "open_database", lambda: database)
        patch.setattr(ui.app, "Service", lambda: Service(Resources(model, retriever)))  # type: ignore[arg-type]
        yield ui.app.launch("127.0.0.1", free_port()), model
    gr.close_all()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the page is driven with playwright: make dev")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as running:
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
