"""What the sheets and columns are called, and what the cells may hold."""

import re
from pathlib import Path

SUFFIX = ".xlsx"
READ_ME, QUESTIONS, CRITERIA, KEPT = "Read me", "Questions", "Criteria", "kept"
# By column, from A on; the first is hidden.
QUESTION_COLUMNS = ("id", "No.", "Question", "Answer A", "Answer B", "Better answer", "Why", "Signed by")
CRITERION_COLUMNS = (
    "id",
    "Question no.",
    "Asked",
    "Order",
    "Criterion",
    "Points",
    "Answer A does this",
    "Answer B does this",
    "Principle",
)
POINTS = tuple(number for number in range(10, -11, -1) if number)
YES, NO = "yes", "no"
BETTER = ("A", "B", "tie")
# A cell takes 32,767 characters of UTF-16.
MOST_SHOWN = 30_000
CUT = "\n[cut here: the cell holds no more]"
ASKED = 100
MOST_ROWS = 20_000
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPED = re.compile(r"_x005[fF]_(?=x[0-9A-Fa-f]{4}_)|_x(00[01][0-9A-Fa-f])_")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def is_sheet(path: Path) -> bool:
    """Whether the name is that of a spreadsheet."""
    return path.suffix.lower() == SUFFIX


def shown(text: str) -> str:
    """The text as a cell shows it: without characters that XML has no room for, cut where it is too long."""
    clean = _ILLEGAL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    units = clean.encode("utf-16-le", "replace")
    if len(units) <= 2 * MOST_SHOWN:
        return clean
    return units[: 2 * MOST_SHOWN].decode("utf-16-le", "ignore") + CUT


def escaped(text: str) -> str:
    """As the file holds it: there "_x0041_" is the letter A."""
    return _ESCAPE.sub("_x005F_", text)


def unescaped(text: str) -> str:
    """What a cell says, of how the file holds it. Where openpyxl has unescaped it already it stays as it is."""
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else "_", text)
    return plain.replace("\r\n", "\n").replace("\r", "\n")


def plain(text: str) -> str:
    """What two texts must share to be the same: programs change line breaks and spaces when they save."""
    return " ".join(shown(text).split())


def asked(question: str) -> str:
    """The question in short, as it stands beside each of its criteria."""
    words = plain(question)
    return words if len(words) <= ASKED else f"{words[: ASKED - 1]}…"
