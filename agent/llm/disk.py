"""Room for weights, and what to say where there is none."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from principles.errors import WeightsError

FULL = (errno.ENOSPC, errno.EDQUOT)


def require_free(folder: Path, needed: int) -> None:
    """Raise WeightsError unless `needed` bytes are free on the disk of `folder`."""
    if shutil.disk_usage(folder).free < needed:
        raise too_full(folder, needed)


def too_full(folder: Path, needed: int) -> WeightsError:
    """The error for a disk with less than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    return WeightsError(
        f"not enough disk space in {folder}: {needed / 1e9:.2f} GB needed, {free / 1e9:.2f} GB free. "
        "Free some, or set CLINALIGN_CACHE to a folder on a larger disk"
    )


@contextmanager
def full_disk_said_clearly(folder: Path, needed: int) -> Iterator[None]:
    """A disk that fills up meanwhile is the same error as one that was full before."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise too_full(folder, needed) from None
        raise
