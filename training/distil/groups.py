"""Which criteria ask for the same: those are taken as centres of groups that together cover most of the points.

A centre *covers* a criterion as `retrieval.coverage` says: their cosine reaches its THRESHOLD once what all criteria
have in common is taken out. Points count as a share of their rubric's, so that no rubric weighs more than another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from retrieval.coverage import THRESHOLD
from retrieval.encoder import Vectors
from training.common.progress import bar

# Up to so many criteria of a sign each may be a centre; of more, k-means finds so many cells, and their middles may.
FEW, CELLS = 12_000, 6_000
ROUNDS = 12
# Centres that are nearer say the same; statements made of them must not reach retrieval's SAME, 0.85.
SAME = 0.80
# Where no number is asked for, each principle adds the criteria of so many questions to what is covered before it.
QUESTIONS = 3
# Up to this share of the places goes to what is rare and safety-critical.
RARE_SHARE = 0.1
BLOCK = 512

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """What is grouped: unit `vectors` (n, d) as the encoder gave them and `apart` (n, d) without what is common to all;
    `weight` (n,), whether `wanted` (n,), whether `grave` (n,), and the `questions` that ask it (n sets)."""

    vectors: Vectors
    apart: Vectors
    weight: Floats
    wanted: npt.NDArray[np.bool_]
    grave: npt.NDArray[np.bool_]
    questions: Sequence[frozenset[int]]


def centres(asked: Asked, count: int | None) -> list[int]:
    """The positions of the criteria that stand for the principles, the weightiest first.

    `count` of them, or fewer where the rest would only repeat; where it is None, as many as each add the criteria of
    `QUESTIONS` questions. The rare and safety-critical come last.
    """
    found = np.concatenate([_middles(asked, sign) for sign in (True, False)])
    covers = _covers(asked, found)
    return _taken(asked, found, covers, count)


def _middles(asked: Asked, wanted: bool) -> Places:
    """Which criteria may be centres: all, or the one of each cell that covers most of its points."""
    rows = np.flatnonzero(asked.wanted == wanted)
    if len(rows) <= FEW:
        return rows
    labels = _cells(np.ascontiguousarray(asked.apart[rows]))
    order = np.argsort(labels, kind="stable")
    found = []
    for cell in np.split(rows[order], np.flatnonzero(np.diff(labels[order])) + 1):
        # Of an endless cell the weightiest tell enough.
        heads = cell[np.argsort(-asked.weight[cell], kind="stable")[:BLOCK]]
        near = asked.apart[heads] @ asked.apart[cell].T
        found.append(heads[np.argmax((near >= THRESHOLD) @ asked.weight[cell] + 1e-6 * near.mean(axis=1))])
    return np.array(found, dtype=np.int64)


def _cells(vectors: Vectors) -> Places:
    """The cell (n,) of each vector (n, d), by spherical k-means; the same for the same vectors."""
    means = faiss.Kmeans(vectors.shape[1], CELLS, niter=ROUNDS, spherical=True, seed=0, min_points_per_centroid=1)
    means.train(vectors)
    return np.asarray(means.index.search(vectors, 1)[1].ravel(), dtype=np.int64)


def _covers(asked: Asked, found: Places) -> csr_array:
    """Which criteria (columns) each centre (rows) covers: those of its own sign."""
    blocks = []
    with bar("comparing the criteria", len(found)) as done:
        for start in range(0, len(found), BLOCK):
            rows = found[start : start + BLOCK]
            near = asked.apart[rows] @ asked.apart.T >= THRESHOLD
            near &= asked.wanted[rows][:, None] == asked.wanted[None, :]
            near[np.arange(len(rows)), rows] = True
            blocks.append(csr_array(near))
            done(len(rows))
    return csr_array(vstack(blocks))


def _taken(asked: Asked, found: Places, covers: csr_array, count: int | None) -> list[int]:
    """What adds most, one after the other; what is covered is at least 1 - 1/e of the most that could be."""
    choice = _Choice(asked, found, covers)
    reserved = round(RARE_SHARE * count) if count else 0
    choice.add(len(found) if count is None else count - reserved, QUESTIONS if count is None else 0)
    choice.add_rare(count or len(choice.taken) + max(1, round(RARE_SHARE * len(choice.taken))))
    choice.add(count or 0)
    return [int(found[at]) for at in choice.taken]


class _Choice:
    """Centres chosen so far, by their places in `found`, and what they leave."""

    def __init__(self, asked: Asked, found: Places, covers: csr_array) -> None:
        self.taken: list[int] = []
        self._asked = asked
        self._found = found
        self._covers = covers
        self._vectors = asked.vectors[found]
        self._left = asked.weight.copy()
        self._worth = covers @ self._left
        self._open = np.ones(len(found), dtype=bool)

    def add(self, places: int, questions: int = 0) -> None:
        """Take the weightiest until there are so many `places`; each adds the criteria of so many `questions`."""
        open_to = self._open.copy()
        while len(self.taken) < places and (at := self._best(open_to)) is not None:
            if self._new_questions(at) >= questions:
                self._take(at)
                open_to &= self._open
            open_to[at] = False

    def add_rare(self, places: int) -> None:
        """Take what is grave and not covered yet, the weightiest first."""
        grave = np.flatnonzero(self._open & self._asked.grave[self._found])
        for at in sorted(grave.tolist(), key=lambda at: -self._asked.weight[self._found[at]]):
            if len(self.taken) < places and self._open[at] and self._left[self._found[at]] > 0:
                self._take(at)

    def _best(self, among: npt.NDArray[np.bool_]) -> int | None:
        """Weights only fall: what was worth less before is worth less now, so that only the first is counted again."""
        while among.any():
            at = int(np.where(among, self._worth, -1.0).argmax())
            now = float(self._left[self._columns(at)].sum())
            if now >= self._worth[at] - 1e-12:
                return at
            self._worth[at] = now
        return None

    def _take(self, at: int) -> None:
        self.taken.append(at)
        self._left[self._columns(at)] = 0.0
        self._open[self._vectors @ self._vectors[at] >= SAME] = False
        self._open[at] = False

    def _new_questions(self, at: int) -> int:
        columns = self._columns(at)
        return len(set().union(*(self._asked.questions[one] for one in columns[self._left[columns] > 0])))

    def _columns(self, at: int) -> npt.NDArray[np.int32]:
        return np.asarray(self._covers.indices[self._covers.indptr[at] : self._covers.indptr[at + 1]])
