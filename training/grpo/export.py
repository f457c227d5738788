"""`python -m training export RUN TARGET`: a trained checkpoint as a Hugging Face folder that serves anywhere.

It is made in a temporary folder, loaded once to prove it, and renamed: TARGET is whole or not there.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from agent import NOTICE
from principles.errors import ConfigError
from training.common.page import canary_lines, table_head, table_row
from training.grpo.checkpoints import is_whole, last_whole, state_of
from training.grpo.command import be_quiet, require_libraries
from training.grpo.guards import GOLD, PROXY, REWARD, series
from training.grpo.run_folder import RUN, full_disk_said

ADAPTER = "adapter_config.json"
# Of the largest logit: by so much a folder's logits may differ from those of the model that was saved.
SAME = 1e-6
LIMITS = (
    "Trained on rubrics and a model's judgement, not on what becomes of patients. A rubric reward can be gamed: the "
    "gold score above is of a judge too, and both judges are wrong at times. Nobody has tested this model for use with "
    "patients. English questions only."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run's folder, or one checkpoint-N in it")
    parser.add_argument("target", type=Path, metavar="TARGET", help="the folder to make; it must not exist")


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
        try:
            _write(checkpoint, described, half)
            _sync(half)
            if target.exists():
                raise ConfigError(f"{target}: was made by somebody else meanwhile: choose another name")
            half.chmod(0o755)
            os.rename(half, target)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    print(f"clinalign: exported {checkpoint.name}; serve it with: make serve-vllm MODEL={target}", file=sys.stderr)
    print(target)
    return 0


def find_checkpoint(folder: Path) -> Path:
    """`folder` if it is a whole checkpoint, else the newest whole one in it. Raises ConfigError."""
    if folder.name.startswith("checkpoint-") and folder.is_dir():
        if not is_whole(folder):
            raise ConfigError(f"{folder}: was not wholly written: export an earlier one")
        return folder
    found = last_whole(folder) if folder.is_dir() else None
    if found is None:
        raise ConfigError(f"{folder}: holds no whole checkpoint: give the folder of a run of `python -m training grpo`")
    return found


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


def _write(checkpoint: Path, described: dict[str, Any], half: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    quiet: Any = logging.disable_progress_bar
    quiet()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    if (checkpoint / ADAPTER).exists():
        from peft import AutoPeftModelForCausalLM

        # Merged in float32: adding a small change to bfloat16 weights would lose part of it twice.
        model = AutoPeftModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).merge_and_unload()
    else:
        model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    for parameter in model.parameters():  # model.bfloat16() would round the rotary frequencies too
        parameter.data = parameter.data.to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.save_pretrained(half)
    tokenizer.save_pretrained(half)
    (half / "README.md").write_text("\n".join(_card(described, state_of(checkpoint))) + "\n", encoding="utf-8")
    _prove(half, model, tokenizer)


def _prove(half: Path, model: Any, tokenizer: Any) -> None:
    """The folder loads, speaks, and says what the model in memory says. Raises ConfigError."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    again = AutoModelForCausalLM.from_pretrained(half, dtype=torch.bfloat16)
    asked: Any = AutoTokenizer.from_pretrained(half).apply_chat_template(
        [{"role": "user", "content": "May I take two tablets?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    with torch.no_grad():
        before, after = (one.eval()(**asked).logits.float() for one in (model, again))
    if not (
        torch.isfinite(after).all() and torch.allclose(before, after, rtol=0, atol=SAME * float(before.abs().max()))
    ):
        raise ConfigError(
            "the exported model does not say what the trained one says, so nothing was kept: its weights are not "
            "finite, or its kind cannot be saved"
        )


def _card(described: dict[str, Any], state: dict[str, Any]) -> Iterator[str]:
    recipe, data, log = described["recipe"], described["data"], state["log_history"]
    yield from (
        "---",
        "pipeline_tag: text-generation",
        "library_name: transformers",
        "tags: [clinalign, grpo, trl]",
        "---",
    )
    yield from ("", f"# {recipe['name']}, step {state['global_step']}", "", f"> {NOTICE}", "")
    yield f"`{recipe['model']}`, trained with GRPO on rubric rewards by ClinAlign {described['version']}."
    yield from ("", "## Data", "")
    yield f"`{data['file']}`, SHA-256 `{data['sha256']}`."
    yield (
        f"{data['train']} questions trained on, {data['held_out']} held out for the gold judge, {data['too_long']} "
        "left out because their prompts were too long."
    )
    yield from canary_lines(data["canaries"])
    yield from ("", "## Judges and scores", "", *table_head("what", "judge", "first", "last"))
    rows = (
        (REWARD, "reward in training", "judge"),
        (PROXY, "held out", "judge"),
        (GOLD, "held out, gold", "gold_judge"),
    )
    for name, label, who in rows:
        values = [value for _, value in series(log, name)]
        if values:
            yield table_row(label, _judge(recipe, who), f"{values[0]:.3f}", f"{values[-1]:.3f}")
    yield from ("", "All in [0, 1], on the data above; not a benchmark.", "", "## Limits", "", LIMITS)
    yield from ("", "## Recipe", "", "```yaml", yaml.safe_dump(recipe, sort_keys=False).strip(), "```")


def _judge(recipe: dict[str, Any], who: str) -> str:
    path, model = recipe[f"{who}_path"], recipe[f"{who}_model"]
    # A recipe may still name a model when its judge was changed to a trained one.
    return f"local {Path(path).name}" if recipe[who] == "local" else f"{recipe[who]} {model or ''}".strip()


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            with path.open("rb") as file:
                os.fsync(file.fileno())
