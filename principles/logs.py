"""The logger `clinalign`, below which all that the project logs is found: ids, lengths, counts and seconds, never text.

A program turns it up or down like any other: `logging.getLogger("clinalign").setLevel("INFO")`. Nothing here adds a
handler, so that what is logged goes where the program's logs go.
"""

import logging
import traceback

NAME = "clinalign"


def logger(part: str) -> logging.Logger:
    """The logger of a part, `clinalign.PART`."""
    return logging.getLogger(f"{NAME}.{part}")


def log_unexpected(part: str, error: BaseException) -> None:
    """Log an error that is none of ours by its type and place alone: its text may quote a question."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logger(part).error("unexpected %s\n%s", type(error).__name__, places)
