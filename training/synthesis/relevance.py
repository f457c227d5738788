"""Which of the retrieved principles a question is really about, decided by rule: no model is asked.

Likeness alone brings in neighbours: "what helps against the pain?" is near to painkillers in kidney disease.
So a principle that has a topic (a word that keeps coming back in its texts and in few others', "kidney") is
taken at a moderate likeness only where the question names the topic, and else only where it is nearer. One
without a topic of its own is taken on its likeness. docs/synthesis.md says how the limits were chosen.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from agent.select import out_of_place
from principles.library import Library
from principles.schema import Principle, Scenario
from retrieval.retriever import MISFIT, Retrieved

# Least cosine of a principle whose topic the question names, or that has none.
LEAST = 0.38
# Least cosine where it does not name it, by how many of the principle's texts hold its topic (at least).
UNNAMED = {4: 0.62, 3: 0.44}
# A word in the texts of more principles than this is nobody's topic.
OWNERS = 12
# Beside the weightiest word, those count that weigh nearly as much.
NEARLY = 0.7
_WORD = re.compile(r"[a-z]{3,}")
_ENDINGS = ("ies", "ing", "ed", "es", "s")


class Relevance:
    """The rule, for one library."""

    def __init__(self, library: Library) -> None:
        texts = {one.id: [_stems(text) for text in _texts(one)] for one in library.principles}
        owners = Counter(word for own in texts.values() for word in set[str]().union(*own))
        self._topics = {name: _topic(own, owners, len(texts)) for name, own in texts.items()}

    def applying(self, question: str, scenario: Scenario, found: Sequence[Retrieved]) -> list[Retrieved]:
        """Those of `found` that apply, in their order."""
        said = _stems(question)
        return [one for one in found if self._applies(one, said, scenario)]

    def _applies(self, one: Retrieved, said: set[str], scenario: Scenario) -> bool:
        if out_of_place(one.principle, scenario):
            return False
        if one.mandatory and one.principle.dimension not in scenario.guessed:
            return True
        topic, unnamed = self._topics[one.principle.id]
        least = unnamed if topic.isdisjoint(said) else LEAST
        return one.similarity - (0.0 if _fits(one.principle, scenario) else MISFIT) >= least


def _fits(principle: Principle, scenario: Scenario) -> bool:
    known = str(getattr(scenario, principle.dimension)) in principle.values
    return known or principle.dimension in scenario.guessed


def _texts(principle: Principle) -> list[str]:
    said = [principle.applies_when, principle.statement, principle.criterion, principle.advice, *principle.facets]
    return [text for text in said if text]


def _topic(texts: Sequence[set[str]], owners: Counter[str], principles: int) -> tuple[set[str], float]:
    """The topic's words, and the least cosine of a question that has none of them."""
    counted = Counter(word for words in texts for word in words if owners[word] <= OWNERS)
    for times, least in UNNAMED.items():
        weights = {word: n * math.log(1 + principles / owners[word]) for word, n in counted.items() if n >= times}
        if weights:
            return {word for word, weight in weights.items() if weight >= NEARLY * max(weights.values())}, least
    return set(), LEAST


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text.lower())}


def _stem(word: str) -> str:
    ending = next((end for end in _ENDINGS if word.endswith(end) and len(word) - len(end) >= 4), "")
    return word.removesuffix(ending)
