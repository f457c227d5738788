"""What the reader of claims learns from: sentences that get a knowledge card wrong or right, or say something else.

Most were written for this, as they would stand in the middle of a chatbot's answer (labels/claims.jsonl): of each card
two that are right, one or two that are wrong and one beside the point, right and wrong as near to each other in words
as can be. To these come what the card itself says, which alone would be nearest to the wrong ones; and sentences of
other cards: what is true of the nearest, and what is wrong of any that name the same thing, since what is wrong of the
nearest may well be wrong of this card. A name is sometimes replaced by "it".

A reader that learnt from these takes what is short and flat for right. So it goes on with short sentences, three right
and three wrong of most cards (labels/short_claims.jsonl), among fewer of the others.
"""

import hashlib
import io
import json
import random
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.claims import base_model, beside, shipped_model
from agent.critic.quoting import SENTENCE
from principles.facts import Fact
from principles.files import cache_dir
from retrieval.facts import FactSearch
from training.common.reader import Training, fine_tuned
from training.critic.labels import text_of

NAMELESS = 0.15
NEAREST = 10
# Sentences of the card itself that are read as right.
OWN = 2
# How the reader learns. What a word means is known to the encoder; a change of so low a rank loses nothing that counts.
TRAINING = Training(max_tokens=128, learning_rate=2e-4, epochs=2, frozen=("embeddings", "layer.0"))
RANK = 32
# How it goes on: gentler, once, with more of it left as it is.
FURTHER = Training(max_tokens=128, learning_rate=1e-4, epochs=1, frozen=("embeddings", "layer.0", "layer.1"), seed=1)
# Short sentences of a card that are read, right ones and wrong ones each.
SHORT = 2


NOTHING: dict[str, list[str]] = {"right": [], "wrong": [], "other": []}


@dataclass(frozen=True)
class Claim:
    """A sentence beside a card, and whether it gets the card's fact wrong."""

    sentence: str
    beside: str
    wrong: bool


@dataclass
class Claims:
    """Pairs to learn from, drawn anew at each `draw`."""

    search: FactSearch
    seed: int = 0

    def __post_init__(self) -> None:
        self.cards: Sequence[Fact] = self.search.facts.principles  # type: ignore[assignment]
        self._near = dict(self.search.neighbours(self.cards, NEAREST))
        self._written = _rows("claims.jsonl")
        self._short = _rows("short_claims.jsonl")
        self._by_name: dict[str, list[Fact]] = defaultdict(list)
        for card in self.cards:
            for name in card.names:
                self._by_name[name.lower()].append(card)

    def draw(self) -> list[Claim]:
        """All pairs of all cards, in an order of chance."""
        rng = random.Random(self.seed)
        drawn = [claim for card in self.cards for claim in self._of(card, rng)]
        rng.shuffle(drawn)
        return drawn

    def draw_further(self) -> list[Claim]:
        """The pairs by which a reader goes on, in an order of chance."""
        rng = random.Random(self.seed + 1)
        drawn = [claim for card in self.cards for claim in self._of(card, rng, further=True)]
        rng.shuffle(drawn)
        return drawn

    def _of(self, card: Fact, rng: random.Random, further: bool = False) -> Iterator[Claim]:
        for sentence, wrong in self._short_sentences(card, rng) if further else self._sentences(card, rng):
            said = nameless(card, sentence) if rng.random() < NAMELESS else sentence
            yield Claim(said, beside(card), wrong)

    def _sentences(self, card: Fact, rng: random.Random) -> Iterator[tuple[str, bool]]:
        written, near = self._written.get(card.id, NOTHING), self._near[card.id]
        yield from ((sentence, True) for sentence in written["wrong"])
        yield from ((sentence, False) for sentence in (*written["right"], *written["other"]))
        yield from ((sentence, False) for sentence in self._own(card, rng))
        for other, name in ((rng.choice(near), "right"), (self._sharing_a_name(card, rng), "wrong")):
            said = self._written.get(other.id, NOTHING)[name]
            yield from ((sentence, False) for sentence in rng.sample(said, min(1, len(said))))

    def _short_sentences(self, card: Fact, rng: random.Random) -> Iterator[tuple[str, bool]]:
        short, written = self._short.get(card.id, NOTHING), self._written.get(card.id, NOTHING)
        for name, wrong in (("wrong", True), ("right", False)):
            yield from ((sentence, wrong) for sentence in rng.sample(short[name], min(SHORT, len(short[name]))))
            yield from ((sentence, wrong) for sentence in rng.sample(written[name], min(1, len(written[name]))))
        yield rng.choice(card.wrong_forms), True
        others = self._short.get(self._sharing_a_name(card, rng).id, NOTHING)
        yield from ((sentence, False) for sentence in rng.sample(others["wrong"], min(1, len(others["wrong"]))))

    def _own(self, card: Fact, rng: random.Random) -> Iterator[str]:
        said = [
            card.statement,
            *(whole[0] for text in (card.advice, card.colleague) for whole in SENTENCE.finditer(text)),
        ]
        yield from rng.sample(said, min(OWN, len(said)))

    def _sharing_a_name(self, card: Fact, rng: random.Random) -> Fact:
        near = [one for name in card.names for one in self._by_name[name.lower()] if one.id != card.id]
        return rng.choice(near or self.cards)


def _rows(name: str) -> dict[str, dict[str, list[str]]]:
    return {row["id"]: row for row in map(json.loads, text_of(name).splitlines())}


def nameless(card: Fact, sentence: str) -> str:
    """The sentence with the first of the card's names that it says replaced by "it"."""
    for name in sorted(card.names, key=len, reverse=True):
        said = re.sub(rf"\b{re.escape(name)}\b", "it", sentence, count=1, flags=re.IGNORECASE)
        if said != sentence:
            return said[0].upper() + said[1:]
    return sentence


def learnt(claims: Sequence[Claim], further: bool = False) -> bytes:
    """What these pairs teach, as the file that `agent.claims` reads; unfinished training is resumed from the
    cache. `further` goes on from what the package has."""
    pairs, how = [(claim.sentence, claim.beside) for claim in claims], FURTHER if further else TRAINING
    digest = hashlib.sha256(json.dumps([pairs, repr(how)]).encode()).hexdigest()
    checkpoints = cache_dir("claims") / digest[:16]
    begin = checkpoints / "begin" if further else None
    if begin and not begin.is_dir():
        shipped_model().save_pretrained(str(begin))
    model = fine_tuned(pairs, np.array([claim.wrong for claim in claims]), checkpoints, how, begin)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **changes(base_model().state_dict(), model.state_dict()))
    shutil.rmtree(checkpoints, ignore_errors=True)
    return buffer.getvalue()


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float16]]:
    """From the weights before and after to the changes: of each changed matrix the nearest of rank `RANK`, by its
    singular values; anything else that changed, and the head, whole."""
    found: dict[str, npt.NDArray[np.float16]] = {}
    for name, tensor in after.items():
        old, new = before[name].numpy().astype(np.float64), tensor.numpy().astype(np.float64)
        if np.array_equal(old, new):
            continue
        if new.ndim == 2 and min(new.shape) > RANK:
            left, sizes, right = np.linalg.svd(new - old, full_matrices=False)
            roots = np.sqrt(sizes[:RANK])
            found[f"{name}.left"] = (left[:, :RANK] * roots).astype(np.float16)
            found[f"{name}.right"] = (roots[:, None] * right[:RANK]).astype(np.float16)
        else:
            found[name] = new.astype(np.float16)
    return found
