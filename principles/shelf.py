"""The shelf of knowledge cards as a terminal tells of it: how many of what, what is at fault, and the table of
docs/facts.md."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from principles.errors import LibraryError
from principles.facts import BUNDLED, Fact, load_facts
from principles.files import write_atomic
from principles.library import Library

# Between these the page's table stands.
BEGIN, END = "<!-- cards by area: python -m principles docs -->", "<!-- end of cards -->"


def cards_of(shelf: Library) -> Sequence[Fact]:
    """The cards of a shelf, typed as what they are."""
    return cast(Sequence[Fact], shelf.principles)


def card_faults(shelf: Library, library: Library) -> Iterator[str]:
    """What is wrong with cards that fit the schema: an id that a principle has, words said twice."""
    known = {one.id for one in library.principles}
    said: dict[str, str] = {}
    for card in cards_of(shelf):
        if card.id in known:
            yield f"{card.id}: a principle of the library has this id, too"
        if (first := said.setdefault(card.statement.casefold(), card.id)) != card.id:
            yield f"{card.id}: field statement: {first} says the same"
        if {form.casefold() for form in card.wrong_forms} & {card.statement.casefold(), card.advice.casefold()}:
            yield f"{card.id}: field wrong_forms: one of them is what the card itself says"


def card_stats(shelf: Library) -> Iterator[str]:
    """Counts, and when cards are to be looked at again."""
    cards = cards_of(shelf)
    yield f"{len(cards)} cards, digest {shelf.digest[:12]}"
    yield f"safety-critical: {sum(card.safety_critical for card in cards)}"
    yield f"wrong forms: {sum(len(card.wrong_forms) for card in cards)}"
    yield "to be looked at again by:"
    yield from (f"  {year}: {count}" for year, count in sorted(Counter(card.review_by for card in cards).items()))


def areas(folder: Path = BUNDLED) -> dict[str, int]:
    """How many cards each file of a folder has, by the file's name."""
    shelf = load_facts(folder)
    found = {
        path.stem: path.read_text(encoding="utf-8").count("\n- id: ") + 1 for path in sorted(folder.glob("*.yaml"))
    }
    if sum(found.values()) != len(shelf.principles):
        raise LibraryError(f"{folder}: a card does not begin with its id: write `- id: …` first")
    return found


def table() -> str:
    """The bundled cards by area, in two columns of a Markdown table."""
    rows = list(areas().items())
    half = (len(rows) + 1) // 2
    lines = ["| area | cards | area | cards |", "|---|---|---|---|"]
    for left, right in zip(rows[:half], [*rows[half:], ("", "")], strict=False):
        lines.append(f"| {left[0]} | {left[1]} | {right[0]} | {right[1]} |")
    return "\n".join(lines)


def write_table(page: Path) -> None:
    """Put the table of today's cards into the page. Raises LibraryError where the page has no place for it."""
    place = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    text = page.read_text(encoding="utf-8")
    if not place.search(text):
        raise LibraryError(f"{page}: has no lines {BEGIN} and {END} between which the table stands")
    write_atomic(page, place.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", text))
