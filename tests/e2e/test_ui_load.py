"""Many people at once, by the page's own protocol: nobody waits long, nothing is mixed up, kept or written down."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import psutil
import pytest

import ui.app
from agent.resources import Resources
from tests.e2e.chat_page import JAM, ByWord, Paced, free_port, reader
from tests.fakes import FixedRetriever
from ui.database import open_database
from ui.service import Service

PEOPLE, TOKEN_S, FIRST_S = 10, 0.05, 1.0
# What Gradio remembers of a session takes about half a megabyte, and it remembers so many.
SESSIONS, QUESTIONS, GROWTH = 50, 500, 20 * 2**20
SETTINGS = [1, 6, "edits", 0, ""]


class Echo(Paced):
    """Repeats what it was asked, so that an answer shows whose it is."""

    def _stream(self, messages: Any, *args: Any, **options: Any) -> Iterator[Any]:
        self.prompts.clear()
        for piece in f"You asked this: {messages[-1].text} Keep well and sleep.".split(" "):
            time.sleep(self.pause)
            yield from _said(f"{piece} ", args, options)


def _said(text: str, args: Any, options: Any) -> Iterator[Any]:
    from langchain_core.messages import AIMessageChunk
    from langchain_core.outputs import ChatGenerationChunk

    chunk = ChatGenerationChunk(message=AIMessageChunk(text))
    manager = options.get("run_manager") or (args[1] if len(args) > 1 else None)
    if manager:
        manager.on_llm_new_token(text, chunk=chunk)
    yield chunk


class Person:
    """One browser: asks on the page at `address` and hears what the page is sent."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self._http = httpx.Client(base_url=f"{address.rstrip('/')}/gradio_api", timeout=120, trust_env=False)
        config = httpx.get(f"{address}config", trust_env=False).json()
        self._ask, self._run = _functions(config)

    def ask(self, question: str) -> tuple[float, str]:
        """Seconds to the first words of the draft, and all that was heard."""
        self._send("run/predict", self._ask, [None, question])
        started, first, heard = time.monotonic(), 0.0, []
        self._send("queue/join", self._run, [None, {"keep": False, "owner": ""}, *SETTINGS])
        with self._http.stream("GET", "queue/data", params={"session_hash": self.name}) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    heard.append(line)
                    first = first or (time.monotonic() - started if "You asked" in line else 0.0)
                    if json.loads(line[5:])["msg"] == "process_completed":
                        break
        return first, "\n".join(heard)

    def _send(self, way: str, function: int, data: list[Any]) -> None:
        body = {"data": data, "fn_index": function, "session_hash": self.name}
        self._http.post(way, json=body).raise_for_status()


def _functions(config: dict[str, Any]) -> tuple[int, int]:
    """The numbers of what asks and of what answers."""
    names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    asks = [
        one for one in config["dependencies"] if [(names.get(t[0]), t[1]) for t in one["targets"]] == [("ask", "click")]
    ]
    after = [one for one in config["dependencies"] if one.get("trigger_after") == asks[0]["id"] and one["backend_fn"]]
    return asks[0]["id"], after[0]["id"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Echo]]:
    model, retriever = Echo(chance=reader), FixedRetriever(JAM)
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('page')}/page.sqlite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.resources.load_classifier", lambda encode: ByWord())
        patch.setattr(ui.app, "SESSIONS", SESSIONS)
        patch.setattr(ui.app, "open_database", lambda: database)
        patch.setattr(ui.app, "Service", lambda: Service(Resources(model, retriever)))  # type: ignore[arg-type]
        yield ui.app.launch("127.0.0.1", free_port()), model
    gr.close_all()


def test_ten_people_at_once_each_get_their_own_answer_soon(served: tuple[str, Echo]) -> None:
    address, model = served
    Person(address, "first").ask("Warm up, please?")
    model.pause = TOKEN_S
    people = [Person(address, f"person-{number}") for number in range(PEOPLE)]
    with ThreadPoolExecutor(PEOPLE) as together:
        told = list(together.map(lambda person: person.ask(f"What of canary-{person.name}-end?"), people))
    for person, (_, heard) in zip(people, told, strict=True):
        assert f"canary-{person.name}-end" in heard
        assert not any(f"canary-{other.name}-end" in heard for other in people if other is not person)
        assert "The answer is there." in heard
    assert sorted(first for first, _ in told)[-1] <= FIRST_S, told[0][0]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_is_flat_over_500_questions(served: tuple[str, Echo]) -> None:
    address, model = served
    model.pause = 0
    process, sizes = psutil.Process(), []

    def visitor(number: int) -> None:
        Person(address, f"visitor-{number}").ask(f"Question {number}?")

    with ThreadPoolExecutor(4) as some:
        for first, last in ((0, 3 * SESSIONS), (3 * SESSIONS, QUESTIONS)):
            list(some.map(visitor, range(first, last)))
            sizes.append(process.memory_info().rss)
    assert sizes[1] - sizes[0] < GROWTH


def test_nothing_of_a_conversation_is_written_anywhere(
    served: tuple[str, Echo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    address, _ = served
    before = time.time() - 1
    _, heard = Person(address, "quiet").ask("What of the canary-zanzibar?")
    assert "canary-zanzibar" in heard
    assert "canary-zanzibar" not in "".join(capfd.readouterr())
    places = {Path(tempfile.gettempdir()), Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir()))}
    for place in places:
        for path in place.rglob("*"):
            try:
                if path.is_file() and path.stat().st_mtime >= before:
                    assert b"canary-zanzibar" not in path.read_bytes(), path
            except OSError:
                continue
