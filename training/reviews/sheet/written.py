"""Writes drafts as a spreadsheet that clinicians can work in with Excel or LibreOffice."""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from principles.errors import ConfigError
from training.common.journal import beside, unwritable, write_whole
from training.common.questions import Question, question_of_record
from training.reviews.begun import begun
from training.reviews.sheet.kept import kept_rows
from training.reviews.sheet.names import (
    BETTER,
    CRITERIA,
    CRITERION_COLUMNS,
    KEPT,
    NO,
    POINTS,
    QUESTION_COLUMNS,
    QUESTIONS,
    READ_ME,
    YES,
    asked,
    escaped,
    shown,
)
from training.reviews.sheet.sizes import too_much

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

# Drop-downs reach so far below the last row, for criteria that are added.
ROOM = 500
HELP = (
    "Each row of the sheet Criteria is a yes/no question about an answer. Correct it until the rubric says what a good "
    "answer to its question must do: reword, change points, delete rows, add rows.",
    "Points above 0: the answer should do this. Points below 0: it is a fault if it does. From -10 to 10, not 0.",
    "A new criterion: write it in an empty row, with the number of its question. Or copy a row and change the copy.",
    "Order says where a criterion stands among those of its question; 2.5 puts it between 2 and 3. Sort the sheet as "
    "you like, but always whole rows (by the arrows of the header).",
    "Where the sheet Questions shows answers A and B, say for each criterion whether A and B do it, and in Questions "
    "which answer is better. You may also put two answers of your own there.",
    "Write your initials under Signed by, in Questions, for each question that you have finished. Others are left out.",
    "Leave the sheets, their headers and the hidden column as they are, and save as .xlsx.",
)
SPEAKERS = {"user": "Question", "assistant": "Earlier answer"}
WIDTHS = {
    QUESTIONS: (8, 6, 60, 60, 60, 14, 40, 12),
    CRITERIA: (10, 12, 34, 8, 70, 9, 12, 12, 30),
}


def require_untouched(path: Path) -> None:
    """Raises ConfigError where the spreadsheet is there and is not as this program wrote it."""
    try:
        noted = _noted(path).read_bytes().strip() if _noted(path).exists() else b""
        same = not path.exists() or _digest(path.read_bytes()).encode() == noted
    except OSError as error:
        raise unwritable(path, error) from None
    if not same:
        raise ConfigError(
            f"{path}: somebody has worked in it since it was written, or it is another file: it was left as it is; "
            "choose another --out, or move it away"
        )


def write_sheet(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write drafts (lines of `training.reviews.drafter.Draft`), in their order. Raises ConfigError."""
    require_untouched(path)
    content = io.BytesIO()
    _workbook(records).save(content)
    with zipfile.ZipFile(content) as packed:
        if reason := too_much(packed):
            raise ConfigError(f"{path}: {reason}, too much for one workbook: split the questions")
    write_whole(_noted(path), _digest(content.getvalue()) + "\n")
    write_whole(path, content.getvalue())


def _noted(path: Path) -> Path:
    return beside(path, "sha256")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _workbook(records: Sequence[Mapping[str, Any]]) -> "Workbook":
    from openpyxl import Workbook

    book = Workbook()
    first = book.active
    assert first is not None  # a new workbook has one
    book.remove(first)
    help_page = book.create_sheet(READ_ME)
    _rows(help_page, ([line] for line in HELP))
    help_page.column_dimensions["A"].width = 110
    questions = [
        question_of_record(dict(record), Path("drafts"), f"line {number}") for number, record in enumerate(records, 1)
    ]
    _table(book, QUESTIONS, QUESTION_COLUMNS, [_question_row(n, one) for n, one in enumerate(questions, 1)])
    rows = [row for number, one in enumerate(questions, 1) for row in _criterion_rows(number, one)]
    page = _table(book, CRITERIA, CRITERION_COLUMNS, rows)
    last = len(rows) + 1 + ROOM
    _choices(page, f"F2:F{last}", POINTS, "Points are a whole number from -10 to 10, and not 0.")
    _choices(page, f"G2:H{last}", (YES, NO), "yes or no")
    _choices(book[QUESTIONS], f"F2:F{len(questions) + 1}", BETTER, "A, B or tie")
    kept = book.create_sheet(KEPT)
    _rows(kept, kept_rows(records))
    kept.sheet_state = "veryHidden"
    book.active = book.worksheets.index(page)
    return book


def question_text(question: Question) -> str:
    """The conversation as one cell shows it."""
    turns = [turn["content"] for turn in question.turns]
    if len(turns) > 1:
        turns = [f"{SPEAKERS[turn['role']]}: {turn['content']}" for turn in question.turns]
    return "\n\n".join(turns)


def _question_row(number: int, question: Question) -> list[Any]:
    return [f"q{number}", number, question_text(question), *begun(question).answers, "", "", ""]


def _criterion_rows(number: int, question: Question) -> Iterable[list[Any]]:
    short = asked(question.turns[-1]["content"])
    for place, one in enumerate(begun(question).criteria, 1):
        points = int(one.points) if one.points == int(one.points or 0) else one.points
        yield [f"q{number}.{one.id}", number, short, place, one.text, points, "", "", one.principle_id or ""]


def _table(book: "Workbook", name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> "Worksheet":
    from openpyxl.styles import Alignment, Font, PatternFill

    page: Worksheet = book.create_sheet(name)
    _rows(page, [columns, *rows])
    for cell in page[1]:
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="DDE7F0")
    for row in page.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for letter, width in zip("ABCDEFGHI", WIDTHS[name], strict=False):
        page.column_dimensions[letter].width = width
    page.column_dimensions["A"].hidden = True
    page.freeze_panes = "C2"
    page.auto_filter.ref = page.dimensions
    return page


def _rows(page: "Worksheet", rows: Iterable[Sequence[Any]]) -> None:
    for number, row in enumerate(rows, 1):
        for place, value in enumerate(row, 1):
            if value == "":
                continue
            cell = page.cell(number, place)
            cell.value = escaped(shown(value)) if isinstance(value, str) else value
            if isinstance(value, str):
                cell.data_type = "s"  # what begins with "=" is no formula


def _choices(page: "Worksheet", cells: str, values: Sequence[Any], said: str) -> None:
    from openpyxl.worksheet.datavalidation import DataValidation

    listed = ",".join(map(str, values))
    choice = DataValidation("list", formula1=f'"{listed}"', allow_blank=True, showErrorMessage=True)
    choice.errorTitle, choice.error = "This cannot be used", said
    choice.add(cells)
    page.add_data_validation(choice)
