"""One rubric item a call, explained and answered true or false: the way in which HealthBench is usually graded.

It follows the published HealthBench grader (OpenAI simple-evals) in what it shows and asks, with two
differences: the texts are fenced, and a reply that cannot be read is UNKNOWN after a few tries, where the
original asks for ever. For comparisons; it defends itself against pleas no more than the original does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import HumanMessage

from agent.critic.asking import keep_siblings
from agent.critic.quoting import quoted, quoted_turns
from agent.llm.client import Model
from principles.grader import Turns
from principles.schema import Criterion, Label, Verdict
from training.judge.prompts import prompt

TRIES = 3
TOKENS = 700
REASON_CHARACTERS = 240
_SCHEMA = {
    "type": "object",
    "properties": {"explanation": {"type": "string"}, "criteria_met": {"type": "boolean"}},
    "required": ["explanation", "criteria_met"],
    "additionalProperties": False,
}


@dataclass
class SimpleGrader:
    """See `principles.grader.Judge`."""

    model: Model

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """One verdict a criterion. A failed call leaves its criterion out; a second in a row ends the work.

        Raises ModelError if not one criterion could be judged because the endpoint failed.
        """
        return keep_siblings(criteria, lambda criterion: [self._verdict(turns, answer, criterion)])

    def _verdict(self, turns: Turns, answer: str, criterion: Criterion) -> Verdict:
        messages = [HumanMessage(_filled(turns, answer, criterion))]
        for _ in range(TRIES):
            reply = self.model.json(messages, "grading", _SCHEMA, TOKENS)
            if isinstance(reply, dict) and isinstance(reply.get("criteria_met"), bool):
                label = Label.MET if reply["criteria_met"] else Label.NOT_MET
                reason = str(reply.get("explanation", ""))[:REASON_CHARACTERS] or None
                return Verdict(criterion_id=criterion.id, label=label, reason=reason)
        return Verdict(criterion_id=criterion.id, label=Label.UNKNOWN)


def _filled(turns: Turns, answer: str, criterion: Criterion) -> str:
    whole = [*turns, {"role": "assistant", "content": answer}]
    item = quoted(f"[{criterion.points:g}] {criterion.text}")
    return prompt("simple", conversation=quoted_turns(whole), item=item)
