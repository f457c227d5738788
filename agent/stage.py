"""One stage of an answer at work: what it is asked with, what its calls cost, and how it tells what happens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from langgraph.runtime import Runtime

from agent.llm.client import Usage
from agent.llm.patience import current
from agent.state import Context, context_of
from principles.logs import logger

Update = dict[str, Any]
_log = logger("agent")


@dataclass
class Stage:
    """One stage at work: its context, what its model calls cost, and how to tell what happens."""

    name: str
    context: Context
    runtime: Runtime[Context]
    started: float
    usage: Usage | None = None

    def tell(self, status: str, **facts: Any) -> None:
        """Report on the "custom" stream; `facts` hold no text of question or answer."""
        self.runtime.stream_writer({"stage": self.name, "status": status, **facts})

    @property
    def late(self) -> bool:
        """Whether the deadline of the question has cut something short."""
        patience = current()
        return patience is not None and patience.late

    def done(self, **facts: Any) -> Update:
        """The state update that every stage makes: seconds and usage."""
        seconds = round(time.perf_counter() - self.started, 3)
        _log.debug("%s: %.3f s", self.name, seconds)
        self.tell("end", seconds=seconds, **facts)
        update: Update = {"timings": {self.name: seconds}} | ({"timed_out": True} if self.late else {})
        return update | ({"usage": asdict(self.usage)} if self.usage else {})


@contextmanager
def begun(name: str, runtime: Runtime[Context]) -> Iterator[Stage]:
    """A stage that has told of its start; the question's deadline holds from here on."""
    stage = Stage(name, context_of(runtime.context), runtime, time.perf_counter())
    if patience := current():
        patience.bound(stage.context.timeout_s)
    stage.tell("start")
    yield stage
