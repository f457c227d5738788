"""The real page with a scripted model behind it, for tests and commands that need no real one."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from langchain_core.language_models import BaseChatModel
from sqlalchemy import Engine

import ui.app
from agent.resources import Resources
from principles.schema import Principle
from tests.fakes import FixedClassifier, FixedRetriever
from ui.common.database import open_database
from ui.common.service import Service


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
