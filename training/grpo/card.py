"""The model card of an export, its README.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from agent import NOTICE
from training.common.page import canary_lines, table_head, table_row
from training.grpo.forms import ADAPTER, BFLOAT16, FLOAT32, MOST_LOST, PROBES, Exported
from training.grpo.gguf_adapter import FILE
from training.grpo.log import GOLD, LENGTH, PROXY, RUBRIC
from training.sft.report import data_lines, loss_lines
from training.tuning.log import series

LIMITS = (
    "Trained on rubrics and a model's judgement, not on what becomes of patients. A rubric reward can be gamed: the "
    "gold score above is of a judge too, and both judges are wrong at times. Nobody has tested this model for use with "
    "patients. English questions only."
)

NO_JUDGE = (
    "It learnt to say what reference answers say, which teaches form before knowledge, and a lower loss is no better "
    "answer by itself. Nobody has tested this model for use with patients. English questions only."
)
METHODS = {"GRPO": "rubric rewards", "SFT": "reference answers", "DPO": "preferred answers"}


def card(described: dict[str, Any], state: dict[str, Any], exported: Exported) -> Iterator[str]:
    """The lines of the card: what it was trained on and how, how it was judged, what its weights lost, its limits."""
    recipe, data, log = described["recipe"], described["data"], state["log_history"]
    method = described.get("method", "GRPO")
    yield from (
        "---",
        "pipeline_tag: text-generation",
        "library_name: transformers",
        f"tags: [clinalign, {method.lower()}, trl]",
        "---",
    )
    yield from ("", f"# {recipe['name']}, step {state['global_step']}", "", f"> {NOTICE}", "")
    taught = METHODS[method]
    yield f"`{recipe['model']}`, trained with {method} on {taught} by ClinAlign {described['version']}."
    yield from ("", "## Weights", "", *weight_lines(exported))
    if method != "GRPO":
        yield from ("", "## Data", "", *data_lines(data), *canary_lines(data["canaries"]))
        yield from ("", "## Losses", "", *loss_lines(log), "", "## Limits", "", NO_JUDGE)
        yield from _recipe(recipe)
        return
    yield from ("", "## Data", "")
    yield f"`{data['file']}`, SHA-256 `{data['sha256']}`."
    yield (
        f"{data['train']} questions trained on, {data['held_out']} held out for the gold judge, {data['too_long']} "
        f"left out because their prompts were too long, {data.get('without_signal', 0)} for want of signal."
    )
    yield from canary_lines(data["canaries"])
    yield from ("", "## Judges and scores", "", *table_head("what", "judge", "first", "last"))
    rows = (
        (RUBRIC, "reward in training", "judge"),
        (PROXY, "held out", "judge"),
        (GOLD, "held out, gold", "gold_judge"),
    )
    for name, label, who in rows:
        values = [value for _, value in series(log, name)]
        if values:
            yield table_row(label, _judge(recipe, who), f"{values[0]:.3f}", f"{values[-1]:.3f}")
    yield from ("", "All in [0, 1] and without a penalty on length, on the data above; not a benchmark.")
    lengths = [value for _, value in series(log, LENGTH)]
    if lengths:
        yield f"An answer had {lengths[0]:.0f} tokens in the first step and {lengths[-1]:.0f} in the last (means)."
    yield from ("", "## Limits", "", LIMITS)
    yield from _recipe(recipe)


def _recipe(recipe: dict[str, Any]) -> Iterator[str]:
    yield from ("", "## Recipe", "", "```yaml", yaml.safe_dump(recipe, sort_keys=False).strip(), "```")


def _judge(recipe: dict[str, Any], who: str) -> str:
    path, model = recipe[f"{who}_path"], recipe[f"{who}_model"]
    # A recipe may still name a model when its judge was changed to a trained one.
    return f"local {Path(path).name}" if recipe[who] == "local" else f"{recipe[who]} {model or ''}".strip()


def weight_lines(exported: Exported) -> Iterator[str]:
    """In which form the weights are, what that loses, and how they are to be served."""
    if exported.lost is None:
        yield f"All weights were trained. They are in {exported.form}."
        return
    lost = {form: f"{share:.1%}" for form, share in exported.lost.items()}
    lora = f"A LoRA of rank {exported.rank}"
    too_much = exported.lost.get(BFLOAT16, 0) > MOST_LOST
    if exported.form == ADAPTER:
        yield f"{lora}, not merged: {lost[ADAPTER]} of what it changes is lost."
        yield "Serve it with `make serve-vllm MODEL=BASE ADAPTER=FOLDER`; its adapter_config.json names the base."
    elif exported.form == FLOAT32:
        yield f"{lora}, merged into weights that are kept in float32: {lost[FLOAT32]} of what it changes is lost."
        if too_much:
            yield f"In bfloat16 {lost[BFLOAT16]} would have been lost, which is more than {MOST_LOST:.0%}."
        yield "Serve it in float32, as `make serve-vllm` does: an engine that rounds the weights loses the same again."
    else:
        yield f"{lora}, merged into weights that are rounded to bfloat16: {lost[BFLOAT16]} of what it changes is lost."
        if too_much:
            yield f"That is more than {MOST_LOST:.0%}: exported with `--as float32` it would be kept."
    yield f"Measured in float32 on the logits of {len(PROBES)} questions, against the model before merging."
    if exported.no_gguf is None:
        yield f"`{FILE}` is the same LoRA for llama.cpp: see `--adapter` of `python -m agent`."
    else:
        yield f"There is no GGUF adapter: {exported.no_gguf}."
