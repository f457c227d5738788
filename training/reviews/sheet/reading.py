"""Takes a spreadsheet back: the signed reviews in it, as the page would have kept them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from principles.errors import ConfigError, InputError
from training.common.questions import MOST_ANSWER, MOST_CRITERIA, Question, question_of_record
from training.reviews.begun import begun
from training.reviews.changes import changes
from training.reviews.record import MOST_REASON, Origin, Review, Revision, initials_from, missing
from training.reviews.sheet.cells import Page, open_book
from training.reviews.sheet.kept import records_in
from training.reviews.sheet.names import (
    BETTER,
    CRITERIA,
    CRITERION_COLUMNS,
    CUT,
    KEPT,
    QUESTION_COLUMNS,
    QUESTIONS,
    plain,
)
from training.reviews.sheet.rows import Row, criteria_of, read_rows
from training.reviews.sheet.sizes import MOST_ELEMENTS
from training.reviews.sheet.written import question_text

if TYPE_CHECKING:
    from openpyxl import Workbook

FAULTS_SHOWN = 20


@dataclass(frozen=True)
class Signed:
    """A signed review with its question and what it was made from."""

    question: Question
    revision: Revision
    drafted: Review


@dataclass
class Collected:
    """What one spreadsheet holds. `unsigned` names the cells that lack initials though something was changed."""

    signed: list[Signed] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    untouched: int = 0


def read_sheet(path: Path) -> Collected:
    """The reviews of a spreadsheet. Raises ConfigError that names what is wrong with sheet and cell."""
    book = open_book(path)
    try:
        questions = _questions(book)
        faults: list[str] = []
        pages = [
            Page(book[name], columns, faults)
            for name, columns in ((QUESTIONS, QUESTION_COLUMNS), (CRITERIA, CRITERION_COLUMNS))
        ]
        collected = _collected(pages[0], pages[1], questions, _saved_at(book, path))
        if faults:
            raise ConfigError(_told(faults))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return collected


def _told(faults: Sequence[str]) -> str:
    found = list(dict.fromkeys(faults))
    more = f"\n  and {len(found) - FAULTS_SHOWN} more" if len(found) > FAULTS_SHOWN else ""
    listed = "\n  ".join(found[:FAULTS_SHOWN])
    return f"{len(found)} fault(s), mend these and give the command again:\n  {listed}{more}"


def _questions(book: "Workbook") -> list[Question]:
    for name in (QUESTIONS, CRITERIA, KEPT):
        if name not in {page.title for page in book.worksheets}:
            told = "the hidden sheet with the drafts" if name == KEPT else f"the sheet {name}"
            raise ConfigError(f"{told} is missing: work in the file that was written, and leave its sheets' names")
    kept = book[KEPT]
    try:
        if kept.max_row * kept.max_column > MOST_ELEMENTS:
            raise ValueError("cells far out")
        records = records_in(kept.iter_rows(values_only=True))
    except (ValueError, TypeError, OverflowError):
        raise ConfigError("the hidden sheet with the drafts is damaged: go back to an earlier copy") from None
    return [question_of_record(record, Path(KEPT), f"line {number}") for number, record in enumerate(records, 1)]


def _saved_at(book: "Workbook", path: Path) -> datetime:
    """When it was saved last, by its own word, else the file's."""
    saved = book.properties.modified
    if not isinstance(saved, datetime):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return saved if saved.tzinfo else saved.replace(tzinfo=UTC)


def _collected(page: Page, criteria: Page, questions: Sequence[Question], at: datetime) -> Collected:
    drafts = {number: begun(question) for number, question in enumerate(questions, 1)}
    texts = {number: question.turns[-1]["content"] for number, question in enumerate(questions, 1)}
    words = {plain(one.text) for review in drafts.values() for one in review.criteria}
    rows = read_rows(criteria, drafts, texts)
    collected, seen = Collected(), set[int]()
    for row in page.rows():
        number = _number(page, row, questions)
        if number is None or number in seen:
            page.fault(row, "No.", "must be the question's own number, once: restore it")
            continue
        seen.add(number)
        question, drafted, own = questions[number - 1], drafts[number], rows.get(number, [])
        signer = _signer(page, row)
        if signer is None:
            if page.text(row, "Signed by"):
                continue  # a fault, and told
            review = _answered(page, row, drafted)
            changed = _changed(own, drafted) or bool(changes(drafted, review))
            collected.unsigned += [page.name(row, "Signed by")] if changed else []
            collected.untouched += not changed
            continue
        if len(own) > MOST_CRITERIA:
            page.fault(row, "No.", f"has more than {MOST_CRITERIA} criteria: delete some")
            continue
        review = _answered(page, row, drafted)
        review = review.model_copy(update={"criteria": criteria_of(criteria, own, drafted, words), "signed": True})
        _check(page, criteria, row, own, review)
        revision = Revision(
            question_id=question.prompt_id, owner=signer, version=2, editor=signer, at=at, review=review
        )
        collected.signed.append(Signed(question, revision, drafted))
    for number in drafts.keys() - seen:
        changed = _changed(rows.get(number, []), drafts[number])
        collected.unsigned += [f"{QUESTIONS}, where question {number} has no row"] if changed else []
        collected.untouched += not changed
    return collected


def _number(page: Page, row: int, questions: Sequence[Question]) -> int | None:
    """The question's number by its hidden id; the visible one and the question's words must be its own."""
    hidden, number = page.text(row, "id"), page.number(row, "No.")
    if number is None or hidden != f"q{number:g}" or not 1 <= number <= len(questions):
        return None
    if plain(page.text(row, "Question")) != plain(question_text(questions[int(number) - 1])):
        page.fault(row, "Question", "the question's words were changed, and cannot be here: restore them")
    return int(number)


def _signer(page: Page, row: int) -> str | None:
    written = page.text(row, "Signed by")
    try:
        return initials_from(written) if written else None
    except InputError as error:
        page.fault(row, "Signed by", str(error))
        return None


def _answered(page: Page, row: int, drafted: Review) -> Review:
    """The two answers, which is better and why."""
    texts: list[str] = []
    origins: list[Origin] = []
    for place, column in enumerate(("Answer A", "Answer B")):
        text, before = page.text(row, column), drafted.answers[place]
        same = plain(text) == plain(before)
        texts.append(before if same else text)
        origins.append(drafted.origins[place] if same else "pasted")
        if not same and CUT.strip() in text:
            page.fault(row, column, "is too long to be changed in a cell: restore it, or paste another answer")
        if len(text) > MOST_ANSWER:
            page.fault(row, column, f"is longer than {MOST_ANSWER:,} characters: shorten it")
    reason = page.text(row, "Why")
    if len(reason) > MOST_REASON:
        page.fault(row, "Why", f"is longer than {MOST_REASON:,} characters: shorten it")
    better = page.choice(row, "Better answer", {one.casefold(): one for one in BETTER})
    given = {"answers": tuple(texts), "origins": tuple(origins), "preference": better, "reason": reason}
    return drafted.model_copy(update=given)


def _changed(rows: Sequence[Row], drafted: Review) -> bool:
    """Whether the rows of a question that is not signed say anything that its draft does not."""
    now = [(one.hidden, plain(one.text), one.points, one.a, one.b) for one in rows]
    return now != [(one.id, plain(one.text), one.points, None, None) for one in drafted.criteria]


def _check(page: Page, criteria: Page, row: int, own: Sequence[Row], review: Review) -> None:
    """What a signature waits for, as on the page; with the cell where one is to blame."""
    given = [bool(answer) for answer in review.answers]
    for one in own:
        for side, has in zip(("A", "B"), given, strict=True):
            verdict, column = getattr(one, side.lower()), f"Answer {side} does this"
            if all(given) and verdict is None:
                criteria.fault(one.row, column, "the verdict is missing: yes or no")
            elif not has and verdict is not None:
                said = f"there is no answer {side} in {QUESTIONS}: put it there, or empty this cell"
                criteria.fault(one.row, column, said)
    if all(given) and not review.preference:
        page.fault(row, "Better answer", "is missing: A, B or tie")
    if not page.faults:
        for reason in missing(review):
            page.fault(row, "Signed by", f"cannot be signed yet: {reason}")
