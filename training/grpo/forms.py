"""The forms that a trained checkpoint is exported in, and how much of what its adapter changed each of them loses.

A weight in bfloat16 has 8 bits of precision. What a LoRA adds to it is often smaller than the gap to the next number
and is then rounded away, so that a merged checkpoint can be as near to the base as to the model that was trained. So
what an export loses is measured in float32, against the model as it was trained, before merging; where that is more
than MOST_LOST, the weights are kept in float32.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.llm.vllm_lora import CONFIG
from principles.errors import ConfigError
from training.grpo.gguf_adapter import FILE, write_gguf

AUTO, BFLOAT16, FLOAT32, ADAPTER = "auto", "bfloat16", "float32", "adapter"
FORMS = (AUTO, BFLOAT16, FLOAT32, ADAPTER)
MOST_LOST = 0.1
# Of the largest logit: by so much what was saved may differ from the model in memory.
SAME = 1e-6
PROBES = (
    "May I take two tablets?",
    "My child has had a fever of 39 degrees since yesterday and drinks little. What should I do?",
    "List three things to ask before I start on a blood thinner, and say why each of them matters.",
)


@dataclass(frozen=True)
class Exported:
    """In which `form` a checkpoint was written. Of an adapter: its `rank`, its `base`, the share of what it changes
    that is `lost` in each form that was tried, and why there is `no_gguf`, None where there is one."""

    form: str
    rank: int | None = None
    base: str = ""
    lost: dict[str, float] | None = None
    no_gguf: str | None = None


def write_model(checkpoint: Path, half: Path, form: str) -> Exported:
    """Write the checkpoint's model and tokenizer to the folder `half`, and prove them.

    Raises ConfigError where it cannot be written so, or says something else than what was trained.
    """
    from transformers import AutoTokenizer
    from transformers.utils import logging

    quiet: Any = logging.disable_progress_bar
    quiet()
    tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.save_pretrained(half)
    if (checkpoint / CONFIG).exists():
        return _write_adapted(checkpoint, half, form, tokenizer)
    if form == ADAPTER:
        raise ConfigError(f"{checkpoint}: all weights were trained, so there is no adapter: leave out --as")
    form = BFLOAT16 if form == AUTO else form
    _save_whole(_load(checkpoint), half, form, tokenizer)
    return Exported(form)


def _write_adapted(checkpoint: Path, half: Path, form: str, tokenizer: Any) -> Exported:
    model = _load_adapted(checkpoint)
    config = model.peft_config[model.active_adapter]
    exported = Exported(form, config.r, str(config.base_model_name_or_path), {})
    try:
        write_gguf(model, half / FILE)
    except ConfigError as error:
        (half / FILE).unlink(missing_ok=True)
        exported = replace(exported, no_gguf=str(error))
    trained = logits(model, tokenizer)
    with model.disable_adapter():
        base = logits(model, tokenizer)
    if form == ADAPTER:
        model.save_pretrained(half, save_embedding_layers=False)  # "auto" would ask the hub
        del model
        return _keep(exported, ADAPTER, share_lost(base, trained, logits(_load_adapted(half), tokenizer)))
    del model  # one model in memory at a time
    for tried in (BFLOAT16, FLOAT32) if form == AUTO else (form,):
        for old in half.glob("*.safetensors*"):  # of the form before, which may have had more shards
            old.unlink()
        said = _save_whole(_load_adapted(checkpoint).merge_and_unload(), half, tried, tokenizer)
        exported = _keep(exported, tried, share_lost(base, trained, said))
        if exported.lost and exported.lost[tried] <= MOST_LOST:
            break
    return exported


def _keep(exported: Exported, form: str, lost: float) -> Exported:
    if form != BFLOAT16 and not lost <= MOST_LOST:  # nothing is rounded there; NaN is no small loss either
        raise _unfaithful()
    return replace(exported, form=form, lost={**(exported.lost or {}), form: lost})


def _save_whole(model: Any, half: Path, form: str, tokenizer: Any) -> Any:
    """Save a whole model and load it again; returns what the saved one says, in float32. Raises ConfigError."""
    import torch

    dtype = getattr(torch, form)
    for parameter in model.parameters():  # model.to(dtype) would round the rotary frequencies too
        parameter.data = parameter.data.to(dtype)
    model.config.dtype = dtype
    model.save_pretrained(half)
    for parameter in model.parameters():
        parameter.data = parameter.data.float()
    meant = logits(model, tokenizer)
    del model
    said = logits(_load(half), tokenizer)
    for before, after in zip(meant, said, strict=True):
        if not (
            torch.isfinite(after).all() and torch.allclose(before, after, rtol=0, atol=SAME * float(before.abs().max()))
        ):
            raise _unfaithful()
    return said


def logits(model: Any, tokenizer: Any) -> list[Any]:
    """What the model says to each probe: tokens × vocabulary."""
    import torch

    said = []
    with torch.no_grad():
        for text in PROBES:
            asked = tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            said.append(model.eval()(**asked).logits.float()[0])
    return said


def share_lost(base: list[Any], trained: list[Any], said: list[Any]) -> float:
    """‖said − trained‖ / ‖trained − base‖ over all logits: 0 where nothing is lost, about 1 where `said` is the base's.

    0 too where training changed nothing at all.
    """
    import torch

    changed, missed = (
        float(torch.sqrt(sum(((a - b).double() ** 2).sum() for a, b in zip(trained, other, strict=True))))
        for other in (base, said)
    )
    return missed / changed if changed else 0.0


def _load(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def _load_adapted(folder: Path) -> Any:
    import torch
    from peft import AutoPeftModelForCausalLM

    return AutoPeftModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def _unfaithful() -> ConfigError:
    return ConfigError(
        "the exported model does not say what the trained one says, so nothing was kept: its weights are not finite, "
        "or its kind cannot be saved"
    )
