"""Edits that may mend one failed criterion: where a fault stands, what is missing and where it belongs.

They are only proposed here, best first; `revise.py` makes them, grades the result and keeps what helps.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from langchain_core.messages import HumanMessage, SystemMessage

from agent import text
from agent.critic.judge import ModelJudge
from agent.critic.quoting import quoted, quoted_turns
from agent.guard import new_facts
from agent.language import is_english
from agent.llm.client import Model
from agent.prompts import prompt
from agent.text import Unit
from principles.grader import Turns
from principles.schema import Criterion, Principle

Vectors = npt.NDArray[np.float32]
# Sentences nearest in meaning to a fault that are asked one by one, and how many of the guilty are tried.
SUSPECTS = 4
OFFENDERS = 2
GUILTY_FROM = 0.5
# Above this cosine a sentence already makes the advice's point, weakly: it is replaced rather than repeated.
SAME_POINT = 0.78
# Above this one two pieces of advice say so nearly the same that the answer needs only the first (read over all pairs).
SAME_ADVICE = 0.75
ADDED_TOKENS = 120
ADDED_SENTENCES = 2
_ADDED_SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 400}},
    "required": ["text"],
    "additionalProperties": False,
}
_WHOLE_SENTENCES = re.compile(r".*?[.!?。！？](?=\s|$)", re.DOTALL)


@dataclass(frozen=True)
class Proposal:
    """Take `removed` out of the answer, put `added` in its place or, where nothing is removed, at `placement`."""

    criterion: Criterion
    removed: str
    added: str
    source: Literal["advice", "model", "none"]
    placement: Literal["opening", "body", "closing"]

    @property
    def kind(self) -> str:
        """What it does to the answer: "add", "replace" or "remove" something."""
        return "add" if not self.removed else "replace" if self.added else "remove"


@dataclass
class Editor:
    """Proposes edits to one answer and makes them. `english` says whether the answer is in the advice's language."""

    turns: Turns
    judge: ModelJudge
    model: Model
    encode: Callable[[Sequence[str]], Vectors]
    english: bool = True

    def proposals(self, answer: str, criterion: Criterion, principle: Principle) -> Iterator[Proposal]:
        """Edits that may mend `criterion`, best first, made lazily since they cost model time.

        What brings in a medicine or number that nobody gave is left out.
        """
        proposed = self._against_fault if criterion.points < 0 else self._for_missing
        said = [turn["content"] for turn in self.turns if turn["role"] == "user"]
        for one in proposed(answer, criterion, principle):
            if not new_facts(one.added, answer, principle.advice, principle.statement, *said):
                yield one

    def made(self, answer: str, proposals: Sequence[Proposal]) -> tuple[str, list[Proposal]]:
        """The answer with the proposals, and those made: an earlier one may have taken the place, or said the same."""
        done: list[Proposal] = []
        for one in proposals:
            changed = "" if self._said_by(done, one) else self._with(answer, one)
            if changed and changed != answer:
                answer = changed
                done.append(one)
        return answer, done

    def _against_fault(self, answer: str, criterion: Criterion, principle: Principle) -> Iterator[Proposal]:
        for unit in self._offenders(answer, criterion, principle):
            if self.english:
                yield Proposal(criterion, unit.text, principle.advice, "advice", principle.placement)
            yield Proposal(criterion, unit.text, "", "none", principle.placement)
        if self.english:  # no sentence is guilty by itself: then what is right is at least said
            yield Proposal(criterion, "", principle.advice, "advice", principle.placement)

    def _offenders(self, answer: str, criterion: Criterion, principle: Principle) -> list[Unit]:
        """The sentences that show the fault: the nearest in meaning are asked one by one."""
        found = text.units(answer)
        if len(found) > SUSPECTS:
            near = self.encode([criterion.text, principle.advice]) @ self.encode([unit.text for unit in found]).T
            ranked = np.argsort(-near.max(axis=0))[:SUSPECTS]
            found = [found[i] for i in sorted(ranked)]
        chances = self.judge.sentence_chances([unit.text for unit in found], criterion)
        guilty = [(c, unit) for c, unit in zip(chances, found, strict=True) if c is not None and c >= GUILTY_FROM]
        worst = [unit for _, unit in sorted(guilty, key=lambda pair: -pair[0])[:OFFENDERS]]
        return [text.whole_thought(answer, unit) for unit in worst]

    def _for_missing(self, answer: str, criterion: Criterion, principle: Principle) -> Iterator[Proposal]:
        if self.english:
            weaker = self._weaker(answer, principle.advice)
            yield Proposal(criterion, weaker, principle.advice, "advice", principle.placement)
        if self.english and not principle.safety_critical:
            return  # the model's own words cost a generation and seldom help
        worded = self._in_model_words(answer, principle)
        if worded and is_english(worded) == self.english:
            yield Proposal(criterion, "", worded, "model", principle.placement)
        if not self.english and principle.safety_critical:  # in the wrong language, but in words that were checked
            yield Proposal(criterion, "", principle.advice, "advice", principle.placement)

    def _weaker(self, answer: str, advice: str) -> str:
        """The sentence that makes the advice's point already, but not well enough; empty if there is none."""
        found = text.units(answer)
        if not found:
            return ""
        near = (self.encode([advice]) @ self.encode([unit.text for unit in found]).T)[0]
        return found[int(np.argmax(near))].text if float(near.max()) >= SAME_POINT else ""

    def _in_model_words(self, answer: str, principle: Principle) -> str:
        filled = prompt(
            "add",
            conversation=quoted_turns(self.turns),
            answer=quoted(answer),
            statement=principle.statement,
            advice=principle.advice,
        )
        messages = [SystemMessage(prompt("add_system")), HumanMessage(filled)]
        reply = self.model.json(messages, "addition", _ADDED_SCHEMA, ADDED_TOKENS)
        said = reply.get("text") if isinstance(reply, dict) else None
        if not isinstance(said, str):
            return ""
        return " ".join(_WHOLE_SENTENCES.findall(" ".join(said.split()))[:ADDED_SENTENCES]).strip()

    def _said_by(self, done: Sequence[Proposal], one: Proposal) -> bool:
        others = [other.added for other in done if other.added]
        if one.removed or not others:
            return False
        return bool((self.encode([one.added]) @ self.encode(others).T).max() >= SAME_ADVICE)

    def _with(self, answer: str, one: Proposal) -> str:
        if one.removed:
            start = answer.find(one.removed)
            if start < 0:
                return answer
            item = any(unit.item and unit.start == start for unit in text.units(answer))
            return text.replace(answer, Unit(start, start + len(one.removed), one.removed, item), one.added)
        found = text.units(answer)
        if not found or one.placement == "closing":
            return text.insert_closing(answer, one.added)
        if one.placement == "opening":
            return text.insert_opening(answer, one.added)
        near = (self.encode([one.added]) @ self.encode([unit.text for unit in found]).T)[0]
        return text.insert_after(answer, found[int(np.argmax(near))], one.added)
