"""`python -m training export RUN TARGET`: a trained checkpoint as a Hugging Face folder that serves anywhere.

It is made in a temporary folder, loaded once to prove it, and renamed: TARGET is whole or not there. Of a LoRA run it
holds the adapter as GGUF as well, for the agent's own engine.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from agent.llm.profiles import PROFILES
from principles.errors import ConfigError
from principles.interrupt import at_exit
from training.grpo.card import card
from training.grpo.forms import ADAPTER, AUTO, FORMS, MOST_LOST, Exported, write_model
from training.grpo.gguf_adapter import FILE
from training.tuning.checkpoints import is_whole, last_whole, state_of
from training.tuning.quiet import be_quiet
from training.tuning.run_folder import RUN, full_disk_said
from training.tuning.running import require_libraries

EPILOG = f"""
Of a LoRA run TARGET also holds {FILE}, for `python -m agent --adapter`. How to serve what was made is said on
stderr, and TARGET/README.md is its model card. Exit status: 0 exported, 2 an error that the message explains (nothing
is left of TARGET then), 130 interrupted (the same).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run's folder, or one checkpoint-N in it")
    parser.add_argument("target", type=Path, metavar="TARGET", help="the folder to make; it must not exist")
    parser.add_argument(
        "--as",
        dest="form",
        choices=FORMS,
        default=AUTO,
        help="how the weights are written: merged, in bfloat16 or float32 (twice the size), or an adapter that is not "
        f"merged; auto (default): bfloat16, but float32 where that would lose more than {MOST_LOST:.0%}% of what a "
        "LoRA changes",
    )


def run(given: argparse.Namespace) -> int:
    """Export as `given`; returns the exit status. Raises ClinAlignError."""
    require_libraries()
    be_quiet()
    target: Path = given.target
    checkpoint = find_checkpoint(given.run_folder)
    described = _described(checkpoint.parent)
    if target.exists():
        raise ConfigError(f"{target}: exists already: choose another name, or remove it")
    with full_disk_said(target):
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=target.absolute().parent, prefix=f".{target.name}."))
        remove = partial(shutil.rmtree, half, ignore_errors=True)
        at_exit.append(remove)  # Ctrl-C ends a command at once
        try:
            exported = write_model(checkpoint, half, given.form)
            lines = card(described, state_of(checkpoint), exported)
            (half / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
            _sync(half)
            if target.exists():
                raise ConfigError(f"{target}: was made by somebody else meanwhile: choose another name")
            half.chmod(0o755)
            os.rename(half, target)
        finally:
            remove()
            at_exit.remove(remove)
    told = _told(checkpoint, target, exported, str(described["recipe"]["model"]))
    print("\n".join(f"clinalign: {line}" for line in told), file=sys.stderr)
    print(target)
    return 0


def _told(checkpoint: Path, target: Path, exported: Exported, model: str) -> list[str]:
    """What was exported, what it lost, and how it is run; `model` is the recipe's."""
    served = f"MODEL={exported.base} ADAPTER={target}" if exported.form == ADAPTER else f"MODEL={target}"
    lines = [f"exported {checkpoint.name}, {exported.form}; serve it with: make serve-vllm {served}"]
    if exported.lost is not None:
        lost = ", ".join(f"{share:.1%} as {form}" for form, share in exported.lost.items())
        lines.append(f"of what training changed in the logits this is lost: {lost}")
        if exported.no_gguf is not None:
            lines.append(f"no GGUF adapter was written: {exported.no_gguf}")
        elif model in PROFILES:
            lines.append(f"run it here with: python -m agent --model {model} --adapter {target / FILE}")
        else:
            lines.append(f"{target / FILE} is for llama.cpp, with {model} as GGUF: no profile of the agent has it")
    return lines


def find_checkpoint(folder: Path) -> Path:
    """`folder` if it is a whole checkpoint, else the best or newest whole one in it. Raises ConfigError."""
    if folder.name.startswith("checkpoint-") and folder.is_dir():
        if not is_whole(folder):
            raise ConfigError(f"{folder}: was not wholly written: export an earlier one")
        return folder
    found = _best(last_whole(folder)) if folder.is_dir() else None
    if found is None:
        raise ConfigError(
            f"{folder}: holds no whole checkpoint: give the folder of a run of `python -m training grpo`, `sft` …"
        )
    return found


def _best(newest: Path | None) -> Path | None:
    """The checkpoint with the lowest held-out loss, where the run watches one; else the newest."""
    told = state_of(newest).get("best_model_checkpoint") if newest else None
    best = newest.with_name(Path(told).name) if newest and told else None
    return best if best and is_whole(best) else newest


def _described(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError(
            f"{folder}: its {RUN} is missing or damaged, so nobody could say what the model was made from"
        )
    return found


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            with path.open("rb") as file:
                os.fsync(file.fileno())
