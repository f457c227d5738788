"""A self-revising agent for health questions.

    from agent import agent
    result = agent.invoke({"messages": [{"role": "user", "content": "..."}]})

`agent` is ready to use and loads nothing before its first run; `build_agent` makes one for an app, with a
model, a retriever or a checkpointer of its own. Show NOTICE wherever a person sees an answer. What can go wrong is a
ClinAlignError, which says by `retryable` whether to ask again.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.graph import agent, build_agent
    from agent.state import Context
    from principles.errors import (
        ClinAlignError,
        ConfigError,
        IndexFileError,
        InputError,
        LibraryError,
        ModelError,
        ServerError,
        WeightsError,
    )

# Before langgraph is imported: checkpoints then hold plain types only and cannot name code to run.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")

NOTICE = (
    "This is not medical advice and not a medical device. Small language models make dangerous mistakes about "
    "health: check with a health professional, and in an emergency call your local emergency number."
)

__all__ = [
    "NOTICE",
    "ClinAlignError",
    "ConfigError",
    "Context",
    "IndexFileError",
    "InputError",
    "LibraryError",
    "ModelError",
    "ServerError",
    "WeightsError",
    "agent",
    "build_agent",
]

_HOMES = {"agent": "agent.graph", "build_agent": "agent.graph", "Context": "agent.state"}


def __getattr__(name: str) -> Any:
    """Import on first use: langgraph takes seconds, and `python -m agent --help` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "principles.errors")), name)
