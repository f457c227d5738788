"""Reads signed reviews as the page and the spreadsheet write them (`training.reviews.lines`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from principles.errors import ConfigError
from principles.lines import Line, Points, TurnLine, parsed
from principles.records import fault, records
from principles.schema import Label
from training.common.items import Met
from training.common.questions import MOST_ANSWER, MOST_CRITERIA
from training.reviews.changes import Change
from training.reviews.record import Preference, Review, ReviewCriterion, Revision

Name = Annotated[str, Field(pattern=r"^[\w.:-]{1,80}$")]
Words = Annotated[str, Field(max_length=2_000)]


@dataclass(frozen=True)
class SignedReview:
    """`revision` holds the review as it was signed; `drafted` and `principles` are by criterion id: the words of the
    draft, and the principles behind what was drafted."""

    revision: Revision
    turns: tuple[dict[str, str], ...]
    edits: tuple[Change, ...]
    drafted: Mapping[str, str]
    principles: Mapping[str, str]


def read_reviews(paths: Sequence[Path]) -> list[SignedReview]:
    """All reviews of these files. Raises ConfigError that names file, line and reason."""
    found: dict[tuple[str, str], SignedReview] = {}
    for path in paths:
        for place, record in records(path):
            one = _review(parsed(_ReviewLine, record, path, place), path, place)
            key = one.revision.question_id, one.revision.owner
            if key in found:
                raise fault(path, place, "this reviewer's review of this question was there before: remove one")
            found[key] = one
    if not found:
        raise ConfigError(
            f"{paths[0]}: holds no signed review: give what `python -m ui.review export` or "
            "`python -m principles collect-rubrics` has written"
        )
    return list(found.values())


class _RubricLine(Line):
    id: Name | None = None
    criterion: Words
    points: Points
    principle_id: str | None = Field(default=None, max_length=64)


class _DraftedLine(Line):
    id: Name
    criterion: Words
    principle_id: str | None = Field(default=None, max_length=64)


class _AnswerLine(Line):
    text: str = Field(max_length=MOST_ANSWER)
    met: tuple[Met, ...]


class _PreferenceLine(Line):
    better: Preference
    answers: tuple[_AnswerLine, _AnswerLine]


class _ReviewLine(Line):
    prompt_id: str
    prompt: tuple[TurnLine, ...] = Field(min_length=1)
    rubrics: tuple[_RubricLine, ...] = Field(max_length=MOST_CRITERIA)
    reviewer: str = Field(min_length=1)
    signed_by: str
    signed_at: datetime
    drafted: tuple[_DraftedLine, ...] | None = None
    edits: tuple[Change, ...]
    preference: _PreferenceLine | None = None

    @model_validator(mode="after")
    def _whole(self) -> "_ReviewLine":
        if self.preference and any(len(one.met) != len(self.rubrics) for one in self.preference.answers):
            raise ValueError("preference: an answer needs one verdict a criterion of its rubrics")
        if self.prompt[-1].role != "user":
            raise ValueError("prompt: the last turn must be the user's")
        return self


def _review(line: _ReviewLine, path: Path, place: str) -> SignedReview:
    answers = line.preference.answers if line.preference else ()
    given: dict[str, Any] = {"criteria": tuple(_criteria(line)), "signed": True}
    if line.preference:
        given |= {"answers": tuple(one.text for one in answers), "preference": line.preference.better}
    try:
        review = Review.model_validate(given)
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise fault(path, place, f"rubrics: {reason}") from None
    drafted, principles = _drafted(line)
    return SignedReview(
        revision=Revision(
            question_id=line.prompt_id,
            owner=line.reviewer,
            version=2,
            editor=line.signed_by,
            at=line.signed_at,
            review=review,
        ),
        turns=tuple({"role": turn.role, "content": turn.content} for turn in line.prompt),
        edits=line.edits,
        drafted=drafted,
        principles=principles,
    )


def _criteria(line: _ReviewLine) -> Iterator[ReviewCriterion]:
    answers = line.preference.answers if line.preference else ()
    for place, one in enumerate(line.rubrics):
        verdicts = [Label.MET if answer.met[place] else Label.NOT_MET for answer in answers]
        given: dict[str, Any] = dict(zip(("a", "b"), verdicts, strict=False))
        name = one.id or one.principle_id or f"c{place}"
        yield ReviewCriterion(id=name, text=one.criterion, points=one.points, principle_id=one.principle_id, **given)


def _drafted(line: _ReviewLine) -> tuple[dict[str, str], dict[str, str]]:
    """Words and principles of what was drafted. Earlier exports do not hold it: there the edits tell, and a criterion
    is called after its principle."""
    if line.drafted is not None:
        words = {one.id: one.criterion for one in line.drafted}
        return words, {one.id: one.principle_id for one in line.drafted if one.principle_id}
    words = {one.principle_id: one.criterion for one in line.rubrics if one.principle_id}
    for edit in line.edits:
        if edit.criterion_id and edit.kind in ("removed", "reworded") and isinstance(edit.before, str):
            words[edit.criterion_id] = edit.before
    return words, {name: name for name in words}
