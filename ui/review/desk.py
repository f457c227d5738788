"""A clinician at work on one review: opened, saved at every change, refused where a colleague was first, signed."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from principles.errors import ClinAlignError, InputError
from training.common.questions import Question
from training.reviews.record import Preference, Review, Revision, criteria_from, missing, texts_from
from ui.review.store import Conflict, ReviewStore

Draft = Callable[[Question], Review]


@dataclass(frozen=True)
class Desk:
    """`version` and `saved` are the revision that the page was made from; 0 is a draft that is not stored yet.

    `sheet` changes whenever the page is filled anew: what a page sends late, of what it showed before, is told by
    it. `theirs` is set while a colleague's change stands against what the page shows; `note` says what went wrong.
    """

    editor: str
    owner: str
    question: Question
    version: int
    saved: Review
    sheet: str
    theirs: Revision | None = None
    note: str = ""


class Desks:
    """Opens and saves reviews. Raises ConfigError where the database fails, InputError where input is unusable."""

    def __init__(self, store: ReviewStore, draft: Draft) -> None:
        self.store = store
        self._draft = draft

    def open(self, editor: str, question: Question, owner: str | None = None) -> Desk:
        """The review of `owner` (a colleague's, else one's own), or a fresh draft where there is none."""
        owner = owner or editor
        found = self.store.latest(question.prompt_id, owner)
        if found:
            return _desk(editor, question, found)
        drafted, note = self._drafted(question)
        return Desk(editor, owner, question, 0, drafted, uuid.uuid4().hex, note=note)

    def _drafted(self, question: Question) -> tuple[Review, str]:
        try:
            review, note = self._draft(question), ""
        except ClinAlignError as error:
            review, note = Review(), f"No rubric could be drafted: {error}. You can write one yourself."
        # Verdicts of two reviewers can be compared only on the same answers.
        for status in self.store.statuses(question.prompt_id):
            other = self.store.latest(question.prompt_id, status.owner)
            if other and all(answer.strip() for answer in other.review.answers):
                both = {"answers": other.review.answers, "origins": other.review.origins}
                return review.model_copy(update=both), note
        return review, note

    def save(self, desk: Desk, review: Review) -> Desk:
        """Keep the page's review if it differs; the desk tells in `theirs` where a colleague was first."""
        if desk.theirs or review == desk.saved:
            return desk
        return self._kept(desk, desk.version, review)

    def keep_mine(self, desk: Desk, review: Review) -> Desk:
        """Save over the colleague's change that was shown; one made since is shown in turn."""
        if desk.theirs is None:
            return self.save(desk, review)
        return self._kept(desk, desk.theirs.version, review)

    def load_theirs(self, desk: Desk) -> Desk:
        """The review as it is now; what the page showed is given up."""
        latest = self.store.latest(desk.question.prompt_id, desk.owner) or desk.theirs
        return _desk(desk.editor, desk.question, latest) if latest else desk

    def sign(self, desk: Desk, review: Review) -> Desk:
        """Save as signed. Raises InputError with what is missing, after saving what is there."""
        if faults := missing(review):
            saved = self.save(desk, review)
            raise Unfinished(saved, faults)
        return self.save(desk, review.model_copy(update={"signed": True}))

    def next_open(self, editor: str, after: Question | None = None) -> Question | None:
        """The next question that this person has not signed, going round once; None where all are signed."""
        questions = self.store.questions()
        signed = {one.question_id for one in self.store.statuses() if one.owner == editor and one.signed}
        places = [place for place, one in enumerate(questions) if after and one.prompt_id == after.prompt_id]
        start = places[0] + 1 if places else 0
        return next((one for one in questions[start:] + questions[:start] if one.prompt_id not in signed), None)

    def _kept(self, desk: Desk, based_on: int, review: Review) -> Desk:
        version = based_on + 1 if based_on else 2
        revision = Revision(
            question_id=desk.question.prompt_id,
            owner=desk.owner,
            version=version,
            editor=desk.editor,
            at=datetime.now(UTC),
            review=review,
        )
        try:
            self.store.save(revision, None if based_on else desk.saved)
        except Conflict as conflict:
            return replace(desk, theirs=conflict.theirs)
        return replace(desk, version=version, saved=review, theirs=None, note="")


class Unfinished(InputError):
    """A signature was refused; `desk` is as saved."""

    def __init__(self, desk: Desk, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.desk = desk
        self.faults = faults


def filled_in(
    desk: Desk, rows: Any, answers: tuple[str | None, str | None], preference: Preference | None, reason: str | None
) -> Review:
    """The review that the page shows. A signature does not outlast a change. Raises InputError."""
    texts, why = texts_from(answers, reason)
    before = desk.saved
    origins = tuple(
        origin if text == old else "pasted"
        for text, old, origin in zip(texts, before.answers, before.origins, strict=True)
    )
    shown = {
        "criteria": criteria_from(rows),
        "answers": texts,
        "origins": origins,
        "preference": preference if preference in ("A", "B", "tie") else None,
        "reason": why,
    }
    review = before.model_copy(update=shown)
    return review if review == before else review.model_copy(update={"signed": False})


def _desk(editor: str, question: Question, revision: Revision) -> Desk:
    return Desk(editor, revision.owner, question, revision.version, revision.review, uuid.uuid4().hex)
