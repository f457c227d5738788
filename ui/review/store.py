"""Questions and reviews in the database.

A review is known by its question and its owner, and is a row of revisions, each a whole review that is never
changed afterwards. A revision's number is part of its key: of two that are made from the same one, the database
takes the first, on SQLite and on PostgreSQL alike, and the second is told.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from principles.errors import ConfigError
from principles.schema import Record
from training.common.questions import Question
from training.reviews.record import Review, Revision
from ui.common.database import prepare, reported

VERSION = 1
# Who the first revision of a review is by: the draft that the clinician starts from.
DRAFTER = "ClinAlign"

_tables = MetaData()
_questions = Table(
    "review_questions",
    _tables,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(200), unique=True, nullable=False),
    Column("question", Text, nullable=False),
)
_revisions = Table(
    "review_revisions",
    _tables,
    Column("question_id", String(200), ForeignKey("review_questions.id"), primary_key=True),
    Column("owner", String(16), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("editor", String(16), nullable=False),
    Column("at", String(32), nullable=False),
    Column("signed", Boolean, nullable=False),
    Column("review", Text, nullable=False),
)


class Status(Record):
    """How far one reviewer is with one question."""

    question_id: str
    owner: str
    editor: str
    at: datetime
    signed: bool


class Conflict(Exception):
    """Somebody has changed the review since; nothing was saved. `theirs` is how it is now."""

    def __init__(self, theirs: Revision) -> None:
        super().__init__(f"version {theirs.version} was there first")
        self.theirs = theirs


class ReviewStore:
    """Safe to share between threads and processes. Raises ConfigError where the database fails."""

    def __init__(self, engine: Engine) -> None:
        prepare(engine, "review", VERSION, _tables)
        self._engine = engine

    def add(self, questions: Sequence[Question]) -> int:
        """Add the questions that are not there yet, by their prompt_id; returns how many."""
        rows = [{"id": one.prompt_id, "question": one.model_dump_json()} for one in questions]
        if any(len(row["id"]) > 200 for row in rows):
            raise ConfigError("a prompt_id is longer than 200 characters: give the question a shorter one")
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        with reported(self._engine), self._engine.begin() as connection:
            before = connection.scalar(select(func.count()).select_from(_questions)) or 0
            if rows:
                connection.execute(dialect.insert(_questions).on_conflict_do_nothing(index_elements=["id"]), rows)
            return (connection.scalar(select(func.count()).select_from(_questions)) or 0) - before

    def questions(self) -> list[Question]:
        """All, in the order in which they were added."""
        return [Question.model_validate_json(row[0]) for row in self._rows(_all_questions)]

    def latest(self, question_id: str, owner: str) -> Revision | None:
        """A review as it is now; None where this owner has not begun."""
        asked = _revision(question_id, owner).order_by(_revisions.c.version.desc()).limit(1)
        return next((_read(row) for row in self._rows(asked)), None)

    def drafts(self) -> dict[tuple[str, str], Review]:
        """What each review was made from, by question and owner."""
        first = map(_read, self._rows(select(_revisions).where(_revisions.c.version == 1)))
        return {(one.question_id, one.owner): one.review for one in first}

    def history(self, question_id: str, owner: str) -> list[Revision]:
        """All revisions, the first one first."""
        return [_read(row) for row in self._rows(_revision(question_id, owner).order_by(_revisions.c.version))]

    def statuses(self, question_id: str | None = None) -> list[Status]:
        """Of every review, or of those of one question, the last revision without its text."""
        columns = ("question_id", "owner", "editor", "at", "signed")
        last = _last(_revisions.c.question_id == question_id if question_id else None)
        asked = select(*(_revisions.c[name] for name in columns)).join(*_joined(last)).order_by(_revisions.c.owner)
        return [Status.model_validate(dict(zip(columns, row, strict=True))) for row in self._rows(asked)]

    def signed(self, question_id: str | None = None) -> Iterator[Revision]:
        """The last signed revision of every review that has one, in the order of questions and owners.

        A review that is being changed again after its signature counts as it was signed.
        """
        wanted = _revisions.c.signed
        last = _last(and_(wanted, _revisions.c.question_id == question_id) if question_id else wanted)
        asked = select(_revisions).join(*_joined(last))
        asked = asked.join(_questions, _questions.c.id == _revisions.c.question_id)
        return map(_read, self._rows(asked.order_by(_questions.c.number, _revisions.c.owner)))

    def save(self, revision: Revision, draft: Review | None = None) -> None:
        """Keep a revision. Raises Conflict, and keeps nothing, where its version is taken.

        A first revision is saved with the `draft` that it was made from before it: as version 1 the draft, as
        version 2 the revision.
        """
        revisions = [revision]
        if draft is not None:
            first = revision.model_copy(update={"version": 1, "editor": DRAFTER, "review": draft})
            revisions = [first, revision.model_copy(update={"version": 2})]
        try:
            with reported(self._engine), self._engine.begin() as connection:
                connection.execute(insert(_revisions), [_row(one) for one in revisions])
        except IntegrityError:
            theirs = self.latest(revision.question_id, revision.owner)
            if theirs is None:
                raise ConfigError("the question is no longer in the database: reload the page") from None
            raise Conflict(theirs) from None

    def _rows(self, asked: Any) -> Sequence[Any]:
        with reported(self._engine), self._engine.connect() as connection:
            return connection.execute(asked).all()


_KEY = ("question_id", "owner", "version")
_all_questions = select(_questions.c.question).order_by(_questions.c.number)


def _revision(question_id: str, owner: str) -> Any:
    mine = and_(_revisions.c.question_id == question_id, _revisions.c.owner == owner)
    return select(_revisions).where(mine)


def _last(where: Any | None) -> Any:
    """The number of the last revision of each review, among those that fit."""
    numbers = select(_revisions.c.question_id, _revisions.c.owner, func.max(_revisions.c.version).label("version"))
    return (numbers if where is None else numbers.where(where)).group_by(*numbers.selected_columns[:2]).subquery()


def _joined(last: Any) -> tuple[Any, Any]:
    return last, and_(*(_revisions.c[name] == last.c[name] for name in _KEY))


def _row(revision: Revision) -> dict[str, Any]:
    plain = revision.model_dump(exclude={"review", "at"})
    review = revision.review
    at = revision.at.astimezone(UTC).isoformat(timespec="milliseconds")
    return plain | {"at": at, "signed": review.signed, "review": review.model_dump_json(exclude_defaults=True)}


def _read(row: Any) -> Revision:
    fields = {name: getattr(row, name) for name in (*_KEY, "editor", "at")}
    return Revision(**fields, review=Review.model_validate_json(row.review))
