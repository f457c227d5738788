"""An answer as units that can be removed, replaced or added without leaving a seam.

A unit is a sentence of a paragraph or a whole list item: half a list item reads as damage. Units are
spans of the text itself, so that what is not edited stays as it was, to the letter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LIST_ITEM = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+\S")
_NUMBERED = re.compile(r"^(\s*)(\d{1,2})([.)]\s)")
# A capital, a digit, or a letter of a script that has no capitals begins the next sentence.
_SENTENCE_END = re.compile(
    r"(?<=[.!?؟])[\"')\]*]*\s+(?=[\"'¿¡«(\[*]*[A-Z0-9À-ÞЀ-ЯΑ-Ω\u0590-\u0E7F])|(?<=[。！？])|(?<=।)\s*"
)
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|approx|Dr|Mr|Mrs|Ms|St|No|Fig)|\b[A-Z])\.$")
_WHOLE = re.compile(r"[.!?。！？…؟।][\"'”’)\]*]*$")
LONG_PARAGRAPH_WORDS = 70
REMARKS = "*Remarks on this text, not part of it:*"
_POINTS_BACK = re.compile(r"(?:it|its|this|these|those|they|them|their|such|both|he|she)\b", re.IGNORECASE)
_SIGN_OFF = re.compile(r"^\W*(?:remember|i hope|take care|stay safe|feel free|let me know|i wish)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """`text[start:end]` of the answer; `item` tells whether it is a whole list item."""

    start: int
    end: int
    text: str
    item: bool


def units(answer: str) -> list[Unit]:
    """The answer's sentences and list items, in order. A list item takes its indented continuation lines along."""
    found: list[Unit] = []
    position = 0
    for line in answer.splitlines(keepends=True):
        body = line.strip()
        start = position + (len(line) - len(line.lstrip()))
        end = start + len(body)
        position += len(line)
        if not body or body.startswith("#"):
            continue
        if _LIST_ITEM.match(line):
            found.append(Unit(start, end, body, item=True))
        elif line[:1] in " \t" and found and found[-1].item:
            previous = found.pop()
            found.append(Unit(previous.start, end, answer[previous.start : end], item=True))
        else:
            found += _sentences(answer, start, end)
    return found


def _sentences(answer: str, start: int, end: int) -> list[Unit]:
    cuts = [start]
    for match in _SENTENCE_END.finditer(answer, start, end):
        if not _ABBREVIATION.search(answer[cuts[-1] : match.start()].rstrip()):
            cuts.append(match.end())
    spans = zip(cuts, [*cuts[1:], end], strict=True)
    return [Unit(a, a + len(t), t, item=False) for a, b in spans if (t := answer[a:b].rstrip())]


def whole_thought(answer: str, unit: Unit) -> Unit:
    """The sentence with its neighbours that hang on it: those after it that point back ("These are ..."),
    and, where it points back itself, the one before."""
    if unit.item:
        return unit
    row = [other for other in units(answer) if not other.item and "\n" not in _between(answer, unit, other)]
    first = last = next(i for i, other in enumerate(row) if other.start == unit.start)
    while first > 0 and _POINTS_BACK.match(row[first].text):
        first -= 1
    while last + 1 < len(row) and _POINTS_BACK.match(row[last + 1].text):
        last += 1
    start, end = row[first].start, row[last].end
    return Unit(start, end, answer[start:end], item=False)


def _between(answer: str, one: Unit, other: Unit) -> str:
    return answer[min(one.end, other.end) : max(one.start, other.start)]


def replace(answer: str, unit: Unit, text: str) -> str:
    """The answer with `text` in the unit's place, keeping a list marker; an empty `text` removes the unit.

    A numbered list counts on without a hole where an item was removed; nothing else is renumbered.
    """
    if not text:
        after = answer[unit.end :].removeprefix("\n") if unit.item else answer[unit.end :]
        number = _NUMBERED.match(answer[_line_start(answer, unit.start) : unit.end]) if unit.item else None
        return _tidy(answer[: unit.start] + (_counted_on(after, number) if number else after))
    marker = re.match(r"(?:[-*•]|\d{1,2}[.)])\s+", unit.text) if unit.item else None
    return _tidy(answer[: unit.start] + (marker[0] if marker else "") + text + answer[unit.end :])


def correct_beside(answer: str, unit: Unit, text: str) -> str:
    """The answer with `text` directly after the unit, which stays."""
    return f"{answer[: unit.end]} {text}{answer[unit.end :]}"


def insert_opening(answer: str, text: str) -> str:
    """`text` as the first paragraph."""
    return f"{text}\n\n{answer}"


def with_remarks(document: str, remarks: Sequence[str]) -> str:
    """The document untouched, and after it what is to be said about it."""
    listed = "\n".join(f"- {remark}" for remark in remarks)
    return f"{document.rstrip()}\n\n---\n\n{REMARKS}\n\n{listed}"


def insert_after(answer: str, unit: Unit, text: str) -> str:
    """`text` at the end of the paragraph or list that the unit is in, where it cannot part two sentences that belong
    together."""
    end = answer.find("\n\n", unit.end)
    end = len(answer.rstrip()) if end < 0 else end
    last = next(other for other in reversed(units(answer)) if other.start < end)
    if len(units(answer)) > 1 and _SIGN_OFF.match(last.text) and last.start > unit.start:
        return insert_closing(answer, text)
    return f"{_followed(answer[:end], text)}{answer[end:]}"


def insert_closing(answer: str, text: str) -> str:
    """`text` at the end, before a sign-off sentence if the answer has one."""
    found = units(answer)
    if found and _SIGN_OFF.match(found[-1].text) and not found[-1].item and len(found) > 1:
        cut = found[-1].start
        return f"{_followed(answer[:cut].rstrip(), text)} {answer[cut:]}"
    return _followed(answer.rstrip(), text)


def _followed(before: str, text: str) -> str:
    """Text runs on after a whole sentence; after a list, a lead-in, words without an end or a long paragraph it makes
    a paragraph of its own."""
    found = units(before)
    if not found:
        return f"{before}{text}"
    long = len(before[before.rfind("\n\n") + 1 :].split()) > LONG_PARAGRAPH_WORDS
    gap = "\n\n" if long or found[-1].item or not _WHOLE.search(before) else " "
    return f"{before}{gap}{text}"


def _tidy(answer: str) -> str:
    lines = [line.rstrip() for line in answer.splitlines()]
    kept = [line for line in lines if not re.fullmatch(r"\s*(?:[-*•]|\d{1,2}[.)])", line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(re.sub(r"(?<=\S) {2,}", " ", line) for line in kept)).strip()


def _line_start(answer: str, position: int) -> int:
    return answer.rfind("\n", 0, position) + 1


def _counted_on(after: str, removed: re.Match[str]) -> str:
    """The text after a numbered item that was removed: those that followed it in its list move up by one."""
    due, lines = int(removed[2]), after.split("\n")
    for place, line in enumerate(lines):
        match = _NUMBERED.match(line)
        if match is None or match[1] != removed[1]:
            continue
        if int(match[2]) != due + 1:
            break
        lines[place] = f"{match[1]}{due}{match[3]}{line[match.end() :]}"
        due += 1
    return "\n".join(lines)
