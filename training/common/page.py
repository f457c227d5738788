"""Parts of the Markdown pages that commands leave to be read."""

from collections.abc import Iterable, Iterator


def table_row(*cells: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"


def table_head(*names: str) -> Iterator[str]:
    """The two lines that a table begins with."""
    yield table_row(*names)
    yield f"|{'---|' * len(names)}"


def canary_lines(marks: Iterable[str]) -> Iterator[str]:
    """What has to stay with figures on a benchmark: a line a canary of its text."""
    return (f"Canary of the data: `{mark}`" for mark in marks)
