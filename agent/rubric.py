"""From a question to its rubric: the one way, for the graph, the page, the rubric review and synthesis.

The scenario is read, the search finds principles, and a writer makes criteria of those that apply. What differs
between users is the writer alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agent.alarm import alarming
from agent.conversation import question_in_context
from agent.critic.belonging import Belonging
from agent.document import wants_document
from agent.emergency import CALL
from agent.scenario.classifier import ScenarioClassifier
from agent.scenario.features import features
from agent.scenario.subject import in_hand, searched
from principles.grader import Turns
from principles.rubric import build_rubric
from principles.schema import Principle, Rubric, Scenario, Urgency
from retrieval.retriever import Retrieved, Retriever, pieces

# From this P(belongs) on a principle is brought in that the search has not found.
BROUGHT_FROM = 0.3
# How much has to speak for a call where the scenario only guesses at an emergency, or a document is asked for. Chosen
# on the questions of hands that were left out of all learning: docs/critic.md.
CALL_FROM = 0.27
# How much has to speak for it where the scenario sees no emergency: 1 in 100 calm questions reach this.
CALL_ALONE_FROM = 0.4


@dataclass(frozen=True)
class Search:
    """What tells the scenario, and what finds principles by it; all read with one encoder. Without `belonging` only the
    model can say which of them apply."""

    retriever: Retriever
    classifier: ScenarioClassifier
    belonging: Belonging | None = None

    def scenario(self, turns: Turns, said: str = "") -> Scenario:
        """The kind of the last question, in the light of earlier turns. Raises InputError without a user turn.

        `turns` are in English, if they could be translated; `said` is the question in its own words. The critic has a
        say in what is an emergency: one that is a guess, or stands in a document to be written, and for which it sees
        no need to call is taken for what may be one, and the answer then says when to call; and where it plainly sees
        the need, or the words are alarming, it is one.
        """
        found = self.classifier.classify(turns)
        call, alarmed = self._call(turns), alarming(said)
        if found.urgency is not Urgency.EMERGENT:
            plain = alarmed or (call or 0.0) >= CALL_ALONE_FROM
            return _urgent(found, Urgency.EMERGENT) if plain else found
        doubtful = "urgency" in found.guessed or wants_document(turns, found)
        needless = call is not None and call < CALL_FROM and not alarmed
        return _urgent(found, Urgency.CONDITIONALLY_EMERGENT) if doubtful and needless else found

    def _call(self, turns: Turns) -> float | None:
        """How much of the question speaks for a call for help; None where that was not learnt."""
        if self.belonging is None or CALL not in self.retriever.library:
            return None
        rows = features(self.retriever.encoder.encode, [in_hand(turns)])[0]
        return self.belonging.score(rows, self.retriever.library.get(CALL))

    def principles(self, turns: Turns, scenario: Scenario, top_k: int) -> list[Retrieved]:
        """At most `top_k`, unless more are mandatory: these first, then those that belong, then as found by the search.

        See `Retriever.retrieve`.
        """
        asked = question_in_context(searched(turns))
        brought = self.retriever.retrieve(asked, scenario, top_k)
        found = {one.principle.id: one for one in brought}
        for one in self.belonging_to(turns, scenario):
            key = one.principle.id
            if key in found:
                found[key] = replace(found[key], belongs=one.belongs)
            elif (one.belongs or 0.0) >= BROUGHT_FROM:
                found[key] = one
        ranked = sorted(found.values(), key=_order)
        return ranked[: max(top_k, len(brought))]

    def belonging_to(self, turns: Turns, scenario: Scenario) -> list[Retrieved]:
        """Each principle that the critic has learnt, with its likeness and P(belongs)."""
        if self.belonging is None:
            return []
        kept, encode, library = searched(turns), self.retriever.encoder.encode, self.retriever.library
        likeness = self.retriever.likenesses([encode(pieces(question_in_context(kept)))])[0]
        chances = self.belonging.chances(features(encode, [kept])[0], likeness, library.principles, scenario)
        return [
            Retrieved(one, float(near), mandatory=False, belongs=chances[one.id])
            for one, near in zip(library.principles, likeness, strict=True)
            if one.id in chances
        ]


def _urgent(found: Scenario, urgency: Urgency) -> Scenario:
    guessed = tuple(dict.fromkeys([*found.guessed, "urgency"]))
    return found.model_copy(update={"urgency": urgency, "guessed": guessed})


def _order(one: Retrieved) -> tuple[bool, float]:
    """Mandatory first, then what belongs, then all others as the search has them."""
    chance = one.belongs or 0.0
    return not one.mandatory, -chance if chance >= BROUGHT_FROM else 0.0


@dataclass(frozen=True)
class Selected:
    """A principle of the rubric, with the evidence that it applies: P(applies) is None where it was not asked."""

    found: Retrieved
    applies: float | None = None

    @property
    def principle(self) -> Principle:
        """The principle itself."""
        return self.found.principle


@dataclass(frozen=True)
class Written:
    """A rubric, and the principles that its criteria are made from, or could have been."""

    rubric: Rubric
    principles: tuple[Selected, ...]


class Writer(Protocol):
    """Makes criteria for the last question of `turns` from principles that were found for it.

    May raise ModelError. Safe to share between threads.
    """

    def write(self, turns: Turns, scenario: Scenario, found: Sequence[Retrieved]) -> Written:
        """The criteria, and the principles behind them."""


class TemplateWriter:
    """The principles' own criteria, filled in from the question; of all of them, whether they apply or not."""

    def write(self, turns: Turns, scenario: Scenario, found: Sequence[Retrieved]) -> Written:
        """See `Writer`."""
        return from_templates([Selected(one) for one in found], turns)


def from_templates(chosen: Sequence[Selected], turns: Turns) -> Written:
    """The own criteria of the principles that were chosen, in their order, filled in from the question."""
    return Written(build_rubric([one.principle for one in chosen], turns), tuple(chosen))


@dataclass(frozen=True)
class QuestionRubric:
    """The rubric of one question, and how it came about."""

    scenario: Scenario
    principles: tuple[Selected, ...]
    rubric: Rubric


def rubric_for(
    turns: Turns,
    search: Search,
    writer: Writer,
    top_k: int,
    *,
    scenario: Scenario | None = None,
    found: Sequence[Retrieved] | None = None,
) -> QuestionRubric:
    """The rubric for the last question of `turns`, of at most `top_k` principles, unless more are mandatory.

    `turns` are as the search reads them, in English (see `agent.language.in_english`). A `scenario` and principles
    `found` earlier are taken as they are. Raises InputError without a user turn, and what the writer raises.
    """
    kind = scenario or search.scenario(turns)
    brought = search.principles(turns, kind, top_k) if found is None else found
    written = writer.write(turns, kind, brought)
    return QuestionRubric(kind, written.principles, written.rubric)
