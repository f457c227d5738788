"""What a graph needs beside its state, loaded once, on first use, and shared by all runs and threads."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from agent.claims import ClaimCritic, load_claim_critic
from agent.critic.belonging import load_belonging
from agent.llm.adapter import named_adapter
from agent.llm.client import chat_model
from agent.llm.endpoint import Endpoint, resolve_endpoint
from agent.llm.progress import Report, no_report
from agent.rubric import Search
from agent.scenario.classifier import load_classifier
from principles.schema import Principle
from retrieval.retriever import Retriever, load_retriever


@dataclass
class Resources:
    """The chat model and the search; what is given is used as it is, a search before a retriever."""

    given_model: BaseChatModel | None = None
    given_retriever: Retriever | None = None
    profile: str | None = None
    base_url: str | None = None
    report: Report = no_report
    context_tokens: int | None = None
    given_search: Search | None = None
    adapter: Path | None = None
    _model: BaseChatModel | None = field(default=None, init=False)
    _endpoint: Endpoint | None = field(default=None, init=False)
    _search: Search | None = field(default=None, init=False)
    _model_lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _search_lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def model(self) -> BaseChatModel:
        """The chat model; an embedded server that died is started again. Raises the errors of `resolve_endpoint`."""
        if self.given_model is not None:
            return self.given_model
        with self._model_lock:
            if self._model is None or (self._endpoint and not self._endpoint.alive()):
                adapter = self.adapter or named_adapter(self.base_url)
                self._endpoint = resolve_endpoint(self.profile, self.base_url, self.report, adapter)
                self.context_tokens = self._endpoint.context_tokens
                self._model = chat_model(self._endpoint)
            return self._model

    def search(self) -> Search:
        """What finds principles for a question. Raises the errors of `load_search`."""
        with self._search_lock:
            if self._search is None:
                self._search = self.given_search or load_search(self.given_retriever)
            return self._search

    def claims(self) -> ClaimCritic | None:
        """What finds wrong facts in an answer; None without what was learnt for the search's encoder.

        Raises LibraryError where CLINALIGN_FACTS names no folder of cards, and the errors of `search`.
        """
        return load_claim_critic(self.search().retriever.encoder)

    def principle(self, principle_id: str) -> Principle:
        """The principle or knowledge card of that id. Raises LibraryError where there is none."""
        library = self.search().retriever.library
        if principle_id not in library and (claims := self.claims()) and principle_id in claims.search.facts:
            return claims.search.facts.get(principle_id)
        return library.get(principle_id)


def load_search(retriever: Retriever | None = None) -> Search:
    """The search with this retriever, else with the configured one, and what was learnt for its encoder.

    Raises LibraryError, IndexFileError, WeightsError or ConfigError.
    """
    retriever = retriever or load_retriever()
    encoder = retriever.encoder
    return Search(retriever, load_classifier(encoder.encode), load_belonging(encoder))
