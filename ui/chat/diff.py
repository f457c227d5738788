"""Draft and answer side by side, sentence by sentence."""

import difflib

from ui.chat.marks import pieces
from ui.common.html import Markup, fill, joined, markdown


def side_by_side(draft: str, answer: str) -> Markup:
    """A table with a row for each stretch that is the same in both, or not."""
    old, new = pieces(draft), pieces(answer)
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    rows = [_row(kind, old[a:b], new[c:d]) for kind, a, b, c, d in matcher.get_opcodes()]
    return fill(
        '<table class="diff"><thead><tr><th scope="col">Draft</th><th scope="col">Answer</th></tr></thead>'
        "<tbody>{}</tbody></table>",
        joined(rows),
    )


def _row(kind: str, old: list[str], new: list[str]) -> Markup:
    if kind == "equal":
        return fill('<tr class="same"><td>{}</td><td>{}</td></tr>', _lines(old), _lines(new))
    out = fill("<del>{}</del>", _lines(old)) if old else ""
    into = fill("<ins>{}</ins>", _lines(new)) if new else ""
    return fill("<tr><td>{}</td><td>{}</td></tr>", out, into)


def _lines(texts: list[str]) -> Markup:
    return joined(markdown(text) for text in texts)
