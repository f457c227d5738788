"""The real page, or the real server, with a scripted model behind it, for tests and commands that need no real one."""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import uvicorn
from langchain_core.language_models import BaseChatModel
from sqlalchemy import Engine

import ui.app
from agent.resources import Resources
from agent.serve.app import Limits, build_app
from agent.serve.keys import Keys
from agent.service import Service
from principles.schema import Principle
from tests.fakes import FixedClassifier, FixedRetriever
from ui.common.database import open_database


class Searchable(FixedRetriever):
    """Finds all its principles by meaning, too."""

    def similar(self, text: str, top_k: int = 8) -> list[tuple[Principle, float]]:
        return [(one, 0.5) for one in self.library.principles][:top_k]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def served(
    model: BaseChatModel | None,
    *principles: Principle,
    classifier: Any = None,
    mcp: bool = False,
    engine: Engine | None = None,
) -> Iterator[str]:
    """The page's address. Without a model it has the configured one, and without a database one that is not kept."""
    retriever: Any = Searchable(*principles) if principles else None
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        kept = engine or open_database(f"sqlite:///{Path(folder) / 'kept.sqlite'}")
        patch.setattr(ui.app, "open_database", lambda: kept)
        if principles:
            patch.setattr("agent.resources.load_classifier", lambda encode: classifier or FixedClassifier())
        try:
            yield ui.app.launch(Service(Resources(model, retriever)), "127.0.0.1", free_port(), mcp)
        finally:
            gr.close_all()
            kept.dispose()


class Serving:
    """The server at `address`, in a thread; `server.should_exit` asks it to come to its end."""

    def __init__(self, service: Service, keys: Keys | None = None, limits: Limits | None = None) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        app = build_app(service, keys, limits=limits)
        config = uvicorn.Config(app, port=self.port, log_config=None, access_log=False, timeout_graceful_shutdown=30)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        service.prepare().join()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)

    def stop(self) -> None:
        """Ask it to come to its end, and wait for that."""
        self.server.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive()


@contextmanager
def serving(
    model: BaseChatModel, *principles: Principle, keys: Keys | None = None, limits: Limits | None = None
) -> Iterator[Serving]:
    """The server of `python -m agent serve`, over a scripted model and a few principles."""
    retriever: Any = Searchable(*principles)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.resources.load_classifier", lambda encode: FixedClassifier())
        made = Serving(Service(Resources(model, retriever)), keys, limits)
        try:
            yield made
        finally:
            made.stop()
