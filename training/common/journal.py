"""Long work that is kept line by line, so that it goes on where it was when the same command is given again.

One process works at a time, and what the work depends on is written down first: it goes on under the same settings
only. Lines are appended whole and synced, so that a crash can tear the last one at most; it is dropped, and what it
held is done again.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from agent.llm.disk import FULL
from principles.errors import ConfigError
from principles.files import write_atomic

T = TypeVar("T")
LOCK, SETTINGS = ".lock", "settings.json"
KEPT = "what is done so far is kept"


def only_process(lock: Path, out: Path) -> FileLock:
    """The lock, held by this process; its folder is made. ConfigError where another process works on `out`."""
    held = FileLock(lock)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held.acquire(timeout=0)
    except Timeout:
        raise ConfigError(f"{out}: another run writes there: wait for it, or choose another --out") from None
    except OSError as error:
        raise unwritable(out, error) from None
    return held


@contextmanager
def begun_under(
    settings: Mapping[str, Any], *, out: Path, lock: Path, kept_in: Path, lines: Sequence[Path]
) -> Iterator[None]:
    """Work on `out` for this process alone, begun or gone on with under `settings`, which are in `kept_in`.

    Raises ConfigError where another process works there, or the `lines` that are there were not made under the
    same settings.
    """
    held = only_process(lock, out)
    try:
        before = settings_in(kept_in)
        if before is None:
            _begin(kept_in, settings, lines)
        else:
            _require_same(before, settings, out)
        yield
    finally:
        held.release()


@contextmanager
def folder_begun_under(settings: Mapping[str, Any], folder: Path, *names: str) -> Iterator[None]:
    """`begun_under` for a folder that keeps lines in the files of these names."""
    lines = [folder / name for name in names]
    with begun_under(settings, out=folder, lock=folder / LOCK, kept_in=folder / SETTINGS, lines=lines):
        yield


def settings_in(path: Path) -> dict[str, Any] | None:
    """The settings that work was begun under; None where it was not begun. Raises ConfigError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: cannot be read as settings: choose another --out")
    return found


def read_lines(path: Path, parse: Callable[[bytes], T], mend: bool = False) -> Iterator[T]:
    """Each line parsed, none where there is no file. What a crash left of the last one is passed over.

    `mend`, for the one process that writes the file, cuts it off. `parse` says with a ValueError that a line is no
    whole one. Raises ConfigError where that is a line before the last.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    lines = content.split(b"\n")[:-1]  # what follows the last line break is torn
    whole = 0
    for number, line in enumerate(lines, 1):
        try:
            found = parse(line)
        except ValueError:
            if number == len(lines):
                break
            raise ConfigError(f"{path}: line {number} is damaged: remove it, its work is then done again") from None
        whole += len(line) + 1
        yield found
    if mend and whole < len(content):
        os.truncate(path, whole)


def append_line(path: Path, line: str, kept: str = KEPT) -> None:
    """Write one line (without its line break); it is on the disk when this returns.

    Where the disk fails it is as if nothing had been written: ConfigError, which says what is `kept`.
    """
    try:
        _append(path, line.encode() + b"\n")
    except OSError as error:
        raise unwritable(path, error, kept) from None


def write_whole(path: Path, content: bytes | str, kept: str = KEPT) -> None:
    """`write_atomic`, where a disk that fails is a ConfigError, which says what is `kept`."""
    try:
        write_atomic(path, content)
    except OSError as error:
        raise unwritable(path, error, kept) from None


def beside(out: Path, ending: str) -> Path:
    """FILE.ending"""
    return out.with_name(f"{out.name}.{ending}")


def unwritable(path: Path, error: OSError, kept: str = KEPT) -> ConfigError:
    """What to say, and to do, where `path` cannot be written."""
    if error.errno in FULL:
        return ConfigError(
            f"{path}: cannot be written (the disk is full): make room and give the same command again; {kept}"
        )
    return ConfigError(f"{path}: cannot be written ({error.strerror}): correct that, or choose another --out")


def _begin(path: Path, settings: Mapping[str, Any], lines: Sequence[Path]) -> None:
    for one in lines:
        if one.exists():
            raise ConfigError(f"{one}: was not made by this command ({path.name} is missing): choose another --out")
    write_whole(path, json.dumps(settings, indent=2) + "\n")


def _require_same(before: Mapping[str, Any], settings: Mapping[str, Any], out: Path) -> None:
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        told = "; ".join(
            f"{name} was {json.dumps(before.get(name))}, now {json.dumps(settings[name])}" for name in changed
        )
        raise ConfigError(f"{out}: was begun with other settings ({told}): use those, or choose another --out")


def _append(path: Path, data: bytes) -> None:
    """All of `data` or, as far as the disk allows, nothing."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        before = os.fstat(handle).st_size
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, before)
            raise
    finally:
        os.close(handle)
