"""What a graph needs beside its state, loaded once, on first use, and shared by all runs and threads."""

import threading
from dataclasses import dataclass, field

from langchain_core.language_models import BaseChatModel

from agent.critic.belonging import load_belonging
from agent.llm.client import chat_model
from agent.llm.endpoint import resolve_endpoint
from agent.llm.progress import Report, no_report
from agent.rubric import Search
from agent.scenario.classifier import load_classifier
from retrieval.retriever import Retriever, load_retriever


@dataclass
class Resources:
    """The chat model, the retriever and the scenario classifier; any that is given is used as it is."""

    given_model: BaseChatModel | None = None
    given_retriever: Retriever | None = None
    profile: str | None = None
    base_url: str | None = None
    report: Report = no_report
    context_tokens: int | None = None
    _model: BaseChatModel | None = field(default=None, init=False)
    _search: Search | None = field(default=None, init=False)
    _model_lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _search_lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def model(self) -> BaseChatModel:
        """The chat model. Raises the errors of `resolve_endpoint`."""
        if self.given_model is not None:
            return self.given_model
        with self._model_lock:
            if self._model is None:
                endpoint = resolve_endpoint(self.profile, self.base_url, self.report)
                self.context_tokens = endpoint.context_tokens
                self._model = chat_model(endpoint)
            return self._model

    def search(self) -> Search:
        """What finds principles for a question. Raises the errors of `load_search`."""
        with self._search_lock:
            if self._search is None:
                self._search = load_search(self.given_retriever)
            return self._search


def load_search(retriever: Retriever | None = None) -> Search:
    """The search with this retriever, else with the configured one, and what was learnt for its encoder.

    Raises LibraryError, IndexFileError, WeightsError or ConfigError.
    """
    retriever = retriever or load_retriever()
    encoder = retriever.encoder
    return Search(retriever, load_classifier(encoder.encode), load_belonging(encoder))
