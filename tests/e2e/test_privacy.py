"""A canary in question and answer turns up nowhere but on the page of the person who asked."""

# ruff: noqa: F811 - pytest gives fixtures by the names of parameters
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import needs
from tests.e2e.chat_page import ask, browser, button, finished  # noqa: F401 - fixtures

ASKED, ANSWERED = "zanzibar", "quetzalcoatl"
CANARIES = (ASKED, ANSWERED)
SERVER = f"""
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from tests.e2e.chat_page import JAM, Paced, reader
from tests.served import served

class Moody(Paced):
    def _heard(self, messages):
        if "break" in str(messages[-1].text):
            raise RuntimeError(f"{{messages}} {ANSWERED}")
        return super()._heard(messages)

with served(Moody(draft="Rest, says {ANSWERED}. Eat jam.", chance=reader), JAM, mcp=True) as address:
    print(address, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's home, its temporary files, its logs and its working folder are."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(elsewhere: Path) -> Iterator[str]:
    needs.require("MCP")
    folders = {name: str(elsewhere / name) for name in ("TMPDIR", "GRADIO_TEMP_DIR", "HOME", "XDG_CACHE_HOME")}
    for folder in folders.values():
        Path(folder).mkdir()
    here = {"PYTHONPATH": str(Path(__file__).parents[2]), "XDG_DATA_HOME": folders["HOME"]}
    with (
        (elsewhere / "stderr").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=elsewhere,
            env=os.environ | folders | here,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as running,
    ):
        assert running.stdout is not None
        yield next(line.strip() for line in running.stdout if line.startswith("http"))
        running.kill()


def test_what_is_asked_and_answered_is_nowhere_else(browser: Any, address: str, elsewhere: Path) -> None:
    visitor = browser.new_context().new_page()
    visitor.set_default_timeout(120_000)
    visitor.goto(address)
    ask(visitor, f"Can I take {ASKED} tea?")
    finished(visitor)
    assert visitor.get_by_text(f"Rest, says {ANSWERED}.").first.is_visible()
    for name in ("Save as Markdown", "Save as JSON"):
        with visitor.expect_download() as saved:
            button(visitor, name).click()
        assert ASKED in Path(saved.value.path()).read_text(encoding="utf-8")
    ask(visitor, f"{ASKED}: break")
    visitor.locator(".turn").nth(1).get_by_text("RuntimeError").first.wait_for()
    visitor.get_by_role("tab", name="Principles").click()
    visitor.get_by_role("button", name="Try a question").click()
    visitor.get_by_label("Question", exact=True).fill(f"{ASKED}?")
    button(visitor, "See what retrieval brings").click()
    visitor.get_by_role("table", name="Principles that retrieval brings in").wait_for()

    other = browser.new_context().new_page()
    other.goto(address)
    other.get_by_role("heading", name="Ask a health question").wait_for()
    assert not [word for word in CANARIES if word in other.content()]
    with httpx.Client(base_url=address, trust_env=False) as http:
        for path in ("/config", "/gradio_api/info", "/"):
            assert not [word for word in CANARIES if word in http.get(path).text]
    assert found(elsewhere) == []
    assert (elsewhere / "stderr").stat().st_size > 0  # there is a log, and it is not empty


def test_what_programs_ask_is_nowhere_else(address: str, elsewhere: Path) -> None:
    from gradio_client import Client

    client = Client(address, verbose=False, analytics_enabled=False)
    assert ANSWERED in client.predict(f"{ASKED}?", api_name="/ask")["answer"]
    client.predict(f"{ASKED}?", ANSWERED, api_name="/grade")
    client.predict(ASKED, api_name="/search_principles")
    with pytest.raises(Exception, match="RuntimeError") as refused:
        client.predict(f"{ASKED}: break", api_name="/ask")
    assert not [word for word in CANARIES if word in str(refused.value)]
    assert found(elsewhere) == []


def found(folder: Path) -> list[tuple[str, str]]:
    """Where a canary is in any file below the folder: (file, the text around it)."""
    return [
        (str(path.relative_to(folder)), data[max(0, data.find(word.encode()) - 200) :][:400].decode(errors="replace"))
        for path in folder.rglob("*")
        if path.is_file()
        for data in [path.read_bytes()]
        for word in CANARIES
        if word.encode() in data
    ]
