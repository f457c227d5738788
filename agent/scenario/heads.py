"""What the scenario classifier has learnt, and how it reads a question by it."""

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.scenario.features import Array, Rows
from principles.schema import DIMENSIONS, Dimension

NAMES: tuple[Dimension, ...] = ("urgency", "uncertainty", "expertise", "task")
# Width of the kernel: how far one labelled question speaks for its neighbours.
GAMMA = 0.2
# So many rows at most are one question's.
FEW = 4


@dataclass(frozen=True)
class Learnt:
    """Questions that something was learnt from, and how another question is compared with them.

    `support` (n, features) are their dense features, `terms` (t,) the words and pairs of words that they share, with
    the weight `rarity` (t,) of each.
    """

    support: Array
    terms: npt.NDArray[np.str_]
    rarity: Array

    @cached_property
    def _squares(self) -> Array:
        return squares(self.support)

    @cached_property
    def _reader(self) -> Any:
        reader = term_reader(vocabulary=self.terms)
        reader.idf_ = self.rarity
        return reader

    def compared(self, rows: Rows) -> tuple[Array, Any]:
        """How near `rows` (m) are to the questions, (m, n), and the weights of their terms, sparse (m, t)."""
        return kernel(rows.dense, self.support, self._squares), self._reader.transform(rows.texts)


@dataclass(frozen=True)
class Heads(Learnt):
    """What was learnt of the scenario: for each dimension `weights` (n, values) of the questions, `words` (t, values)
    of the terms, and `bias` (values,)."""

    weights: dict[Dimension, Array]
    words: dict[Dimension, Array]
    bias: dict[Dimension, Array]

    def probabilities(self, rows: Rows) -> dict[Dimension, Array]:
        """Probabilities (m, values) of `rows` (m) by dimension; each row sums to 1."""
        near, said = self.compared(rows)
        return {name: _softmax(near @ self.weights[name] + said @ self.words[name] + self.bias[name]) for name in NAMES}


def term_reader(**options: Any) -> Any:
    """scikit-learn's TF-IDF of words and pairs of words: rows of length 1, or 0 where no term is known."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # half a second: not before it is wanted

    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32, **options)


def kernel(left: Array, right: Array, right_squares: Array | None = None) -> Array:
    """Gaussian similarity in (0, 1] of each row of `left` (m, features) with each of `right` (n, features): (m, n).

    `right_squares` (n,) are the rows' squared lengths, where they are known.
    """
    known = squares(right) if right_squares is None else right_squares
    # The threads of OpenBLAS, which @ would wake for a single question, keep a core busy for 50 ms after 0.2 of work.
    products = np.einsum("mf,nf->mn", left, right) if len(left) <= FEW else left @ right.T
    similar: Array = np.exp(-GAMMA * (squares(left)[:, None] + known[None, :] - 2 * products))
    return similar


def squares(rows: Array) -> Array:
    """The squared length of each row: (n, features) to (n,)."""
    lengths: Array = (rows**2).sum(axis=1)
    return lengths


def written(heads: Heads) -> bytes:
    """The file that `read` reads, as numpy's .npz."""
    arrays: dict[str, Any] = {"support": heads.support, "terms": heads.terms, "rarity": heads.rarity}
    for name in NAMES:
        arrays |= {
            f"{name}_weights": heads.weights[name],
            f"{name}_words": heads.words[name],
            f"{name}_bias": heads.bias[name],
        }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read(data: bytes, width: int) -> Heads | None:
    """The heads in a file of dense features of that `width`, or None where it is damaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            heads = Heads(
                support=arrays["support"],
                terms=arrays["terms"],
                rarity=arrays["rarity"],
                weights={name: arrays[f"{name}_weights"] for name in NAMES},
                words={name: arrays[f"{name}_words"] for name in NAMES},
                bias={name: arrays[f"{name}_bias"] for name in NAMES},
            )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return None
    count = len(heads.support)
    shaped = heads.support.shape == (count, width) and heads.rarity.shape == heads.terms.shape
    shaped = shaped and all(
        heads.weights[name].shape == (count, len(DIMENSIONS[name]))
        and heads.words[name].shape == (len(heads.terms), len(DIMENSIONS[name]))
        and heads.bias[name].shape == (len(DIMENSIONS[name]),)
        for name in NAMES
    )
    learnt = (heads.weights, heads.words, heads.bias)
    finite = all(
        np.isfinite(part).all()
        for part in (heads.support, heads.rarity, *(p for group in learnt for p in group.values()))
    )
    return heads if shaped and finite else None


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares
