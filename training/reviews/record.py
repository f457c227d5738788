"""One clinician's review of one question: the rubric, two answers, verdicts on both, which is better.

A review may be incomplete at any time, since it is saved at every change; `missing` says what a signature waits for.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from agent.llm.sendable import sendable
from principles.errors import InputError
from principles.schema import Criterion, Grade, Label, Record, Rubric, Scenario, Verdict
from principles.scoring import score
from training.common.questions import MOST_ANSWER, MOST_CRITERIA

Side = Literal["a", "b"]
Given = Literal[Label.MET, Label.NOT_MET]
Preference = Literal["A", "B", "tie"]
Origin = Literal["draft", "revision", "pasted", "preferred", "rejected"]
SIDES: tuple[Side, Side] = ("a", "b")
MOST_REASON = 5_000
MOST_POINTS = 10


class ReviewCriterion(Record):
    """One line of the rubric in work; `a` and `b` are the verdicts on the two answers, None while there is none.

    `by_judge` names the sides whose verdict is the judge's proposal, as it was.
    """

    id: Annotated[str, Field(pattern=r"^[\w.:-]{1,80}$")]
    text: Annotated[str, Field(max_length=2_000)] = ""
    points: float | None = None
    principle_id: Annotated[str, Field(max_length=64)] | None = None
    safety_critical: bool = False
    a: Given | None = None
    b: Given | None = None
    by_judge: tuple[Side, ...] = ()

    @field_validator("text", mode="before")
    @classmethod
    def _storable(cls, text: Any) -> Any:
        return sendable(text) if isinstance(text, str) else text

    @field_validator("points")
    @classmethod
    def _finite(cls, points: float | None) -> float | None:
        return points if points is not None and math.isfinite(points) else None

    @property
    def usable(self) -> bool:
        """Whether it can be graded by: it has words, and points that are not 0."""
        return bool(self.text.strip()) and self.points is not None and 0 < abs(self.points) <= MOST_POINTS


class Review(Record):
    """`answers` are A and B, `origins` where each comes from; `scenario` is the classifier's, None if it failed."""

    criteria: Annotated[tuple[ReviewCriterion, ...], Field(max_length=MOST_CRITERIA)] = ()
    answers: tuple[str, str] = ("", "")
    origins: tuple[Origin, Origin] = ("pasted", "pasted")
    preference: Preference | None = None
    reason: str = ""
    signed: bool = False
    scenario: Scenario | None = None

    @model_validator(mode="after")
    def _unique(self) -> "Review":
        if len({criterion.id for criterion in self.criteria}) != len(self.criteria):
            raise ValueError("criterion ids must be unique")
        return self

    def rubric(self) -> Rubric:
        """The criteria that are complete."""
        return Rubric(
            criteria=tuple(
                Criterion(
                    id=one.id,
                    text=one.text.strip(),
                    points=float(one.points or 0),
                    safety_critical=one.safety_critical,
                    principle_id=one.principle_id,
                )
                for one in self.criteria
                if one.usable
            )
        )

    def verdicts(self, side: Side) -> list[Verdict]:
        """The verdicts that were given on one of the answers."""
        given = [(one.id, one.a if side == "a" else one.b) for one in self.criteria]
        return [Verdict(criterion_id=name, label=label) for name, label in given if label is not None]

    def grade(self, side: Side) -> Grade:
        """The grade of the answer of one side by the clinician's own verdicts."""
        return score(self.rubric(), self.verdicts(side))


class Revision(Record):
    """One state of a review: who made it, when (UTC), and the whole of it. The first version is 1."""

    question_id: str
    owner: str
    version: int
    editor: str
    at: datetime
    review: Review


def criteria_from(rows: Any) -> tuple[ReviewCriterion, ...]:
    """The criteria as the browser sends them. Raises InputError where they are not what the page sends."""
    try:
        return Review.model_validate({"criteria": rows or ()}).criteria
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise InputError(f"the rubric cannot be kept ({first['msg']}): undo the last change") from None


def missing(review: Review) -> list[str]:
    """What must be done before the review can be signed, in words for the clinician. Empty: nothing."""
    found = [reason for number, one in enumerate(review.criteria, 1) for reason in _faults(number, one)]
    if not any((one.points or 0) > 0 for one in review.criteria):
        found.append("the rubric needs at least one criterion with points above 0")
    texts = [" ".join(one.text.lower().split()) for one in review.criteria if one.text.strip()]
    if len(set(texts)) < len(texts):
        found.append("two criteria say the same: remove one")
    return found + _missing_of_answers(review)


def _faults(number: int, one: ReviewCriterion) -> list[str]:
    found = []
    if not one.text.strip():
        found.append(f"criterion {number} has no text: write it, or remove the criterion")
    if one.points is None or not 0 < abs(one.points) <= MOST_POINTS:
        found.append(f"criterion {number} needs points from -10 to 10, and not 0")
    return found


def _missing_of_answers(review: Review) -> list[str]:
    given = [bool(answer.strip()) for answer in review.answers]
    if not any(given):
        return ["without answers there is nothing to prefer: clear the choice"] if review.preference else []
    if not all(given):
        return ["there is only one answer: put in the other one, or clear both to sign the rubric alone"]
    found = []
    for side in SIDES:
        open_ones = len(review.criteria) - len(review.verdicts(side))
        if open_ones:
            found.append(f"answer {side.upper()} has {counted(open_ones, 'verdict')} still to be given")
    return found if review.preference else [*found, "say which answer is better, or that it is a tie"]


def counted(count: int, word: str) -> str:
    """The count and the word, in the plural where it must be."""
    return f"{count} {word}{'s' * (count != 1)}"


def initials_from(written: str) -> str:
    """Initials in one spelling: two people who type "ab" and "AB" are the same. Raises InputError."""
    initials = written.strip().upper()
    if not 2 <= len(initials) <= 8 or not initials.isalnum():
        raise InputError("initials are 2 to 8 letters or digits, without spaces")
    return initials


def texts_from(answers: Sequence[str | None], reason: str | None) -> tuple[tuple[str, str], str]:
    """The two answers and the reason as they can be kept. Raises InputError where one is too long."""
    first, second = (sendable(answer or "") for answer in answers)
    if max(len(first), len(second)) > MOST_ANSWER:
        raise InputError(f"an answer is longer than {MOST_ANSWER:,} characters: shorten it")
    if len(reason or "") > MOST_REASON:
        raise InputError(f"the reason is longer than {MOST_REASON:,} characters: shorten it")
    return (first, second), sendable(reason or "")
