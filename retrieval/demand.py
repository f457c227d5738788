"""What physicians tend to ask of answers to questions like this one, by principle.

Physicians ask for things that no question names: when to come back, what decides, how sure it is. `learn.py`
finds out what, in HealthBench rubrics, and keeps it in demand.npz for one library and one encoder. With others
the search goes by likeness alone.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from principles.library import Library
from retrieval.encoder import Encoder, Vectors

LEARNT = Path(__file__).with_name("demand.npz")


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


def load_demand(library: Library, encoder: Encoder, path: Path = LEARNT) -> Demand | None:
    """What was learnt for exactly this library and encoder, or None."""
    with np.load(path, allow_pickle=False) as arrays:
        if arrays["made_for"].tolist() != _made_for(library, encoder):
            return None
        return Demand(arrays["weights"].astype(np.float32), arrays["bias"])


def _made_for(library: Library, encoder: Encoder) -> list[str]:
    return [library.digest, encoder.name, encoder.revision]
