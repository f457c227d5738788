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
from agent.scenario.heads import kernel, squares, term_reader
from principles.schema import Principle, Scenario
from retrieval.encoder import Encoder

LEARNT = "belonging.npz"


@dataclass(frozen=True)
class Belonging:
    """What was learnt of P principles from n questions, whose words and pairs of words are t terms.

    `marks` (P,) say which principles (see `mark`), `support` (n, features) are the questions' dense features, `rarity`
    (t,) weighs the terms; `weights` (n, P), `words` (t, P) and `base` (P,) are the regression, `counts` (P,) how many
    questions each principle belonged to, and `link` (features of a pair,) with `bias` () the logistic one. `made_for`
    is encoder, its revision, and the SHA-256 of the data.
    """

    marks: npt.NDArray[np.str_]
    support: Array
    terms: npt.NDArray[np.str_]
    rarity: Array
    weights: Array
    words: Array
    base: Array
    counts: Array
    link: Array
    bias: Array
    made_for: npt.NDArray[np.str_]

    @cached_property
    def _squares(self) -> Array:
        return squares(self.support)

    @cached_property
    def _reader(self) -> Any:
        reader = term_reader(vocabulary=self.terms)
        reader.idf_ = self.rarity
        return reader

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
        scores = self._scores(rows)[:, there]
        chosen = [principles[at] for at in here]
        pairs = pair_features(scores, likeness[here][None], fits(chosen, scenario)[None], self.counts[there], chosen)
        chances = 1 / (1 + np.exp(-(pairs[0] @ self.link + self.bias)))
        return {one.id: float(chance) for one, chance in zip(chosen, chances, strict=True)}

    def score(self, rows: Rows, principle: Principle) -> float | None:
        """How much the question by itself speaks for a principle, 0 for not and 1 for wholly; None if not learnt."""
        place = self._places.get(mark(principle))
        return None if place is None else float(self._scores(rows)[0, place])

    def _scores(self, rows: Rows) -> Array:
        near = kernel(rows.dense[-1:], self.support, self._squares)
        scores: Array = near @ self.weights + self._reader.transform(rows.texts[-1:]) @ self.words + self.base
        return scores

    def written(self) -> bytes:
        """The file that `load_belonging` reads: numbers in half precision, which changes no verdict."""
        buffer = io.BytesIO()
        arrays = {one.name: getattr(self, one.name) for one in fields(self)}
        halved = {key: a.astype(np.float16) if a.ndim == 2 else a for key, a in arrays.items()}
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


def _ranks(values: Array) -> Array:
    """log(1 + rank) within each row, the greatest being 0."""
    ranks: Array = np.log1p((-values).argsort(axis=1).argsort(axis=1)).astype(np.float32)
    return ranks
