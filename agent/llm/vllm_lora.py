"""A LoRA that vLLM serves beside its base model, not merged into it: nothing of it is rounded away."""

import json
from dataclasses import dataclass
from pathlib import Path

from principles.errors import ConfigError

CONFIG = "adapter_config.json"
# What vLLM takes for --max-lora-rank.
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


@dataclass(frozen=True)
class Lora:
    """An adapter as PEFT saves it: its folder, its rank, the names that vLLM serves it and its base model under."""

    folder: Path
    rank: int
    name: str
    base: str

    def options(self) -> list[str]:
        """vLLM's options for it."""
        room = next(rank for rank in RANKS if rank >= self.rank)
        module = json.dumps({"name": self.name, "path": str(self.folder), "base_model_name": self.base})
        return ["--enable-lora", "--max-lora-rank", str(room), "--lora-modules", module]


def checked_lora(folder: Path, base: str) -> Lora:
    """The adapter in `folder`, for the model that is served as `base`. Raises ConfigError where there is none."""
    folder = folder.expanduser().resolve()
    if folder.is_file():
        raise ConfigError(f"{folder}: --adapter takes a folder that PEFT saved; a GGUF file is for `python -m agent`")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind, rank = config["peft_type"], config["r"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{folder}: holds no readable {CONFIG}: give a checkpoint of a LoRA run, or what "
            "`python -m training export --as adapter` made"
        ) from None
    if kind != "LORA" or not isinstance(rank, int) or not 0 < rank <= RANKS[-1]:
        raise ConfigError(f"{folder}: vLLM serves a LoRA of rank 1 to {RANKS[-1]}, and this is {kind} of rank {rank}")
    if not (folder / "adapter_model.safetensors").is_file():
        raise ConfigError(f"{folder}: its adapter_model.safetensors is missing: was it wholly written?")
    # Both are listed by the server, so that they need two names.
    name = folder.name if folder.name != base else f"{folder.name}-adapter"
    return Lora(folder, rank, name, base)
