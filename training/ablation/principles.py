"""Other choices of principles than the search's, for arms that ask what the search is worth."""

import random
from dataclasses import dataclass

from principles.library import Library
from principles.schema import Scenario
from retrieval.encoder import Encoder
from retrieval.retriever import Retrieved, Retriever


@dataclass(frozen=True)
class _Instead:
    """Stands in for `search` in the agent."""

    search: Retriever

    @property
    def library(self) -> Library:
        return self.search.library

    @property
    def encoder(self) -> Encoder:
        return self.search.encoder


class AtRandom(_Instead):
    """As many principles as the search finds, drawn by the question from the whole library.

    Each takes the place of one that was found, with its similarity and whether it is mandatory: what follows
    cannot tell them apart, and only the principles themselves differ.
    """

    def retrieve(self, question: str, scenario: Scenario, top_k: int = 8) -> list[Retrieved]:
        """See `Retriever.retrieve`; as many as that brings, drawn at random, the same ones for the same question."""
        found = self.search.retrieve(question, scenario, top_k)
        drawn = random.Random(question).sample(self.library.principles, len(found))
        return [
            Retrieved(principle, one.similarity, one.mandatory) for principle, one in zip(drawn, found, strict=True)
        ]


class Everything(_Instead):
    """The whole library: first what the search finds near enough, then the rest by likeness, none left out."""

    def retrieve(self, question: str, scenario: Scenario, top_k: int = 8) -> list[Retrieved]:
        """See `Retriever.retrieve`; the whole library, whatever `top_k` says."""
        whole = len(self.library.principles)
        found = self.search.retrieve(question, scenario, whole)
        there = {one.principle.id for one in found}
        rest = self.search.similar(question, whole)
        return found + [Retrieved(p, likeness, False) for p, likeness in rest if p.id not in there]
