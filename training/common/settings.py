"""What the figures of a run depend on: a run goes on only under the same. No secret of a URL is in it."""

import argparse
import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent.llm.adapter import named_adapter
from principles.errors import ConfigError

# The agent, its draft alone; what is neither is a file of answers.
SOURCES = ("agent", "draft")


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """Version, data, limit and shuffle, and who answers and judges, as a command was `given` them."""
    if given.answers in SOURCES:
        adapter = named_adapter(given.base_url)
        answers: dict[str, Any] = {"source": given.answers, **_engine(given.model, given.base_url, adapter)}
    else:
        answers = {"source": Path(given.answers).name, "sha256": content_sha256(Path(given.answers))}
    judge: dict[str, Any] = {"name": given.judge, **_engine(given.judge_model, given.judge_base_url)}
    if given.judge == "local":
        judge = {"name": given.judge, "sha256": content_sha256(given.judge_path)}
    return {
        "version": version("clinalign"),
        "data": {"file": given.data.name, "sha256": content_sha256(given.data)},
        "limit": given.limit,
        "shuffle_seed": given.shuffle_seed,
        "answers": answers,
        "judge": judge,
    }


def content_sha256(path: Path) -> str:
    """The SHA-256 of a file's content, or of a folder's files by their names in it and their content.

    A judge that was trained again is another one, and one that was moved or copied is the same. Raises ConfigError for
    what cannot be read, and for a folder without files.
    """
    try:
        if path.is_dir():
            return _folder_sha256(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file or folder") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): make it readable") from None


def _folder_sha256(folder: Path) -> str:
    # Hugging Face `datasets` keeps copies of its own, named so, beside the data.
    kept = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("cache-")]
    found = sorted((path.relative_to(folder).as_posix(), path) for path in kept)
    if not found:
        raise ConfigError(f"{folder}: holds no file")
    digest = hashlib.sha256()
    for name, path in found:
        digest.update(f"{len(name)} {name} {content_sha256(path)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _engine(model: str | None, base_url: str | None, adapter: Path | None = None) -> dict[str, str | None]:
    """The model and endpoint that `resolve_endpoint` would take, as far as names tell."""
    from agent.llm.endpoint import embedded_name, named_endpoint, shown_url

    url, name = named_endpoint(model, base_url)
    if not url:
        return {"model": embedded_name(model, base_url, adapter), "endpoint": "embedded"}
    return {"model": name, "endpoint": shown_url(url)}
