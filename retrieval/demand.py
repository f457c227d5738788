"""What physicians tend to ask of answers to questions like this one, by principle.

Physicians ask for things that no question names: when to come back, what decides, how sure it is. `learn.py`
finds out what, in HealthBench rubrics, and keeps it in demand.npz for one library and one encoder; beside a library
of one's own lies its own. With others the search goes by likeness alone.
"""

import io
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from principles.library import Library
from retrieval.encoder import Encoder, Vectors

LEARNT = Path(__file__).with_name("demand.npz")
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Demand:
    """A linear map: `weights` (dimension, principles), `bias` (principles,). Its values are as widely spread as
    likenesses are, around 0."""

    weights: Vectors
    bias: Vectors

    def of(self, queries: Vectors) -> Vectors:
        """The demand for each principle, (principles,), by the pieces (pieces, dimension) of one question."""
        return np.asarray(queries.mean(axis=0) @ self.weights + self.bias, dtype=np.float32)

    def written(self, library: Library, encoder: Encoder) -> bytes:
        """The file that `load_demand` reads."""
        buffer = io.BytesIO()
        made_for = np.array(_made_for(library, encoder))
        np.savez_compressed(buffer, weights=self.weights.astype(np.float16), bias=self.bias, made_for=made_for)
        return buffer.getvalue()


def demand_path(library: Path) -> Path:
    """Where what was learnt for a library of one's own lies: beside its file."""
    return library.with_name(f"{library.name}.demand.npz")


def load_demand(library: Library, encoder: Encoder, *beside: Path) -> Demand | None:
    """What was learnt for exactly this library and encoder, bundled or in a file `beside` the library, or None."""
    for path in (LEARNT, *beside):
        try:
            with np.load(path, allow_pickle=False) as arrays:
                if arrays["made_for"].tolist() == _made_for(library, encoder):
                    return Demand(arrays["weights"].astype(np.float32), arrays["bias"].astype(np.float32))
        except FileNotFoundError:
            continue
        except DAMAGED as error:
            _log.warning("%s cannot be read (%s): the search goes by likeness alone", path, type(error).__name__)
    return None


def _made_for(library: Library, encoder: Encoder) -> list[str]:
    return [library.digest, encoder.name, encoder.revision]
