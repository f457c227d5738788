"""Edits that may mend one failed criterion: where a fault stands, what is missing and where it belongs.

They are only proposed here, best first; `placing.py` makes them, `revise.py` grades the result and keeps what helps.
A sentence is replaced or taken out on strong evidence alone, never where `keep` holds it: an urgent instruction
and what is said of stopping a suspected culprit stay as they are; what answers the question is corrected beside itself.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median_low
from typing import Literal

import numpy as np
import numpy.typing as npt
from langchain_core.messages import HumanMessage, SystemMessage

from agent import keep, text
from agent.claims import Claims
from agent.critic.corrections import CORRECTION
from agent.critic.judge import ModelJudge
from agent.critic.quoting import quoted, quoted_turns
from agent.emergency import call_in, verdicts_by_words
from agent.guard import new_facts
from agent.language import LANGUAGES, language_of
from agent.llm.client import Model
from agent.prompts import prompt
from agent.text import Unit
from principles.facts import Fact
from principles.grader import Turns
from principles.schema import Criterion, Principle, Verdict
from principles.scoring import probability

Vectors = npt.NDArray[np.float32]
Placement = Literal["opening", "body", "closing", "beside", "remark"]
# Sentences nearest in meaning to a fault that are asked one by one, and how many of the guilty are tried.
SUSPECTS = 4
OFFENDERS = 2
# P(fault) of a sentence by itself from which it is corrected or replaced, and from which it is taken out for nothing.
REPLACED_FROM, REMOVED_FROM = 0.75, 0.85
# A small judge says yes to every sentence for some criteria: one is guilty by so much more than the others' median.
STANDS_OUT = 0.15
# P(criterion) of the whole answer up to which something counts as missing, so that it is added.
MISSING_UP_TO, MISSING_UP_TO_IF_CRITICAL = 0.35, 0.5
# Above this cosine a sentence already makes the advice's point, weakly: it is replaced rather than repeated.
SAME_POINT = 0.78
ADDED_TOKENS = 120
ADDED_SENTENCES = 2
_ADDED_SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 400}},
    "required": ["text"],
    "additionalProperties": False,
}
_WHOLE_SENTENCES = re.compile(r".*?[.!?。！？।؟](?=\s|$)", re.DOTALL)


@dataclass(frozen=True)
class Proposal:
    """Take `removed` out of the answer, put `added` in its place or, where nothing is removed, at `placement`.

    `beside` is the sentence that stays and that `added` corrects.
    """

    criterion: Criterion
    removed: str
    added: str
    source: Literal["advice", "model", "none"]
    placement: Placement
    beside: str = ""

    @property
    def kind(self) -> str:
        """What it does to the answer: "add", "correct", "replace" or "remove" something."""
        if self.beside:
            return "correct"
        return "add" if not self.removed else "replace" if self.added else "remove"


@dataclass
class Editor:
    """Proposes edits to one answer.

    `english` are the turns in English; `language` is the answer's, an ISO 639-1 code. A `document` is left as it is,
    and in an `emergency` nothing is taken away. Which sentence gets a knowledge card wrong, `claims` says.
    """

    turns: Turns
    judge: ModelJudge
    model: Model
    encode: Callable[[Sequence[str]], Vectors]
    language: str = "en"
    english: Turns = ()
    document: bool = False
    emergency: bool = False
    claims: Claims | None = None
    _told: dict[str, set[int]] = field(default_factory=dict, init=False)

    def proposals(
        self, answer: str, criterion: Criterion, principle: Principle, verdict: Verdict | None = None
    ) -> Iterator[Proposal]:
        """Edits that may mend `criterion`, best first, made lazily since they cost model time.

        `verdict` is the judge's on the answer. What brings in a medicine or number that nobody gave is left out.
        """
        proposed = self._against_fault if criterion.points < 0 else self._for_missing
        if self.document:
            proposed = self._remark
        chance = probability(verdict) if verdict else float(criterion.points < 0)
        said = [turn["content"] for turn in (*self.turns, *self.english) if turn["role"] == "user"]
        fixed = call_in(self.language, principle)
        for one in proposed(answer, criterion, principle, chance):
            if not new_facts(
                one.added, answer, principle.advice, principle.statement, fixed, *said, language=self.language
            ):
                yield one

    def known(self, answer: str, principles: Iterable[Principle]) -> dict[str, Verdict]:
        """See `verdicts_without_model`."""
        return verdicts_without_model(answer, principles, self.claims)

    @property
    def _in_english(self) -> bool:
        return self.language == "en"

    @cached_property
    def _reaction(self) -> bool:
        return keep.tells_of_a_reaction(self.english or self.turns)

    def _advice(self, principle: Principle) -> str:
        """What may be said of a principle in the answer's language without a model; empty where nothing may."""
        return principle.advice if self._in_english else call_in(self.language, principle)

    def _remark(self, answer: str, criterion: Criterion, principle: Principle, chance: float) -> Iterator[Proposal]:
        advice = self._advice(principle)
        if advice and principle.safety_critical:
            yield Proposal(criterion, "", advice, "advice", "remark")

    def _against_fault(
        self, answer: str, criterion: Criterion, principle: Principle, chance: float
    ) -> Iterator[Proposal]:
        advice = self._advice(principle)
        for unit, sure, answers in self._offenders(answer, criterion, principle):
            if answers or self.emergency:
                if advice:
                    correction = CORRECTION.format(advice=advice)
                    yield Proposal(criterion, "", correction, "advice", "beside", unit.text)
                continue
            if advice:
                yield Proposal(criterion, unit.text, advice, "advice", principle.placement)
            if sure >= REMOVED_FROM and self._in_english:
                yield Proposal(criterion, unit.text, "", "none", principle.placement)
        if advice and principle.safety_critical and chance >= REPLACED_FROM:
            # no sentence is guilty by itself: then what is right is at least said
            yield Proposal(criterion, "", advice, "advice", principle.placement)

    def _offenders(self, answer: str, criterion: Criterion, principle: Principle) -> Iterator[tuple[Unit, float, bool]]:
        """The sentences that show the fault, with P(fault) and whether they answer the question."""
        if isinstance(principle, Fact) and self.claims:
            yield from self._wrong_of_fact(answer, principle, self.claims)
            return
        found = text.units(answer)
        answering = self._answering(answer)
        if len(found) > SUSPECTS:
            fault = [criterion.text, principle.advice] if principle.advice else [criterion.text]
            near = self.encode(fault) @ self.encode([unit.text for unit in found]).T
            ranked = np.argsort(-near.max(axis=0))[:SUSPECTS]
            found = [found[i] for i in sorted(ranked)]
        found = [unit for unit in found if not self._untouchable(unit.text)]
        chances = self.judge.sentence_chances([unit.text for unit in found], criterion)
        least = _guilty_from(chances)
        guilty = [(c, unit) for c, unit in zip(chances, found, strict=True) if c is not None and c >= least]
        for chance, unit in sorted(guilty, key=lambda pair: -pair[0])[:OFFENDERS]:
            whole = text.whole_thought(answer, unit)
            inside = [other for other in text.units(answer) if whole.start <= other.start < whole.end]
            if any(self._untouchable(other.text) for other in inside):
                whole = unit
            yield whole, chance, any(other.start in answering for other in inside if other.start >= whole.start)

    def _wrong_of_fact(self, answer: str, fact: Fact, claims: Claims) -> Iterator[tuple[Unit, float, bool]]:
        """The one sentence that gets the fact wrong, by itself: what hangs on it may be right."""
        found = [unit for unit in text.units(answer) if not self._untouchable(unit.text)]
        if suspect := claims.suspect(found, fact):
            unit, chance = suspect
            yield unit, chance, unit.start in self._answering(answer)

    def _answering(self, answer: str) -> set[int]:
        """Where the sentences start that answer the question; told once an answer, for all criteria."""
        if answer not in self._told:
            question = (self.english or self.turns)[-1]["content"]
            self._told[answer] = keep.answering(answer, question, self.encode)
        return self._told[answer]

    def _untouchable(self, sentence: str) -> bool:
        return keep.is_urgent(sentence) or (self._reaction and keep.speaks_of_stopping(sentence))

    def _for_missing(
        self, answer: str, criterion: Criterion, principle: Principle, chance: float
    ) -> Iterator[Proposal]:
        critical = principle.safety_critical
        if chance > (MISSING_UP_TO_IF_CRITICAL if critical else MISSING_UP_TO):
            return
        if advice := self._advice(principle):
            weaker = self._weaker(answer, advice, principle)
            yield Proposal(criterion, weaker, advice, "advice", principle.placement)
        if principle.advice and (not critical or (not self._in_english and advice)):
            return  # the model's own words cost a generation and seldom help
        worded = self._in_model_words(answer, principle)
        if worded and language_of(worded) == self.language:
            yield Proposal(criterion, "", worded, "model", principle.placement)

    def _weaker(self, answer: str, advice: str, principle: Principle) -> str:
        """The sentence that makes the advice's point already, but not well enough; empty if there is none.

        What belongs at the opening replaces nothing, and in an emergency nothing is replaced.
        """
        if principle.placement == "opening" or self.emergency:
            return ""
        answering = self._answering(answer)
        free = (unit for unit in text.units(answer) if unit.start not in answering)
        found = [unit for unit in free if not self._untouchable(unit.text)]
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
            advice=principle.advice or principle.statement,
            language=LANGUAGES.get(self.language, "the language of the question"),
        )
        messages = [SystemMessage(prompt("add_system")), HumanMessage(filled)]
        reply = self.model.json(messages, "addition", _ADDED_SCHEMA, ADDED_TOKENS)
        said = reply.get("text") if isinstance(reply, dict) else None
        if not isinstance(said, str):
            return ""
        return " ".join(_WHOLE_SENTENCES.findall(" ".join(said.split()))[:ADDED_SENTENCES]).strip()


def verdicts_without_model(answer: str, principles: Iterable[Principle], claims: Claims | None) -> dict[str, Verdict]:
    """By criterion id, the verdicts that need no call to a model: on the call for help by its words, and on knowledge
    cards by the reader of claims."""
    known = list(principles)
    return verdicts_by_words(answer, known) | (claims.verdicts(answer, known) if claims else {})


def _guilty_from(chances: Sequence[float | None]) -> float:
    """P(fault) from which a sentence is guilty: certain where there is no other to compare with."""
    known = [chance for chance in chances if chance is not None]
    if len(known) < 2:
        return REMOVED_FROM
    return max(REPLACED_FROM, median_low(known) + STANDS_OUT)
