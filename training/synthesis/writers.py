"""Two writers of rubrics: one fills in the principles' own templates by rule, one asks a language model.

Both keep the library's polarity: a criterion is a yes/no question about the answer, and points below zero say
that yes is a fault. What they write still has to pass the gate of training/synthesis/gate.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import HumanMessage, SystemMessage

from agent.conversation import question_in_context
from agent.critic.quoting import one_line, quoted, quoted_turns
from agent.llm.client import Model
from agent.rubric import Selected, Written, from_templates
from agent.select import out_of_place
from principles.grader import Turns
from principles.schema import Criterion, Principle, Rubric, Scenario
from retrieval.retriever import Retrieved
from training.common.questions import Pair
from training.synthesis.prompts import prompt
from training.synthesis.relevance import Relevance

WriterName = Literal["templates", "model"]

TRIES = 2
CRITERION_CHARACTERS = 400
TOKENS_PER_CRITERION = 110
MOST_WRITTEN = 18
# Of what was retrieved: a model decides itself what applies, so it gets no more than it can well read.
POOL = 16
_SCHEMA = {
    "type": "object",
    "properties": {
        "criteria": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_WRITTEN,
            "items": {
                "type": "object",
                "properties": {
                    "principle": {"type": "integer"},
                    "criterion": {"type": "string", "maxLength": CRITERION_CHARACTERS},
                    "points": {"type": "integer", "minimum": -10, "maximum": 10},
                },
                "required": ["principle", "criterion", "points"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["criteria"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class RelevantWriter:
    """The principles' own criteria, filled in from the question, of those that apply by rule."""

    relevance: Relevance

    def write(self, turns: Turns, scenario: Scenario, found: Sequence[Retrieved]) -> Written:
        """See `agent.rubric.Writer`."""
        applying = self.relevance.applying(question_in_context(turns), scenario, found)
        return from_templates([Selected(one) for one in applying], turns)


@dataclass(frozen=True)
class ModelWriter:
    """A language model chooses among the retrieved principles and makes concrete criteria of them; such as tell the two
    answers of a `pair` apart, where there is one."""

    model: Model
    pair: Pair | None = None

    def write(self, turns: Turns, scenario: Scenario, found: Sequence[Retrieved]) -> Written:
        """No criteria where the model's reply cannot be read, twice."""
        chosen = tuple(Selected(one) for one in found if not out_of_place(one.principle, scenario))[:POOL]
        pool = [one.principle for one in chosen]
        if not pool:
            return Written(Rubric(criteria=()), ())
        messages = [SystemMessage(prompt("writer_system")), HumanMessage(self._asked(turns, scenario, pool))]
        for attempt in range(TRIES):
            # At temperature 0 the same seed may fail in the same way.
            model = Model(self.model.chat, seed=self.model.seed + attempt, usage=self.model.usage)
            reply = model.json(messages, "rubric", _SCHEMA, TOKENS_PER_CRITERION * MOST_WRITTEN)
            if criteria := _read(reply, pool):
                return Written(Rubric(criteria=criteria), chosen)
        return Written(Rubric(criteria=()), chosen)

    def _asked(self, turns: Turns, scenario: Scenario, pool: Sequence[Principle]) -> str:
        asked = _asked(turns, scenario, pool)
        if self.pair is None:
            return asked
        answers = {"preferred": quoted(self.pair.preferred), "rejected": quoted(self.pair.rejected)}
        return f"{asked}\n\n{prompt('writer_pair', **answers)}"


def _asked(turns: Turns, scenario: Scenario, pool: Sequence[Principle]) -> str:
    listed = "\n".join(
        f"{number}. {one_line(one.statement)} ({one.points:+d}) Applies when: {one_line(one.applies_when)}"
        for number, one in enumerate(pool, 1)
    )
    said = f"{scenario.urgency}, uncertainty {scenario.uncertainty}, asked by a {scenario.expertise}, {scenario.task}"
    return prompt(
        "writer",
        conversation=quoted_turns(turns),
        scenario=said.replace("_", " "),
        principles=listed,
    )


def _read(reply: Any, pool: Sequence[Principle]) -> tuple[Criterion, ...]:
    """The well-formed entries of a reply; one whose principle does not exist names none, and the gate drops it."""
    entries = reply.get("criteria") if isinstance(reply, dict) else None
    if not isinstance(entries, list):
        return ()
    return tuple(
        _criterion(f"c{place}", entry, pool)
        for place, entry in enumerate(entries[:MOST_WRITTEN])
        if _well_formed(entry)
    )


def _well_formed(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("criterion"), str)
        and 0 < len(entry["criterion"].strip()) <= CRITERION_CHARACTERS
        and isinstance(entry.get("principle"), int)
        and isinstance(entry.get("points"), int)
        and -10 <= entry["points"] <= 10
    )


def _criterion(name: str, entry: dict[str, Any], pool: Sequence[Principle]) -> Criterion:
    number = entry["principle"]
    source = pool[number - 1] if 1 <= number <= len(pool) else None
    return Criterion(
        id=name,
        text=" ".join(entry["criterion"].split()),
        points=entry["points"],
        safety_critical=source.safety_critical if source else False,
        principle_id=source.id if source else None,
    )
