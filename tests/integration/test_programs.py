"""The page called by real clients over HTTP: gradio_client and the mcp package's own, as the document shows them."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from agent import NOTICE
from tests import needs
from tests.fakes import ScriptedChat, principle
from tests.served import served
from tests.unit.agent.test_agent import literal

DOCUMENT = Path(__file__).parents[2] / "docs" / "programs.md"
WRITTEN_FOR = "http://127.0.0.1:7860"
CANARY = "zanzibar"
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")


class Watched(ScriptedChat):
    """Writes slowly where `pause` says so, and counts its words."""

    pause: float = 0.0
    words: int = 0

    def _stream(self, *args: Any, **options: Any) -> Iterator[Any]:
        for chunk in super()._stream(*args, **options):
            time.sleep(self.pause)
            self.words += 1
            yield chunk


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[str, Watched]]:
    needs.require("MCP")
    model = Watched(chance=literal)
    with served(model, JAM, mcp=True) as address:
        yield address.rstrip("/"), model


@pytest.fixture
def address(page: tuple[str, Watched]) -> str:
    page[1].draft, page[1].pause, page[1].words = "Rest a while. Eat jam daily.", 0.0, 0
    page[1].fail_from = None
    return page[0]


@pytest.fixture
def client(address: str) -> Client:
    return Client(address, verbose=False, analytics_enabled=False)


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def run(snippet: str, address: str) -> dict[str, Any]:
    assert WRITTEN_FOR in snippet
    names: dict[str, Any] = {}
    exec(snippet.replace(WRITTEN_FOR, address), names)  # noqa: S102 - a document of ours
    return names


def test_the_documents_gradio_client_call_runs_as_it_stands(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = run(snippets()[0], address)
    said = capsys.readouterr().out
    assert "Rest a while. Leave the sweet spread out.\nreviewed: True\n" + NOTICE in said
    assert "score: None coverage: 1.0" in said
    assert "task.jam 0.5" in said
    assert names["graded"]["verdicts"][0]["label"] == "NOT_MET"


def test_the_documents_mcp_call_runs_as_it_stands(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(snippets()[1], address)
    assert capsys.readouterr().out == "Rest a while. Leave the sweet spread out.\n"
    assert len(snippets()) == 2


def test_mcp_and_the_endpoints_give_the_same(address: str, client: Client) -> None:
    call = run(snippets()[1].split("print(")[0], address)["call"]
    for name, given in (
        ("ask", {"question": "Rest a while with tea?", "rounds": 0}),
        ("grade", {"question": "Rest a while with tea?", "answer": "Take jam."}),
        ("search_principles", {"text": "jam"}),
    ):
        by_client, by_mcp = client.predict(**given, api_name=f"/{name}"), asyncio.run(call(name, **given))
        for result in (by_client, by_mcp):
            if isinstance(result, dict):
                result.pop("timings", None)
        assert by_mcp == by_client
    assert "max_rounds is 99" in asyncio.run(call("ask", question="Tea?", rounds=99))
    assert "validation" in asyncio.run(call("ask", question="Tea?", rounds="many")).lower()


def test_mcp_lists_these_three_tools_with_their_descriptions(address: str) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def listed() -> list[Any]:
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return list((await session.list_tools()).tools)

    tools = {tool.name: tool for tool in asyncio.run(listed())}
    assert set(tools) == {"ask", "grade", "search_principles"}
    assert "Not medical advice." in tools["ask"].description
    assert tools["ask"].inputSchema["required"] == ["question"]
    rounds = tools["ask"].inputSchema["properties"]["rounds"]
    assert rounds == {"type": "integer", "description": rounds["description"], "default": 1}
    assert "from 0" in rounds["description"]


def test_the_endpoints_are_these_three(client: Client) -> None:
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/ask", "/grade", "/search_principles"}


def test_a_job_tells_the_stages_and_can_be_cancelled(page: tuple[str, Watched], client: Client) -> None:
    job = client.submit("Rest a while with tea?", api_name="/ask")
    *stages, result = list(job)
    assert {"draft", "critique"} <= {one["stage"] for one in stages}
    assert result["notice"] == NOTICE
    model = page[1]
    model.pause, model.draft, model.words = 0.05, "word " * 1_000, 0
    job = client.submit("Rest a while with tea?", api_name="/ask")
    begun(model)
    job.cancel()
    ended(model)


def test_a_caller_that_goes_away_ends_the_work(page: tuple[str, Watched], address: str) -> None:
    model = page[1]
    model.pause, model.draft, model.words = 0.05, "word " * 1_000, 0
    with httpx.Client(base_url=address, trust_env=False) as http:
        public = [one for one in http.get("/config").json()["dependencies"] if one["api_visibility"] == "public"]
        asked = {one["api_name"]: one["id"] for one in public}["ask"]
        job = {"session_hash": "gone", "fn_index": asked, "data": ["Tea?", 1, 6]}
        http.post("/gradio_api/queue/join", json=job).raise_for_status()
        with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": "gone"}) as events:
            lines = events.iter_lines()
            next(lines)
            begun(model)
    ended(model)


def begun(model: Watched) -> None:
    """Wait until the model writes."""
    deadline = time.monotonic() + 30
    while model.words < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert 3 <= model.words < 900


def ended(model: Watched) -> None:
    """The model writes no longer, well before its draft is whole: that would take it 50 s."""
    deadline, written = time.monotonic() + 15, -1
    while model.words != written and time.monotonic() < deadline:
        written = model.words
        time.sleep(0.5)
    assert model.words == written


def test_failures_quote_nothing_anywhere(
    page: tuple[str, Watched], client: Client, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    page[1].fail_from, page[1].error = 0, RuntimeError(CANARY)
    call = run(snippets()[1].split("print(")[0], page[0])["call"]
    with pytest.raises(AppError) as refused:
        client.predict(f"{CANARY}?", api_name="/ask")
    told = asyncio.run(call("grade", question=f"{CANARY}?", answer=CANARY))
    assert isinstance(told, str)
    assert CANARY not in str(refused.value) + told + caplog.text + "".join(capfd.readouterr())


def test_a_request_by_another_name_is_turned_away(address: str) -> None:
    """A web page elsewhere that has given its own name this machine's address is told apart by that name."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    with httpx.Client(trust_env=False) as http:
        url = f"{address}/gradio_api/mcp/"
        for host, ok in (("evil.example", False), (f"localhost:{address.rsplit(':', 1)[1]}", True)):
            reply = http.post(url, content=json.dumps(body), headers={"Host": host, **accept})
            assert (reply.status_code == 400 and "Invalid host" in reply.text) is not ok
