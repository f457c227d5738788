"""The folder of a training run: who may write there, and where a run that was cut goes on."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from filelock import FileLock

from agent.llm.disk import FULL
from principles.errors import ConfigError
from principles.files import write_atomic
from training.common.journal import LOCK, only_process
from training.tuning.checkpoints import checkpoints, last_whole
from training.tuning.shapes import GIB

RUN = "run.json"
# These may differ between a run and its going on: they change how far or how it is run, not what it is.
GUARDS = {"gold_drop", "least_length", "most_length", "alarm_none", "alarm_no_signal", "alarm_kl"}
MAY_CHANGE = {
    "steps",
    "save_every",
    "keep_checkpoints",
    "judge_base_url",
    "gold_judge_base_url",
    "vllm_url",
    "patience",
} | GUARDS


def start_of(out: Path, described: dict[str, Any], resume: bool) -> Path | None:
    """The checkpoint to go on from, if any. Checkpoints that a crash left half written are removed."""
    if not resume:
        if is_first():
            write_atomic(out / RUN, json.dumps(described, indent=2) + "\n")
        return None
    _check_same(out, described)
    start = last_whole(out)
    for path in checkpoints(out):
        if path == start:
            break
        if is_first():
            print(f"clinalign: {path.name} was not wholly written and is removed", file=sys.stderr)
            shutil.rmtree(path, ignore_errors=True)
    print(f"clinalign: going on from {start.name if start else 'the beginning'}", file=sys.stderr)
    return start


def _check_same(out: Path, described: dict[str, Any]) -> None:
    try:
        before = json.loads((out / RUN).read_text(encoding="utf-8"))
        recipes = before["recipe"], described["recipe"]
        same_data = before["data"]["sha256"] == described["data"]["sha256"]
        same_judges = before.get("judges", {}) == described.get("judges", {})
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(f"{out}: is not the folder of a training run: its {RUN} is missing or damaged") from None
    changed = [name for name in recipes[1] if name not in MAY_CHANGE and recipes[0].get(name) != recipes[1][name]]
    changed += [] if same_data else ["the data's content"]
    changed += [] if same_judges else ["files in the judge's folder"]
    if changed:
        raise ConfigError(f"{out}: was begun with other {', '.join(changed)}: use those, or choose another --out")


class full_disk_said:
    """A full disk reads as a message, whichever library met it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        while error is not None:
            said = str(error)
            if (isinstance(error, OSError) and error.errno in FULL) or "No space left on device" in said:
                raise ConfigError(
                    f"{self._folder}: the disk is full: make room, then give the same command with --resume"
                ) from None
            error = error.__cause__ or error.__context__


def require_folder(out: Path, resume: bool) -> None:
    """Raises ConfigError where a new run would find files, or a resumed one none."""
    if resume and not (out / RUN).exists():
        raise ConfigError(f"{out}: there is no run to go on with: leave out --resume")
    if not resume and out.exists() and any(out.iterdir()):
        raise ConfigError(f"{out}: is not empty: give --resume to go on with its run, or choose another --out")


def require_disk(out: Path, gib: float) -> None:
    """Raises ConfigError where fewer than `gib` GiB are free for the checkpoints."""
    parent = next(path for path in (out, *out.absolute().parents) if path.exists())
    free = shutil.disk_usage(parent).free / GIB
    if free < gib:
        raise ConfigError(f"{parent}: {free:.1f} GiB are free, the checkpoints need {gib:.1f}: choose another --out")


def require_processes(wanted: int, command: str) -> None:
    """Raises ConfigError where another number of processes runs than the recipe is for."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != wanted:
        raise ConfigError(
            f"processes: the recipe is for {wanted}, and {started} run: start it with `accelerate launch "
            f"--num_processes {wanted} -m training {command} …`, or change processes"
        )


def alone(out: Path) -> FileLock:
    """The folder for this process alone, of those with its rank. Raises ConfigError."""
    return only_process(out / f"{LOCK}{os.environ.get('RANK', '')}", out)


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return os.environ.get("RANK", "0") == "0"
