"""From a question to its rubric: the one way, for the graph, the page, the rubric review and synthesis.

The scenario is read, the search finds principles, and a writer makes criteria of those that apply. What differs
between users is the writer alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.conversation import question_in_context
from agent.scenario.classifier import ScenarioClassifier
from agent.scenario.subject import searched
from principles.grader import Turns
from principles.rubric import build_rubric
from principles.schema import Principle, Rubric, Scenario
from retrieval.retriever import Retrieved, Retriever


@dataclass(frozen=True)
class Search:
    """What tells the scenario, and what finds principles by it; both read with one encoder."""

    retriever: Retriever
    classifier: ScenarioClassifier

    def scenario(self, turns: Turns) -> Scenario:
        """The kind of the last question, in the light of earlier turns. Raises InputError without a user turn."""
        return self.classifier.classify(turns)

    def principles(self, turns: Turns, scenario: Scenario, top_k: int) -> list[Retrieved]:
        """Mandatory principles first, then best first: see `Retriever.retrieve`."""
        return self.retriever.retrieve(question_in_context(searched(turns)), scenario, top_k)


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
