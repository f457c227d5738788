"""Which sentences of an answer a knowledge card contradicts: a small cross-encoder, some 50 ms a sentence and card.

It reads a sentence beside a card, what is true and how it is usually got wrong; joined with how near the two are, and
with the question, that says how likely the sentence gets the fact wrong. What is short and flat it misses ("Yes, you
can take both"): there `agent.stance` tells by the words that a sentence allows what the card is against. It begins from
the bundled encoder; what it learnt is kept as a low-rank change of each of its matrices. `python -m training critic
claims` teaches it, `python -m tests.planted` measures it; docs/facts.md says how right it is. It reads English alone.
"""

import io
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from agent.critic.corrections import without_withdrawn
from agent.stance import opposed
from agent.text import Unit, units
from principles.facts import Fact, load_facts
from principles.library import Library
from principles.schema import Label, Verdict
from retrieval.encoder import BUNDLED, Encoder, bundled_folder, quiet_loading
from retrieval.fact_sentences import FEATURES, Nearness, nearness
from retrieval.facts import FactSearch

LEARNT = "claims.npz"
MAX_TOKENS = 176
BATCH = 32
# No reading is surer than this.
CERTAIN = 1e-6
SEPARATOR = " [SEP] "
# Wrong forms that are read.
SHOWN = 2
# Cards that a sentence is read beside: the nearest to it, in the light of the question.
CANDIDATES = 4
# The reader's logit, and the cosine to the nearest wrong form, without which nothing counts as wrong.
LEAST_READ, LEAST_LIKE = 0.0, 0.5
# A sentence that allows what the card nearest to it is against, in answer to a question that such cards are asked by,
# is wrong, unless the reader is this sure that it is right. By the tune cases and the flat ones of `tests.planted`.
SURELY_RIGHT, ASKED_FROM = -2.6, 0.55
# Sentences of one answer that are corrected: more than these say that the answer is about something else.
MOST = 3

Pair = tuple[str, str]
Chances = npt.NDArray[np.float32]
Evidence = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


_OF_GATES = [1 + FEATURES.index(name) for name in ("wrong", "question asked", "place")]


@dataclass(frozen=True)
class Joint:
    """The logistic regression over the reader's logit and `retrieval.fact_sentences.FEATURES`: a weight each, and the
    logit from which a sentence counts as wrong.

    Not without the reader: a sentence that it takes for right, or that resembles nothing wrong, is not wrong for being
    near to the question.
    """

    weights: tuple[float, ...]
    bias: float
    wrong_from: float

    def scores(self, evidence: Evidence, against: Flags) -> Scores:
        """The logits (pairs,) of (pairs, features) and of whether a sentence allows what its card is against."""
        scores = evidence @ np.array(self.weights) + self.bias
        read, like, asked, place = evidence[:, [0, *_OF_GATES]].T
        found: Scores = np.where((read >= LEAST_READ) & (like >= LEAST_LIKE), scores, -np.inf)
        allowed = against & (read >= SURELY_RIGHT) & (like >= LEAST_LIKE) & (asked >= ASKED_FROM) & (place == 0)
        return np.where(allowed, np.maximum(scores, self.wrong_from), found)


# By `python -m tests.planted --fit`. Few right sentences reach the threshold, since a right sentence that is replaced
# costs more than a wrong one that stays.
LEARNT_JOINT = Joint((0.958, 5.384, -1.552, -3.247, 0.37, 4.659, 4.37, -0.763), bias=-2.802, wrong_from=3.147)


class Reader(Protocol):
    """Says of pairs of a sentence and a card's text how likely the sentence gets the card's fact wrong."""

    def __call__(self, pairs: Sequence[Pair]) -> Chances:
        """(n,) probabilities of n pairs. Safe to share between threads."""


@dataclass(frozen=True)
class Contradiction:
    """A sentence or list item of an answer, and the card that contradicts it with that probability."""

    unit: Unit
    fact: Fact
    chance: float


@dataclass
class ClaimCritic:
    """What finds wrong facts in answers to any question. Safe to share between threads."""

    search: FactSearch
    reader: Reader
    joint: Joint = LEARNT_JOINT

    def about(self, question: str) -> "Claims":
        """What is found in answers to this question, in English."""
        return Claims(self, question)


@dataclass(frozen=True)
class Claims:
    """Finds what knowledge cards contradict in an English answer to one question."""

    critic: ClaimCritic
    question: str

    def contradictions(self, answer: str) -> list[Contradiction]:
        """The sentences that a card contradicts, surest first, each sentence and each card once."""
        found = units(without_withdrawn(answer))
        if not found:
            return []
        near = self._near(found)
        pairs = [(at, card) for at in range(len(found)) for card in near.nearest(at, CANDIDATES)]
        scores = self._scores(found, near, pairs)
        kept: list[Contradiction] = []
        for place in np.argsort(-scores, kind="stable"):
            (at, card), score = pairs[place], float(scores[place])
            unit, fact = found[at], near.cards[card]
            taken = any(one.unit == unit or one.fact is fact for one in kept)
            if score >= self.critic.joint.wrong_from and not taken and len(kept) < MOST:
                kept.append(Contradiction(unit, fact, chance(score)))
        return kept

    def suspect(self, found: Sequence[Unit], fact: Fact) -> tuple[Unit, float] | None:
        """Of these sentences the one that most likely gets the fact wrong, with P; None where none is wrong enough."""
        if not found:
            return None
        scores = self._of_fact(found, self._near(found), fact)
        if scores.max() < self.critic.joint.wrong_from:
            return None
        return found[int(scores.argmax())], chance(float(scores.max()))

    def verdict(self, answer: str, fact: Fact) -> Verdict:
        """Whether an answer gets the fact wrong: by its worst sentence, those that it corrects itself left out."""
        return self.verdicts(answer, [fact])[fact.id]

    def verdicts(self, answer: str, principles: Iterable[Any]) -> dict[str, Verdict]:
        """By id, the verdict on each card among `principles`."""
        facts = [one for one in principles if isinstance(one, Fact)]
        found = units(without_withdrawn(answer)) if facts else []
        near = self._near(found) if found else None
        made = {}
        for fact in facts:
            worst = float(self._of_fact(found, near, fact).max()) if near else -np.inf
            label = Label.MET if worst >= self.critic.joint.wrong_from else Label.NOT_MET
            made[fact.id] = Verdict(criterion_id=fact.id, label=label, probability=chance(worst))
        return made

    def evidence(self, found: Sequence[Unit], near: Nearness, pairs: Sequence[tuple[int, int]]) -> Evidence:
        """(pairs, features) of pairs of a sentence's place and a card's, the reader's logit first."""
        read = self.critic.reader([(found[at].text, beside(near.cards[card])) for at, card in pairs])
        clipped = np.clip(read.astype(np.float64), CERTAIN, 1 - CERTAIN)
        rows = [[logit, *near.features(at, card)] for logit, (at, card) in zip(_logit(clipped), pairs, strict=True)]
        return np.array(rows, dtype=np.float64).reshape(-1, 1 + len(FEATURES))

    def against(self, found: Sequence[Unit], near: Nearness, pairs: Sequence[tuple[int, int]]) -> Flags:
        """(pairs,): whether the sentence allows what the card is against."""
        return np.array([opposed(found[at].text, near.cards[card]) for at, card in pairs], dtype=bool)

    def _of_fact(self, found: Sequence[Unit], near: Nearness, fact: Fact) -> Scores:
        card = near.cards.index(fact)
        return self._scores(found, near, [(at, card) for at in range(len(found))])

    def _near(self, found: Sequence[Unit]) -> Nearness:
        return nearness(self.critic.search, self.question, [unit.text for unit in found])

    def _scores(self, found: Sequence[Unit], near: Nearness, pairs: Sequence[tuple[int, int]]) -> Scores:
        return self.critic.joint.scores(self.evidence(found, near, pairs), self.against(found, near, pairs))


def chance(score: float) -> float:
    """The probability of a logit. It reads high: errors weighed as much as all else where it was learnt."""
    return float(1 / (1 + np.exp(-score)))


def _logit(chances: Evidence) -> Evidence:
    logits: Evidence = np.log(chances / (1 - chances))
    return logits


def beside(card: Fact, wrong_forms: Sequence[str] = ()) -> str:
    """What is read beside a sentence: the fact, then how it is got wrong, by these sentences instead of the card's."""
    return SEPARATOR.join([card.statement, *(wrong_forms or card.wrong_forms)[:SHOWN]])


@dataclass
class CrossEncoderReader:
    """The bundled encoder with what was learnt. `weights` are low-rank changes by name of a matrix, `NAME.left` (out,
    rank) and `NAME.right` (rank, in), and whole arrays by name of what is no matrix or begins anew."""

    weights: Mapping[str, npt.NDArray[Any]]
    _model: Any = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(self, pairs: Sequence[Pair]) -> Chances:
        """See `Reader`."""
        if not pairs:
            return np.empty(0, dtype=np.float32)
        with self._lock:
            if self._model is None:
                self._model = _changed(self.weights)
            # one pair may come up several times in a review; the sigmoid is the model's own
            found = self._model.predict(list(pairs), batch_size=BATCH, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32).reshape(-1)


def load_claim_critic(encoder: Encoder) -> ClaimCritic | None:
    """What was learnt, over the cards of `load_facts`, or None: for another encoder, or before it is learnt for the
    first time. Raises LibraryError for cards that cannot be read."""
    if encoder.name != BUNDLED or not files("agent").joinpath(LEARNT).is_file():
        return None
    facts = load_facts()
    with _loading:
        return _shared(facts, encoder)


_loading = threading.Lock()


@lru_cache(maxsize=1)
def _shared(facts: Library, encoder: Encoder) -> ClaimCritic:
    """One for all agents of a process: it holds a model and the words of thousands of cards."""
    return ClaimCritic(FactSearch(facts, encoder), CrossEncoderReader(_shipped()))


def shipped_model() -> Any:
    """The reader that comes with the package, as a cross-encoder that may go on learning."""
    return _changed(_shipped())


def _shipped() -> dict[str, npt.NDArray[Any]]:
    with np.load(io.BytesIO(files("agent").joinpath(LEARNT).read_bytes()), allow_pickle=False) as arrays:
        return dict(arrays)


def base_model() -> Any:
    """The bundled encoder as a cross-encoder with one output, which has learnt nothing yet."""
    from sentence_transformers.cross_encoder import CrossEncoder

    with quiet_loading():
        return CrossEncoder(
            str(bundled_folder()), num_labels=1, max_length=MAX_TOKENS, device="cpu", local_files_only=True
        )


def _changed(weights: Mapping[str, npt.NDArray[Any]]) -> Any:
    import torch

    model = base_model()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if f"{name}.left" in weights:
                change = weights[f"{name}.left"].astype(np.float32) @ weights[f"{name}.right"].astype(np.float32)
                tensor += torch.from_numpy(change)
            elif name in weights:
                tensor.copy_(torch.from_numpy(weights[name].astype(np.float32)))
    return model
