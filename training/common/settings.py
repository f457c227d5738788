"""What the figures of a run depend on: a run goes on only under the same. No secret of a URL is in it."""

import argparse
import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

# The agent, its draft alone; what is neither is a file of answers.
SOURCES = ("agent", "draft")


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """Version, data, limit and shuffle, and who answers and judges, as a command was `given` them."""
    answers: dict[str, Any] = {"source": given.answers, **_engine(given.model, given.base_url)}
    if given.answers not in SOURCES:
        answers = {"source": Path(given.answers).name, "sha256": file_sha256(Path(given.answers))}
    judge: dict[str, Any] = {"name": given.judge, **_engine(given.judge_model, given.judge_base_url)}
    if given.judge == "local":
        judge = {"name": given.judge, "path": str(given.judge_path)}
    return {
        "version": version("clinalign"),
        "data": {"file": given.data.name, "sha256": file_sha256(given.data)},
        "limit": given.limit,
        "shuffle_seed": given.shuffle_seed,
        "answers": answers,
        "judge": judge,
    }


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _engine(model: str | None, base_url: str | None) -> dict[str, str | None]:
    """The model and endpoint that `resolve_endpoint` would take, as far as names tell."""
    from agent.llm.endpoint import named_endpoint, shown_url
    from agent.llm.profiles import DEFAULT_PROFILE

    url, name = named_endpoint(model, base_url)
    if not url:
        return {"model": name or DEFAULT_PROFILE, "endpoint": "embedded"}
    return {"model": name, "endpoint": shown_url(url)}
