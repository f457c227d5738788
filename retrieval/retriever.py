"""From a question and its scenario to the principles that an answer is held to.

The constants were chosen on HealthBench questions outside its Hard set; README.md here says how.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from principles.library import Library, library_path, load_library
from principles.schema import Principle, Scenario
from retrieval.demand import Demand, demand_path, load_demand
from retrieval.encoder import Encoder, Vectors, load_encoder
from retrieval.index import PrincipleIndex, open_index

CANDIDATES = 64
# Besides those that the search finds, the principles that physicians ask for most of answers to such questions.
MOST_ASKED = 24
# The first places go by likeness, with a little for what physicians ask for; further ones by both alike.
FIRST, LITTLE = 8, 0.3
# Below this sum of likeness and demand a principle stays out of the further places.
FURTHER_FLOOR = 0.1
# A question to which no principle is even so near is hardly about health: it gets no further places.
ABOUT_HEALTH = 0.15
# A principle's score is its best row's cosine mixed with its centre's.
CENTRE_SHARE = 0.65
# Taken off where the scenario's value is not one of the principle's, as far as the classifier was sure of it.
MISFIT = 0.05
# Below its floor a principle stays out: an irrelevant one does harm, for its advice would enter the answer.
# How to speak to this reader shows less in a question's words than its topic does.
FLOOR, SPEECH_FLOOR = 0.30, 0.27
SPEECH = "expertise"
# Taken off for likeness to a principle that is already in.
REPETITION = 0.05
# The encoder reads about 1,000 characters and no more: a longer text is read piece by piece. Its question mostly stands
# at an end, and in a whole piece it would drown.
PIECE, TAIL = 900, 250
MOST_PIECES = 40


@dataclass(frozen=True)
class Retrieved:
    """A principle brought in for a question. `similarity` is a cosine, in [-1, 1]; `belongs` the probability that the
    principle belongs to the question, where that was learnt."""

    principle: Principle
    similarity: float
    mandatory: bool
    belongs: float | None = None


class Retriever:
    """Search in one library; safe to share between threads."""

    def __init__(self, library: Library, index: PrincipleIndex, encoder: Encoder, demand: Demand | None = None) -> None:
        self.library = library
        self.encoder = encoder
        self._index = index
        self._demand = demand
        self._always = [place for place, principle in enumerate(library.principles) if principle.always]

    def retrieve(self, question: str, scenario: Scenario, top_k: int = 8) -> list[Retrieved]:
        """At most max(`top_k`, number of mandatory ones) principles: mandatory ones first, then best first.

        Mandatory are the `always` principles of the scenario's values, whatever the search says. One place
        is kept for how to speak to this reader, where anything about it is near enough. Places beyond `FIRST`
        are for what physicians ask of answers to such questions, where that was learnt for this library.
        """
        principles = self.library.principles
        mandatory = [place for place in self._always if _fits(principles[place], scenario)]
        queries = self.encoder.encode(pieces(question))
        demand = self._demand.of(queries) if self._demand else np.zeros(len(principles), dtype=np.float32)
        similarity, centres = self._look(queries, [*mandatory, *self._most_asked(demand)])
        fit = {place: near - _misfit(principles[place], scenario) for place, near in similarity.items()}

        near = {place: fit[place] + LITTLE * float(demand[place]) for place in fit if place not in mandatory}
        near = {place: score for place, score in near.items() if score >= _floor(principles[place])}
        speech = [p for p in near if principles[p].dimension == SPEECH and _fits(principles[p], scenario)]
        chosen = _filled(mandatory, near, min(top_k, FIRST) if self._demand else top_k, centres, speech)
        chosen[len(mandatory) :] = sorted(chosen[len(mandatory) :], key=lambda place: -near[place])
        if self._demand and top_k > FIRST and max(similarity.values()) >= ABOUT_HEALTH:
            asked = {place: fit[place] + float(demand[place]) for place in fit if place not in chosen}
            asked = {place: score for place, score in asked.items() if score >= FURTHER_FLOOR}
            chosen = _filled(chosen, asked, top_k, centres)
        return [Retrieved(principles[p], similarity[p], rank < len(mandatory)) for rank, p in enumerate(chosen)]

    def _most_asked(self, demand: Vectors) -> list[int]:
        return np.argsort(-demand)[:MOST_ASKED].tolist() if self._demand else []

    def _look(self, queries: Vectors, besides: list[int]) -> tuple[dict[int, float], dict[int, Vectors]]:
        """Similarity and centre of the principles found for a question, and of those `besides`, by position."""
        best = dict(self._index.search(queries, CANDIDATES))
        places = list(dict.fromkeys([*besides, *best]))
        centres = dict(zip(places, self._index.centres(places), strict=True))
        similarity = {}
        for place, centre in centres.items():
            near = float((queries @ centre).max())
            similarity[place] = CENTRE_SHARE * near + (1 - CENTRE_SHARE) * best.get(place, near)
        return similarity, centres

    def likenesses(self, questions: Sequence[Vectors]) -> Vectors:
        """The similarity of every principle to each question, by its pieces' vectors: (questions, principles)."""
        every = list(range(len(self.library.principles)))
        found = [self._look(queries, every)[0] for queries in questions]
        return np.array([[near[place] for place in every] for near in found], dtype=np.float32)

    def similar(self, text: str, top_k: int = 8) -> list[tuple[Principle, float]]:
        """The principles nearest to a text and the cosine of their best row, whatever the scenario."""
        found = self._index.search(self.encoder.encode(pieces(text)), top_k)
        return [(self.library.principles[place], similarity) for place, similarity in found]


def load_retriever(path: Path | None = None) -> Retriever:
    """A retriever over the library at `path` (see `load_library`), with the configured encoder."""
    return retriever_of(load_library(path), demand_path(library_path(path)))


def retriever_of(library: Library, *demands: Path) -> Retriever:
    """A retriever over this library; its index is built where none is saved. What was learnt for it may lie in files
    besides the bundled one."""
    encoder = load_encoder()
    return Retriever(library, open_index(library, encoder), encoder, load_demand(library, encoder, *demands))


def pieces(text: str) -> list[str]:
    """What is embedded of a text: all of it, or the pieces and the very end of a long one; of an endless one the first
    and last pieces."""
    if len(text) <= PIECE:
        return [text]
    cut = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    if len(cut) > MOST_PIECES:
        cut = cut[: MOST_PIECES // 2] + cut[-MOST_PIECES // 2 :]
    return [*cut, text[-PIECE:], text[-TAIL:]]


def _filled(
    chosen: Sequence[int],
    scores: Mapping[int, float],
    places: int,
    centres: Mapping[int, Vectors],
    before: Sequence[int] = (),
) -> list[int]:
    """`chosen` and the best others, each less what it repeats, up to so many `places`; the first of them is one
    of those `before`, where there are any."""
    if not scores:
        return list(chosen)
    filled, left = list(chosen), list(scores)
    rows = np.stack([centres[place] for place in left])
    worth = np.fromiter(scores.values(), dtype=np.float64)
    repeats = np.zeros(len(left))
    for place in filled:
        repeats = np.maximum(repeats, rows @ centres[place])
    open_to = np.array([place in before for place in left]) if before else np.isfinite(worth)
    while len(filled) < places and open_to.any():
        best = int(np.where(open_to, worth - REPETITION * repeats, -np.inf).argmax())
        filled.append(left[best])
        worth[best] = -np.inf
        open_to = np.isfinite(worth)
        repeats = np.maximum(repeats, rows @ rows[best])
    return filled


def _fits(principle: Principle, scenario: Scenario) -> bool:
    return str(getattr(scenario, principle.dimension)) in principle.values


def _misfit(principle: Principle, scenario: Scenario) -> float:
    if _fits(principle, scenario) or principle.dimension in scenario.guessed:
        return 0.0
    return MISFIT * scenario.confidence.get(principle.dimension, 1.0)


def _floor(principle: Principle) -> float:
    return SPEECH_FLOOR if principle.dimension == SPEECH else FLOOR
