"""The rows of the sheet Criteria: which drafted criterion each is, though rows were sorted, copied or added."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from principles.schema import Label
from training.reviews.record import Given, Review, ReviewCriterion
from training.reviews.sheet.cells import Page
from training.reviews.sheet.names import NO, YES, asked, plain

VERDICTS: dict[str, Given] = {YES: Label.MET, NO: Label.NOT_MET, "met": Label.MET, "not_met": Label.NOT_MET}
# Of a criterion; and how much of it is looked at to tell which of two copies is the drafted one.
MOST_TEXT, COMPARED = 2_000, 500
_ID = re.compile(r"q(\d{1,6})\.([\w.:-]{1,80})")
_PRINCIPLE = re.compile(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Row:
    """One row as it stands: `question` is its question's number, `hidden` the drafted criterion that it was."""

    row: int
    question: int
    hidden: str | None
    order: float | None
    text: str
    points: float | None
    a: Given | None
    b: Given | None
    principle: str


def read_rows(page: Page, drafts: Mapping[int, Review], questions: Mapping[int, str]) -> dict[int, list[Row]]:
    """The rows by the number of their question, each question's in their order. Faults are added to the page's."""
    found: dict[int, list[Row]] = defaultdict(list)
    for number in page.rows():
        if not any(page.text(number, name) for name in page.columns[3:] if name != "Order"):
            continue  # emptied, which is a way to delete it
        row = _row(page, number, drafts)
        if row is None:
            continue
        if (said := page.text(number, "Asked")) and plain(said) != asked(questions[row.question]):
            page.fault(number, "Asked", "is not the question of that number: restore it, or empty the cell")
        found[row.question].append(row)
    last = float("inf")
    return {
        number: sorted(rows, key=lambda one: last if one.order is None else one.order) for number, rows in found.items()
    }


def _row(page: Page, number: int, drafts: Mapping[int, Review]) -> Row | None:
    said = page.text(number, "id")
    match = _ID.fullmatch(said)
    of, hidden = (int(match[1]), match[2]) if match else (0, None)
    if said and (of not in drafts or hidden not in {one.id for one in drafts[of].criteria}):
        page.fault(number, "id", "the hidden id is none of this sheet's: empty the cell if the criterion is new")
        return None
    question = page.number(number, "Question no.")
    if question is None or question not in drafts:
        page.fault(number, "Question no.", f"must be the number of a question, 1 to {max(drafts)}")
        return None
    return Row(
        row=number,
        question=int(question),
        # A row that was copied to another question is a new criterion there.
        hidden=hidden if of == question else None,
        order=page.number(number, "Order"),
        text=page.text(number, "Criterion"),
        points=page.number(number, "Points"),
        a=page.choice(number, "Answer A does this", VERDICTS),
        b=page.choice(number, "Answer B does this", VERDICTS),
        principle=page.text(number, "Principle"),
    )


def criteria_of(page: Page, rows: Sequence[Row], drafted: Review, elsewhere: set[str]) -> tuple[ReviewCriterion, ...]:
    """The rubric that the rows of one question make. `elsewhere` are the words of all drafted criteria, as `plain`."""
    drafts = {one.id: one for one in drafted.criteria}
    keepers = _keepers(rows, drafts)
    made: list[ReviewCriterion] = []
    for row in rows:
        _check(page, row)
        if row.row in keepers:
            made.append(_kept(page, row, drafts[keepers[row.row]], elsewhere))
        else:
            made.append(_added(page, row, sum(one.id.startswith("own-") for one in made)))
    return tuple(made)


def _keepers(rows: Sequence[Row], drafts: Mapping[str, ReviewCriterion]) -> dict[int, str]:
    """Which row is which drafted criterion: of copies the one whose words are nearest to it, the others are new.

    A row that lost its id is known by its words.
    """
    by_id: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.hidden:
            by_id[row.hidden].append(row)
    nearest = {
        name: max(same, key=lambda one: _likeness(one.text, drafts[name].text)) if len(same) > 1 else same[0]
        for name, same in by_id.items()
    }
    found = {one.row: name for name, one in nearest.items()}
    lost = {plain(one.text): name for name, one in drafts.items() if name not in nearest}
    for row in rows:
        if row.hidden is None and (name := lost.pop(plain(row.text), None)):
            found[row.row] = name
    return found


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, plain(one)[:COMPARED], plain(other)[:COMPARED], autojunk=False).ratio()


def _check(page: Page, row: Row) -> None:
    if not row.text:
        page.fault(row.row, "Criterion", "is empty: write the criterion, or delete the row")
    if len(row.text) > MOST_TEXT:
        page.fault(row.row, "Criterion", f"is longer than {MOST_TEXT:,} characters: shorten it")
    if row.points is None or not 0 < abs(row.points) <= 10:
        page.fault(row.row, "Points", "must be points from -10 to 10, and not 0")


def _kept(page: Page, row: Row, drafted: ReviewCriterion, elsewhere: set[str]) -> ReviewCriterion:
    same = plain(row.text) == plain(drafted.text)
    if not same and plain(row.text) in elsewhere:
        page.fault(
            row.row,
            "Criterion",
            "has the words of another drafted criterion: if columns were sorted by themselves, undo that; "
            "if it is meant, delete this row and write the criterion in an empty one",
        )
    if row.principle != (drafted.principle_id or ""):
        page.fault(row.row, "Principle", f'is another than the draft\'s, "{drafted.principle_id or ""}": restore it')
    text = drafted.text if same else row.text
    return drafted.model_copy(update={"text": text[:MOST_TEXT], "points": row.points, "a": row.a, "b": row.b})


def _added(page: Page, row: Row, before: int) -> ReviewCriterion:
    if row.principle and not (len(row.principle) <= 64 and _PRINCIPLE.fullmatch(row.principle)):
        page.fault(row.row, "Principle", "must be the id of a principle, or empty")
    digest = hashlib.sha256(f"{before}\0{plain(row.text)}".encode()).hexdigest()[:16]
    return ReviewCriterion(
        id=f"own-{digest}",
        text=row.text[:MOST_TEXT],
        points=row.points,
        principle_id=row.principle or None if len(row.principle) <= 64 else None,
        a=row.a,
        b=row.b,
    )
