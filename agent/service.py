"""What all who ask one process share: the agents, one an endpoint, and the principles that they search."""

import threading
from dataclasses import dataclass, field

from agent.graph import Agent, agent_over
from agent.language import language_of
from agent.llm.adapter import named_adapter
from agent.llm.endpoint import embedded_name, named_endpoint
from agent.llm.progress import Progress
from agent.resources import Resources
from principles.errors import ClinAlignError
from principles.logs import logger
from principles.medicines import find_medicines

# Each address on an allowed host has an agent of its own, and a visitor can make up addresses.
MOST_ENDPOINTS = 8
# Answers made at once: the embedded model shares this machine's cores, an endpoint batches by itself.
AT_ONCE_HERE, AT_ONCE_THERE = 2, 16
_log = logger("service")


@dataclass
class Service:
    """`resources` are those of the configured endpoint; `loading` is how far they are, in words, while they load,
    `ready` that they are loaded, and `failure` why they last could not be."""

    resources: Resources = field(default_factory=Resources)
    loading: str = ""
    ready: bool = field(default=False, init=False)
    failure: str = field(default="", init=False)
    _preparing: threading.Thread | None = field(default=None, init=False)
    _own: Agent | None = field(default=None, init=False)
    _others: dict[str, Agent] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self.resources.report = self._report

    def _report(self, progress: Progress) -> None:
        share = f": {progress.done / progress.total:.0%}" if progress.total else ""
        self.loading = f"{progress.stage}{share}"

    @property
    def at_once(self) -> int:
        """How many answers to make at the same time."""
        elsewhere = self.resources.given_model is not None or named_endpoint(None, None)[0]
        return AT_ONCE_THERE if elsewhere else AT_ONCE_HERE

    @property
    def adapted(self) -> str | None:
        """The name of the embedded model with its adapter, None where there is no adapter. Raises ConfigError."""
        adapter = self.resources.adapter or named_adapter()
        return embedded_name(adapter=adapter) if adapter and self.resources.given_model is None else None

    def prepare(self) -> threading.Thread:
        """Load in the background what the first question needs. What fails is told to whoever asks it."""

        def load() -> None:
            try:
                language_of("")
                self.resources.search()
                self.resources.model()
                # Models and dictionaries that are loaded at their first use, which the first answer would wait for.
                find_medicines("tea")
                if critic := self.resources.claims():
                    critic.about("tea").contradictions("Tea is wet.")
                self.ready, self.failure = True, ""
            except ClinAlignError as error:
                self.failure = str(error)
                _log.info("loading has failed: %s", error)

        with self._lock:
            if self._preparing is None or not self._preparing.is_alive():
                self._preparing = threading.Thread(target=load, name="clinalign-prepare", daemon=True)
                self._preparing.start()
            return self._preparing

    def agent(self, base_url: str | None = None) -> Agent:
        """The agent of the configured endpoint, or of the one at `base_url`, which the caller has to allow.

        The latter shares the retriever of the former, and may have to load it first.
        """
        if base_url is None:
            with self._lock:
                self._own = self._own or agent_over(self.resources)
                return self._own
        retriever = self.resources.search().retriever
        with self._lock:
            if base_url not in self._others:
                if len(self._others) == MOST_ENDPOINTS:
                    del self._others[next(iter(self._others))]
                resources = Resources(given_retriever=retriever, base_url=base_url, report=self._report)
                self._others[base_url] = agent_over(resources)
            return self._others[base_url]
