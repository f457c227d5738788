"""Ten people ask the page at once: how soon each first word comes, whether anything is lost or mixed up, memory.

The page is the real one in a process of its own; behind it a model writes a token every 50 ms. The people speak to it
as a browser does, each over a session of their own, and start a new conversation after five questions.
"""

import argparse
import asyncio
import multiprocessing
import re
import sys
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import quantiles
from typing import Any

import httpx
import psutil
from pydantic import Field
from rich.console import Console
from rich.table import Table

from agent import NOTICE
from tests.fakes import ScriptedChat, principle
from tests.served import served

TOKEN_S, WORDS, PER_CONVERSATION = 0.05, 20, 5
FIRST_WORD_S, STOPPED_S, GROWTH, WARM = 1.0, 2.0, 0.05, 100
ENDLESS = "without end"


class Echo(ScriptedChat):
    """Says the number of its question in every word, a word each 50 ms; `words` is how many it said to whom."""

    words: dict[str, int] = Field(default_factory=dict)

    def _stream(self, messages: Any, *args: Any, **options: Any) -> Iterator[Any]:
        question = str(messages[-1].text)
        number = re.findall(r"\d+x\d+", question)[-1]
        said = self.model_copy(
            update={"draft": " ".join([f"told{number}"] * (100_000 if ENDLESS in question else WORDS))}
        )
        for chunk in ScriptedChat._stream(said, messages, *args, **options):
            time.sleep(TOKEN_S)
            self.words[number] = self.words.get(number, 0) + 1
            yield chunk

    def _generate(self, *args: Any, **options: Any) -> Any:
        time.sleep(TOKEN_S)
        self.prompts.clear()
        return super()._generate(*args, **options)


def _serve(pipe: Any) -> None:
    model = Echo()
    with served(model, principle("tea")) as address:
        pipe.send(address)
        # The pipe ends with the process that measures, however that ends.
        with suppress(EOFError):
            while (asked := pipe.recv()) is not None:
                pipe.send(model.words.get(asked, 0))


class Server:
    """The page in a process of its own."""

    def __enter__(self) -> "Server":
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        self._process.start()
        self.address: str = self._pipe.recv()
        return self

    def __exit__(self, *_: Any) -> None:
        self._pipe.send(None)
        self._process.join(20)
        self._process.kill()

    def words(self, number: str) -> int:
        """How many words were written for a question so far."""
        self._pipe.send(number)
        return int(self._pipe.recv())

    def memory(self) -> float:
        """Resident memory in MiB."""
        return float(psutil.Process(self._process.pid).memory_info().rss / 2**20)


class Page:
    """The page's events, found by the ids of its buttons, as its script finds them."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._components = {one["id"]: one["props"] for one in config["components"]}
        self._events = config["dependencies"]

    def click(self, name: str) -> dict[str, Any]:
        return next(one for one in self._events if any(self._is(name, "click", *target) for target in one["targets"]))

    def after(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event that the server has to do once another one has gone well."""
        return next(
            one
            for one in self._events
            if one.get("trigger_after") == event["id"] and one["backend_fn"] and not one.get("trigger_only_on_failure")
        )

    def data(self, event: dict[str, Any], question: str) -> list[Any]:
        props = [self._components[key] for key in event["inputs"]]
        return [question if one.get("elem_id") == "question" else one.get("value") for one in props]

    def _is(self, name: str, kind: str, target: Any, trigger: str) -> bool:
        return trigger == kind and self._components.get(target, {}).get("elem_id") == name


@dataclass
class Person:
    """Somebody at the page. `seen` are the words shown, `waits` the seconds to each first one."""

    name: int
    http: httpx.AsyncClient
    page: Page
    session: str = ""
    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    asked: int = 0

    async def ask(self, ending: str = "?") -> None:
        """Ask a question, read to the end of the answer, and look whether it is the whole right one."""
        number = f"{self.name}x{self.asked}"
        self.asked += 1
        async with self.asking(f"What about {number}{ending}", number) as lines:
            async for line in lines:
                if '"process_completed"' in line:
                    break
        await self._do(self.page.after(self.page.after(self.page.click("ask"))))
        (answer,) = (await self._now("copy", ""))["data"][:1]
        if answer != f"{' '.join([f'told{number}'] * WORDS)}\n\n{NOTICE}":
            self.faults.append(f"{number}: lost or not whole")

    @asynccontextmanager
    async def asking(self, question: str, number: str) -> Any:
        """The lines that the page is sent from the first word on."""
        started = time.monotonic()
        await self._now("ask", question)
        run = self.page.after(self.page.click("ask"))
        joined = await self.http.post("/gradio_api/queue/join", json=self._call(run, question))
        joined.raise_for_status()
        async with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as reply:
            lines = reply.aiter_lines()
            async for line in lines:
                self._look(line)
                if f"told{number}" in line:
                    self.waits.append(time.monotonic() - started)
                    break
                if '"process_completed"' in line:
                    self.faults.append(f"{number}: no answer")
                    break
            yield self._looked(lines)

    async def fresh(self) -> None:
        """A new conversation."""
        await self._now("new", "")

    async def _looked(self, lines: Any) -> Any:
        async for line in lines:
            self._look(line)
            yield line

    def _look(self, line: str) -> None:
        others = set(re.findall(r"told(\d+)x", line)) - {str(self.name)}
        if others:
            self.faults.append(f"{self.name} was shown words for {', '.join(others)}")

    async def _now(self, button: str, question: str) -> Any:
        return await self._do(self.page.click(button), question)

    async def _do(self, event: dict[str, Any], question: str = "") -> Any:
        reply = await self.http.post("/gradio_api/run/predict", json=self._call(event, question))
        reply.raise_for_status()
        return reply.json()

    def _call(self, event: dict[str, Any], question: str) -> dict[str, Any]:
        return {"fn_index": event["id"], "session_hash": self.session, "data": self.page.data(event, question)}


@dataclass
class Measured:
    """`memory` is in MiB, a figure each 50 questions."""

    waits: list[float]
    faults: list[str]
    memory: list[float]
    stopped: float

    @property
    def late(self) -> float:
        """The 95th percentile of the seconds to the first word."""
        return quantiles(self.waits, n=20)[-1]

    @property
    def growth(self) -> float:
        """How much memory grew once warm, as a share."""
        warm = self.memory[min(WARM // 50, len(self.memory) - 1) :]
        return max(warm) / warm[0] - 1


async def measure(people: int, questions: int) -> Measured:
    """Let so many people ask so many questions in all."""
    with Server() as server:
        async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=120, limits=_limits()) as http:
            page = Page((await http.get("/config")).json())
            crowd = [Person(name, http, page, f"visitor{name}") for name in range(people)]
            memory = [server.memory()]
            left = iter(range(questions))

            async def visit(one: Person) -> None:
                for done in left:
                    await one.ask()
                    if one.asked % PER_CONVERSATION == 0:
                        await one.fresh()
                    if done % 50 == 49:
                        memory.append(server.memory())

            await asyncio.gather(*(visit(one) for one in crowd))
            stopped = await _closed(server, Person(people, http, page, "leaving"))
        waits = [wait for one in crowd for wait in one.waits]
        return Measured(waits, [fault for one in crowd for fault in one.faults], memory, stopped)


async def _closed(server: Server, person: Person) -> float:
    """Seconds from the moment at which a page is closed in the middle of an answer to the model's last word."""
    number = f"{person.name}x0"
    async with person.asking(f"Tell {number} {ENDLESS}", number):
        pass
    left = time.monotonic()
    counts = [(0.0, server.words(number))]
    while len(counts) < 6 or counts[-6][1] != counts[-1][1]:
        await asyncio.sleep(0.1)
        counts.append((time.monotonic() - left, server.words(number)))
        if counts[-1][0] > 20:
            break
    return max((after for (_, old), (after, new) in pairwise(counts) if new != old), default=0.0)


def _limits() -> httpx.Limits:
    return httpx.Limits(max_connections=None)


def table(measured: Measured) -> Table:
    """The figures beside what is asked of them."""
    made = Table("what", "measured", "at most", "holds")
    for what, value, bar, unit in (
        ("first word, 95th percentile", measured.late, FIRST_WORD_S, " s"),
        ("lost or mixed up", float(len(measured.faults)), 0.0, ""),
        ("memory grown once warm", measured.growth * 100, GROWTH * 100, " %"),
        ("work stops after a page closes", measured.stopped, STOPPED_S, " s"),
    ):
        made.add_row(what, f"{value:.2f}{unit}", f"{bar:g}{unit}", "yes" if value <= bar else "NO")
    made.caption = f"{len(measured.waits)} questions; memory {measured.memory[0]:.0f} → {measured.memory[-1]:.0f} MiB"
    return made


def main(arguments: list[str] | None = None) -> int:
    """Measure and print a table; 1 where a figure is not what is asked of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.load_page", description=__doc__)
    parser.add_argument("--people", type=int, default=10, metavar="N", help="people at once (default 10)")
    parser.add_argument("--questions", type=int, default=500, metavar="N", help="questions in all (default 500)")
    chosen = parser.parse_args(arguments)
    measured = asyncio.run(measure(chosen.people, chosen.questions))
    Console().print(table(measured))
    for fault in measured.faults[:10]:
        print(fault, file=sys.stderr)
    good = measured.late <= FIRST_WORD_S and not measured.faults and measured.stopped <= STOPPED_S
    return 0 if good and measured.growth <= GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
