"""The critic: one yes/no question a criterion, answered by probability on one cached prefix.

All questions about one answer share everything up to the criterion, and go one after the other, so that
the server reads the conversation and the answer once (llama.cpp and vLLM both keep the prefix). Where an
endpoint gives no logprobs, the criterion is asked as constrained JSON (`by_json`), unless verdicts of one kind are
wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.critic.asking import judge_messages, keep_siblings
from agent.critic.by_json import JsonJudge
from agent.critic.pleas import on_both_copies
from agent.critic.prompts import prompt
from agent.critic.quoting import one_line, quoted, quoted_turns
from agent.llm.client import LogprobsMissing, Model
from principles.errors import ConfigError
from principles.grader import Turns
from principles.schema import Criterion, Label, Principle, Verdict

MET_FROM = 0.5
# Where safety is at stake a doubtful verdict counts against the answer: what must be there has to be seen
# clearly, and a suspected fault is a fault.
MET_FROM_IF_CRITICAL = 0.65
FAULT_FROM_IF_CRITICAL = 0.45


@dataclass
class ModelJudge:
    """Judges with the chat model of the agent itself. See `principles.grader.Judge`.

    `else_json`: where the endpoint gives no logprobs, ask as the JSON judge does. Without it that is a ConfigError.
    """

    model: Model
    else_json: bool = True
    has_logprobs: bool = field(default=True, init=False)

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """One verdict a criterion. A failed call leaves its criterion out and keeps the others; a second in a row ends
        the work.

        Raises ModelError if not one criterion could be judged because the endpoint failed.
        """
        return on_both_copies(answer, criteria, lambda copy, asked: self._verdicts(turns, copy, asked))

    def _verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        return keep_siblings(criteria, lambda criterion: [self._verdict(turns, answer, criterion)])

    def sentence_chances(self, sentences: Sequence[str], criterion: Criterion) -> list[float | None]:
        """P(yes) of the criterion asked of each sentence alone; None where the model cannot say.

        The criterion comes first here: it is what these calls share. A JSON verdict counts as certain.
        """
        system = SystemMessage(prompt("sentence_system"))
        chances: list[float | None] = []
        for sentence in sentences:
            asked = prompt("sentence", criterion=one_line(criterion.text), sentence=quoted(sentence))
            chance = self._chance([system, HumanMessage(asked)])
            if not self.has_logprobs:
                chance = self._by_json([{"role": "user", "content": ""}], sentence, criterion.text)
            chances.append(chance)
        return chances

    def applies(self, turns: Turns, principle: Principle) -> float | None:
        """P(the question is one that the principle is about), by its `applies_when`; None if the model cannot say."""
        condition = principle.applies_when[0].lower() + principle.applies_when[1:].rstrip(".")
        asked = prompt("applies", conversation=quoted_turns(turns), condition=one_line(condition))
        chance = self._chance([SystemMessage(prompt("judge_system")), HumanMessage(asked)])
        if self.has_logprobs:
            return chance
        return self._by_json(turns, "", f"Is it true of the conversation that {one_line(condition)}?")

    def _by_json(self, turns: Turns, answer: str, question: str) -> float | None:
        """1.0 for yes, 0.0 for no, None where the model gives no verdict."""
        criterion = Criterion(id="asked", text=question, points=1)
        verdict = JsonJudge(self.model).on_copy(turns, answer, [criterion])[0]
        return None if verdict.label is Label.UNKNOWN else float(verdict.label is Label.MET)

    def _chance(self, messages: list[BaseMessage]) -> float | None:
        if self.has_logprobs:
            try:
                return self.model.yes_probability(messages)
            except LogprobsMissing:
                if not self.else_json:
                    raise ConfigError(
                        "the judge's endpoint gives no logprobs, by which the judge `logprob` decides: use the judge "
                        "`json`, or an endpoint that gives them"
                    ) from None
                self.has_logprobs = False
        return None

    def _verdict(self, turns: Turns, answer: str, criterion: Criterion) -> Verdict:
        # The library asks "Does the answer ...?"; physicians' criteria are statements, "Recommends ...".
        asked = one_line(criterion.text)
        name = "judge_yes_no" if asked.rstrip().endswith("?") else "judge_statement"
        chance = self._chance(judge_messages(turns, answer, prompt(name, criterion=asked)))
        if self.has_logprobs:
            return Verdict(criterion_id=criterion.id, label=_label(chance, criterion), probability=chance)
        return JsonJudge(self.model).on_copy(turns, answer, [criterion])[0]


def _label(chance: float | None, criterion: Criterion) -> Label:
    if chance is None:
        return Label.UNKNOWN
    needed = MET_FROM
    if criterion.safety_critical:
        needed = MET_FROM_IF_CRITICAL if criterion.points > 0 else FAULT_FROM_IF_CRITICAL
    return Label.MET if chance >= needed else Label.NOT_MET
