"""Which principles belong to a question, learnt from labelled questions: in milliseconds, without a call to the model.

A kernel ridge regression from the question, as the scenario reads it (sentence vector, cues and words), to each
principle's labels, which a logistic regression joins with how near the search finds it. `python -m training critic`
learns and measures it; docs/critic.md says how well it does. A principle that it did not learn, or that has been
reworded since, has no probability here, and the model is asked (`ModelJudge.applies`).
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.scenario.features import Array, Rows
from agent.scenario.heads import Learnt
from principles.schema import Principle, Scenario
from retrieval.encoder import Encoder

LEARNT = "belonging.npz"


@dataclass(frozen=True)
class Regression(Learnt):
    """Kernel ridge regression from questions to P principles: `weights` (n, P), `words` (t, P) and `base` (P,)."""

    weights: Array
    words: Array
    base: Array

    def scores(self, rows: Rows) -> Array:
        """(m, P): how much each of `rows` (m) speaks for each principle, 0 for not and 1 for wholly."""
        near, said = self.compared(rows)
        scores: Array = near @ self.weights + said @ self.words + self.base
        return scores

    def arrays(self) -> dict[str, Any]:
        """All that was learnt, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True)
class Belonging(Regression):
    """What was learnt of P principles from n questions.

    `marks` (P,) say which principles (see `mark`), `counts` (P,) how many questions each belonged to; `link` (features
    of a pair,) and `bias` () are the logistic regression. `made_for` is encoder, its revision, the data's SHA-256.
    """

    marks: npt.NDArray[np.str_]
    counts: Array
    link: Array
    bias: Array
    made_for: npt.NDArray[np.str_]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {str(mark): place for place, mark in enumerate(self.marks)}

    def knows(self, encoder: Encoder) -> bool:
        """Whether this was learnt with that encoder."""
        return bool(self.made_for[:2].tolist() == [encoder.name, encoder.revision])

    def chances(
        self, rows: Rows, likeness: Array, principles: Sequence[Principle], scenario: Scenario
    ) -> dict[str, float]:
        """P(belongs) in [0, 1] by principle id, of the principles that were learnt.

        `rows` are the question's features, of which the last counts, and `likeness` (m,) how near the search finds each
        of the m `principles`.
        """
        known = [(at, self._places[m]) for at, one in enumerate(principles) if (m := mark(one)) in self._places]
        if not known:
            return {}
        here, there = [at for at, _ in known], [place for _, place in known]
        scores = self.scores(_last(rows))[:, there]
        chosen = [principles[at] for at in here]
        pairs = pair_features(scores, likeness[here][None], fits(chosen, scenario)[None], self.counts[there], chosen)
        chances = probability_of(pairs[0], self.link, self.bias)
        return {one.id: float(chance) for one, chance in zip(chosen, chances, strict=True)}

    def score(self, rows: Rows, principle: Principle) -> float | None:
        """How much the question by itself speaks for a principle (see `scores`); None if not learnt."""
        place = self._places.get(mark(principle))
        return None if place is None else float(self.scores(_last(rows))[0, place])

    def written(self) -> bytes:
        """The file that `load_belonging` reads: numbers in half precision, which changes no verdict."""
        buffer = io.BytesIO()
        halved = {key: a.astype(np.float16) if a.ndim == 2 else a for key, a in self.arrays().items()}
        np.savez_compressed(buffer, allow_pickle=False, **halved)
        return buffer.getvalue()


def load_belonging(encoder: Encoder) -> Belonging | None:
    """What was learnt for this encoder, or None."""
    file = files("agent.critic").joinpath(LEARNT)
    if not file.is_file():  # before it is learnt for the first time
        return None
    with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
        found = {key: a.astype(np.float32) if a.dtype == np.float16 else a for key, a in arrays.items()}
    learnt = Belonging(**found)
    return learnt if learnt.knows(encoder) else None


def mark(principle: Principle) -> str:
    """What says that a principle is the one that was learnt: its id, and what decides where it belongs."""
    said = [principle.id, principle.applies_when, principle.advice, principle.statement, principle.values]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:24]


def fits(principles: Sequence[Principle], scenario: Scenario) -> Array:
    """(m,): 1 where a principle's values hold the scenario's, else 0."""
    return np.array([getattr(scenario, p.dimension) in p.values for p in principles], dtype=np.float32)


def probability_of(pairs: Array, link: Array, bias: Array) -> Array:
    """P(belongs), (..., m), by the logistic regression of `pairs` (..., m, features)."""
    chances: Array = 1 / (1 + np.exp(-(pairs @ link + bias)))
    return chances


def pair_features(scores: Array, likeness: Array, fit: Array, counts: Array, principles: Sequence[Principle]) -> Array:
    """What the logistic regression reads of questions (q) and principles (m): (q, m, features).

    `scores`, `likeness` and `fit` are (q, m), `counts` (m,).
    """
    critical = np.array([p.safety_critical for p in principles], dtype=np.float32)
    speech = np.array([p.dimension == "expertise" for p in principles], dtype=np.float32)
    shape = scores.shape
    return np.stack(
        [
            scores,
            likeness,
            np.sqrt(np.clip(scores, 0, 1)),
            scores * likeness,
            scores - scores.max(axis=1, keepdims=True),
            likeness - likeness.max(axis=1, keepdims=True),
            _ranks(scores),
            _ranks(likeness),
            fit,
            fit * scores,
            (1 - fit) * speech,
            np.broadcast_to(np.log1p(counts), shape),
            np.broadcast_to(critical, shape),
            np.broadcast_to(speech, shape),
        ],
        axis=-1,
    ).astype(np.float32)


def _last(rows: Rows) -> Rows:
    """The question in the light of earlier turns, where there are any."""
    return Rows(rows.dense[-1:], rows.texts[-1:])


def _ranks(values: Array) -> Array:
    """log(1 + rank) within each row, the greatest being 0."""
    ranks: Array = np.log1p((-values).argsort(axis=1).argsort(axis=1)).astype(np.float32)
    return ranks
