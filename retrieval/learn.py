"""Learn from physicians' rubrics what is asked of answers to which questions: makes demand.npz.

A ridge regression from a question's vector to the share of the physicians' points that each principle covers.
The penalty was chosen by cross-validation over HealthBench items outside the Hard set, from which it learns.
"""

from collections.abc import Sequence

import numpy as np

from retrieval.coverage import THRESHOLD, Item, cosines, demands
from retrieval.demand import Demand
from retrieval.encoder import Vectors
from retrieval.progress import shown
from retrieval.retriever import Retriever, pieces

PENALTY = 10.0
# A point counts by how surely it is covered, since single cosines are noisy: the width of that doubt.
DOUBT = 0.03


def learn(retriever: Retriever, items: Sequence[Item]) -> Demand:
    """What these items teach for the retriever's library and encoder."""
    library, encoder = retriever.library, retriever.encoder
    scored = [item for item in items if item.positive_points > 0]
    found = cosines(scored, demands(library, encoder), encoder)
    shares = np.stack([_shares(cosine, item.positive) for cosine, item in zip(found, scored, strict=True)])
    questions = [encoder.encode(pieces(item.question)) for item in shown(scored, "Reading the questions")]
    rows = np.stack([vectors.mean(axis=0) for vectors in questions])
    weights, bias = ridge(rows, shares)
    values = rows @ weights + bias
    scale = retriever.likenesses(questions).std() / max(float(values.std()), 1e-9)
    return Demand((weights * scale).astype(np.float32), ((bias - values.mean()) * scale).astype(np.float32))


def _shares(cosine: Vectors, positive: Sequence[tuple[str, float]]) -> Vectors:
    points = np.array([points for _, points in positive])
    return np.asarray((points / (1 + np.exp((THRESHOLD - cosine) / DOUBT))).sum(axis=1) / points.sum())


def ridge(rows: Vectors, wanted: Vectors) -> tuple[Vectors, Vectors]:
    """Weights (d, m) and bias (m,) that map rows (n, d) to wanted values (n, m)."""
    middle, mean = rows.mean(axis=0), wanted.mean(axis=0)
    centred = rows - middle
    weights = np.linalg.solve(centred.T @ centred + PENALTY * np.eye(rows.shape[1]), centred.T @ (wanted - mean))
    return weights, mean - middle @ weights
