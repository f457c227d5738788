"""Leaving a command at once: at Ctrl-C, and with an answer while something still loads in the background.

KeyboardInterrupt would do it late and badly: LangGraph waits for stages that are still at work, and an
import that is cut in the middle leaves modules half made and prints a traceback. An orderly end of the
interpreter stops threads in the middle of native code, which aborts the process now and then.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it

at_exit: list[Callable[[], None]] = []
"""Called before the process ends, e.g. to stop a server; must not wait."""


def leave_on_interrupt() -> None:
    """From now on Ctrl-C ends this process with status 130."""
    signal.signal(signal.SIGINT, _interrupted)


def leave(status: int) -> NoReturn:
    """End this process with `status`, whatever its threads do."""
    for last_act in at_exit:
        last_act()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _interrupted(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    for last_act in at_exit:
        last_act()
    # Not through the streams: they may be in the middle of a write.
    os.write(2, (SHOW_CURSOR if os.isatty(2) else b"") + b"\nclinalign: interrupted\n")
    os._exit(128 + number)
