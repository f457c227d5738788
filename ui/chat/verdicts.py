"""Verdicts in words: whether a check holds, and what the judge answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.conversation import counted
from principles.schema import Criterion, Grade, Label, Verdict
from principles.scoring import failed, unsure
from ui.common.html import Markup, fill

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """One verdict in words, without a number that would read as quality. `holds` is None where it could not be judged
    or was not asked."""

    holds: bool | None
    answer: str

    @property
    def sign(self) -> str:
        """A tick, a cross or a question mark."""
        return {True: "✓", False: "✗", None: "?"}[self.holds]

    def text(self) -> str:
        """The sign and what the judge answered, without markup."""
        return self.answer if self.holds is None else f"{self.sign} {self.answer}"

    def html(self) -> Markup:
        """With colour, and the words that a screen reader needs in the sign's place."""
        kind, words = {True: ("good", "holds:"), False: ("bad", "fails:"), None: ("unknown", "")}[self.holds]
        return fill(
            '<span class="verdict {}"><span aria-hidden="true">{}</span> <span class="sr">{}</span> {}</span>',
            kind,
            self.sign,
            words,
            self.answer,
        )


NOT_ASKED = Shown(None, "not checked")


def verdicts_of(state: Facts, grade: Facts | None) -> dict[str, Shown]:
    """What `grade` says, by criterion id; a criterion that it does not judge is there as not checked."""
    known = Grade.model_validate(grade).by_id if grade else {}
    criteria = [Criterion.model_validate(one) for one in state["rubric"]["criteria"]]
    return {one.id: _shown(one, known.get(one.id)) for one in criteria}


def _shown(criterion: Criterion, verdict: Verdict | None) -> Shown:
    if verdict is None:
        return NOT_ASKED
    if verdict.label is Label.UNKNOWN:
        return Shown(None, "could not be judged")
    answer = "yes" if verdict.label is Label.MET else "no"
    if unsure(verdict):
        answer = f"unsure, taken as {answer}"
    return Shown(not failed(criterion, verdict), answer)


def held(state: Facts, grade: Facts) -> str:
    """How many checks hold, in words."""
    shown = list(verdicts_of(state, grade).values())
    unknown = sum(one.holds is None for one in shown)
    rest = f", {unknown} could not be judged" if unknown else ""
    good = sum(one.holds is True for one in shown)
    return f"{counted(len(shown) - unknown, 'point')} checked: {good} {'holds' if good == 1 else 'hold'}{rest}"
