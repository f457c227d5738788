"""An answer cut into sentences, headings and list items, for judges that compare them with a criterion."""

import re

_BREAK = re.compile(r"(?<=[.!?])\s+|\n+")


def sentences(answer: str, marks: str = "") -> list[str]:
    """The pieces in order, without white space and the characters of `marks` at their ends; none is empty."""
    pieces = (piece.strip(f"{marks} \t\r\n") for piece in _BREAK.split(answer))
    return [piece for piece in pieces if piece]
