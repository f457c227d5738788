"""The gate that a rubric passes: criteria that no judge could answer well are dropped, each for a named reason.

What is checked here is form: whether a criterion can be answered by yes or no from the answer alone, and asks
for one thing. Whether it is good medicine only a clinician can say.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from agent.critic.pleas import is_plea
from principles.schema import Criterion
from principles.scoring import by_weight
from retrieval.encoder import Encoder, Vectors

LEAST, MOST = 5, 15
LEAST_WORDS, MOST_WORDS = 5, 60
# Of two criteria with points of the same sign: in the library, and among a dozen pairs made up for it, those that
# ask for the same thing have 0.82 to 0.94, those that do not at most 0.81.
DUPLICATE = 0.82
KEPT_VECTORS = 4096

_YES_NO = re.compile(r"(?:does|do|did|is|are|has|have|can|could|should|will|would)\b", re.IGNORECASE)
_ANSWER = re.compile(r"\b(?:answer|response|reply)\b", re.IGNORECASE)
_VERBS = (
    "says?|states?|mentions?|advises?|recommends?|explains?|warns?|asks?|tells?|names?|gives?|suggests?|describes?|"
    "includes?|provides?|avoids?|encourages?|acknowledges?|lists?|offers?|does|is|has"
)
_SECOND = re.compile(rf"\band (?:also |then |it |the answer )*(?:{_VERBS})\b(?! (?:of|by)\b)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+|\d+")
# What is left of a criterion when these words are gone is what it asks for.
_EMPTY_WORDS = """
a about accurate accurately adequate advice all an and answer any appropriate appropriately are as at be brief
clear clearly complete completely comprehensive concise content correct correctly detailed details do does easy
effective empathetic enough explain for from give good guidance has have health help helpful high how if in
include information informative is it language manner medical medically mention of offer on or overall patient
person properly provide quality question reader reasonable reasonably relevant reliable reply response safe
safely so some state sufficient suitable that the their them thorough thoroughly to tone topic useful user very
way well with
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


@dataclass(frozen=True)
class Gated:
    """What passed, in the given order; how many were dropped for each reason; why the rubric is refused, if it is."""

    criteria: tuple[Criterion, ...]
    dropped: Counter[str]
    refused: str | None


class Gate:
    """Checks rubrics. Safe to share between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    def check(self, criteria: Sequence[Criterion], principles: Collection[str]) -> Gated:
        """Criteria for one question, each of which must be made from one of `principles` (ids)."""
        dropped: Counter[str] = Counter()
        sound: list[Criterion] = []
        for criterion in criteria:
            reason = "unknown principle" if criterion.principle_id not in principles else fault_of(criterion)
            if reason:
                dropped[reason] += 1
            else:
                sound.append(criterion)
        distinct = self._distinct(sound)
        dropped["duplicate"] += len(sound) - len(distinct)
        chosen = sorted(distinct, key=by_weight)[:MOST]
        dropped["beyond the fifteen weightiest"] += len(distinct) - len(chosen)
        kept = tuple(criterion for criterion in distinct if criterion in chosen)
        return Gated(kept, +dropped, _refusal(kept))

    def _distinct(self, criteria: Sequence[Criterion]) -> list[Criterion]:
        """Of criteria that say the same, the weightiest."""
        vectors = {one.id: row for one, row in zip(criteria, self._vectors([c.text for c in criteria]), strict=True)}
        kept: list[Criterion] = []
        for criterion in sorted(criteria, key=by_weight):
            rivals = [other for other in kept if (other.points > 0) == (criterion.points > 0)]
            if all(float(vectors[criterion.id] @ vectors[other.id]) < DUPLICATE for other in rivals):
                kept.append(criterion)
        return [criterion for criterion in criteria if criterion in kept]

    def _vectors(self, texts: Sequence[str]) -> list[Vectors]:
        known = dict(self._known)  # templates come again and again
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known |= dict(zip(new, self._encoder.encode(new), strict=True))
            self._known = known if len(known) <= KEPT_VECTORS else {}
        return [np.asarray(known[text]) for text in texts]


def fault_of(criterion: Criterion) -> str | None:
    """Why no judge could answer this criterion well; None where one could."""
    text = criterion.text.strip()
    words = [word.lower() for word in _WORD.findall(text)]
    if "{" in text or "}" in text:
        return "unfilled slot"
    if not criterion.points:
        return "no points"
    if is_plea(text):
        return "speaks to the judge"
    if len(words) < LEAST_WORDS:
        return "too short"
    if len(words) > MOST_WORDS:
        return "too long"
    if text.count("?") > 1 or _SECOND.search(text):
        return "two questions in one"
    if not (text.endswith("?") and _YES_NO.match(text)):
        return "not a yes/no question"
    if not _ANSWER.search(text):
        return "not about the answer"
    if all(word in _EMPTY or word.removesuffix("s") in _EMPTY for word in words):
        return "vague"
    return None


def _refusal(criteria: Sequence[Criterion]) -> str | None:
    if not criteria:
        return "no criterion"
    if not any(criterion.points > 0 for criterion in criteria):
        return "no positive points"
    if len(criteria) < LEAST:
        return "fewer than five criteria"
    return None
