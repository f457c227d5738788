"""How far long work of known size is, on stderr: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

# Between two lines of a log.
LINE_EVERY_S = 30.0


class Done(Protocol):
    """Called with how many more are done, and with what else is to be said."""

    def __call__(self, more: int, note: str = "") -> None: ...


@contextmanager
def bar(label: str, total: int, before: int = 0) -> Iterator[Done]:
    """Call what it gives as the work goes on; `before` of the total were done earlier and say nothing of the speed."""
    console = Console(stderr=True)
    shown = Progress(
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        speed_estimate_period=3600,  # one may take longer than the 30 s that rich looks back
    )
    started = told = time.perf_counter()
    count = 0
    with shown:
        task = shown.add_task("", total=total, completed=before, said="")

        def done(more: int, note: str = "") -> None:
            nonlocal count, told
            count += more
            now = time.perf_counter()
            each = max(now - started, 1e-9) / max(count, 1)
            rate = f"{1 / each:.1f} a second" if each <= 1 else f"{60 / each:.1f} a minute"
            said = ", ".join(filter(None, (rate if count else "", note)))
            shown.update(task, advance=more, said=said)
            if not console.is_terminal and (now - told >= LINE_EVERY_S or before + count == total):
                told = now
                left = timedelta(seconds=round(each * (total - before - count)))
                print(f"{label}: {before + count} of {total}, {said}, left {left}", file=sys.stderr, flush=True)

        yield done
