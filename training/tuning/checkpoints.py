"""Which checkpoints of a run are whole. transformers writes straight into checkpoint-N, trainer_state.json last,
and takes the newest folder without a look into it: a run that was killed while saving could then not go on."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from principles.errors import ConfigError

STATE = "trainer_state.json"


def checkpoints(folder: Path) -> list[Path]:
    """All checkpoint-N of a run, newest first, whole or not."""
    found = [(int(match[1]), path) for path in folder.glob("checkpoint-*") if (match := _named(path))]
    return [path for _, path in sorted(found, reverse=True)]


def last_whole(folder: Path) -> Path | None:
    """The newest checkpoint that can be gone on from; None if there is none."""
    return next((path for path in checkpoints(folder) if is_whole(path)), None)


def is_whole(checkpoint: Path) -> bool:
    """Whether its state can be read and each of its files of tensors loads."""
    try:
        state_of(checkpoint)
    except ConfigError:
        return False
    files = sorted(path for path in checkpoint.rglob("*") if path.suffix in (".safetensors", ".pt", ".pth", ".bin"))
    weights = [path for path in files if path.suffix == ".safetensors" or path.name.startswith("pytorch_model")]
    sharded = any(checkpoint.glob("*/*.distcp")) or any(checkpoint.glob("global_step*"))
    return bool(weights or sharded) and all(_loads(path) for path in files)


def state_of(checkpoint: Path) -> dict[str, Any]:
    """What trainer_state.json says. Raises ConfigError."""
    try:
        state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = None
    if not isinstance(state, dict) or "global_step" not in state:
        raise ConfigError(f"{checkpoint}: is not a whole checkpoint: its {STATE} is missing or damaged")
    return state


def _loads(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as tensors:
                return all(tensors.get_tensor(name) is not None for name in tensors.keys())  # noqa: SIM118
        # torch's files are zip archives: their checksums tell without unpickling anything.
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, ValueError, zipfile.BadZipFile, SafetensorError):
        return False


def _named(path: Path) -> re.Match[str] | None:
    return re.fullmatch(r"checkpoint-(\d+)", path.name) if path.is_dir() else None
