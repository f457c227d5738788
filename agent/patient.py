"""A compiled graph whose runs let go of the model when their time is up or nobody waits for them any more.

To a program it is LangGraph's graph, also as a node of another one. A run ends with its iterator, with the task that
waits for it, or with an error; and no stage of it takes a thread of the host's own executor.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import Any, TypeVar, cast

from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime, get_runtime

from agent.llm.patience import Patience, patient

# Two stages of each run are at work at once. Python's own number follows the cores, and threads that wait need none.
THREADS = 64
_END: Any = object()
G = TypeVar("G", bound="PatientGraph")


class PatientGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """See the module. `invoke` and `ainvoke` go through `stream` and `astream`, as LangGraph has it."""

    def checked(self, given: Any) -> Any:
        """What the graph is given of what a caller gives. Raises InputError."""
        return given

    def stream(self, input: Any, config: Any = None, **options: Any) -> Iterator[Any]:
        """As LangGraph's; closing the iterator ends the run."""
        patience = Patience()
        parts = super().stream(self.checked(input), config, **self._lasting(options))
        try:
            while True:
                # Around each step alone: what is set around a yield holds for the caller too.
                with patient(patience):
                    part = next(parts, _END)
                if part is _END:
                    return
                yield part
        finally:
            patience.end()  # before LangGraph waits for its threads
            parts.close()  # type: ignore[attr-defined]

    async def astream(self, input: Any, config: Any = None, **options: Any) -> AsyncIterator[Any]:
        """As LangGraph's; closing the iterator, or cancelling who waits for it, ends the run."""
        patience = Patience()
        parts = super().astream(self.checked(input), config, **self._lasting(options))
        try:
            while True:
                with patient(patience):
                    part = await anext(parts, _END)
                if part is _END:
                    return
                yield part
        finally:
            patience.end()
            await parts.aclose()  # type: ignore[attr-defined]

    def _lasting(self, options: dict[str, Any]) -> dict[str, Any]:
        # A checkpoint a stage would hold the whole conversation a dozen times a question.
        if options.get("durability") is None and isinstance(self.checkpointer, BaseCheckpointSaver):
            return {**options, "durability": "exit"}
        return options


def made(kind: type[G], compiled: CompiledStateGraph[Any, Any, Any, Any]) -> G:
    """The compiled graph as one of that kind: LangGraph's `compile` names its class."""
    compiled.__class__ = kind
    return cast(G, compiled)


def stage(work: Callable[[Any, Runtime[Any]], Any]) -> Runnable[Any, Any]:
    """A node that does `work` on the state; where there is an event loop, beside it in a thread of this module's."""

    def here(state: Any) -> Any:
        return work(state, get_runtime())

    async def beside(state: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(_threads(), copy_context().run, here, state)

    return RunnableLambda(here, beside, name=work.__name__)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="clinalign")
