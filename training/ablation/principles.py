"""Other choices of principles than the agent's, for arms that ask what its choice is worth."""

import random
from dataclasses import dataclass

from agent.conversation import question_in_context
from agent.rubric import Search
from agent.scenario.subject import searched
from principles.grader import Turns
from principles.schema import Scenario
from retrieval.retriever import Retrieved


@dataclass(frozen=True)
class AtRandom(Search):
    """As many principles as the agent finds for a question, drawn from those that it does not find.

    Mandatory ones are in whatever is found, so they stay, and none is drawn. Each of the others is drawn by the
    question, in the place and with the similarity of one that was found, and with its own probability to belong: it
    passes the same check of whether it applies as any other.
    """

    def principles(self, turns: Turns, scenario: Scenario, top_k: int) -> list[Retrieved]:
        """See `Search.principles`; the same ones for the same question. Fewer where the library has no more."""
        found = super().principles(turns, scenario, top_k)
        theirs = {one.principle.id for one in found}
        others = [one for one in self.retriever.library.principles if one.id not in theirs and not one.always]
        random.Random(question_in_context(searched(turns))).shuffle(others)
        belongs = {one.principle.id: one.belongs for one in self.belonging_to(turns, scenario)}
        places = [one for one in found if not one.mandatory]
        drawn = zip(others, places, strict=False)
        return [one for one in found if one.mandatory] + [
            Retrieved(principle, place.similarity, False, belongs.get(principle.id)) for principle, place in drawn
        ]


@dataclass(frozen=True)
class Everything(Search):
    """The whole library: first what the agent finds, then the rest by likeness, none left out."""

    def principles(self, turns: Turns, scenario: Scenario, top_k: int) -> list[Retrieved]:
        """See `Search.principles`; the whole library, whatever `top_k` says."""
        whole = len(self.retriever.library.principles)
        found = super().principles(turns, scenario, whole)
        there = {one.principle.id for one in found}
        belongs = {one.principle.id: one.belongs for one in self.belonging_to(turns, scenario)}
        rest = self.retriever.similar(question_in_context(searched(turns)), whole)
        return found + [Retrieved(p, near, False, belongs.get(p.id)) for p, near in rest if p.id not in there]
