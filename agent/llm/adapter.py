"""A LoRA adapter for the embedded model: a GGUF file that llama.cpp adds to the weights of a profile while it runs.

`python -m training export` writes one beside what it exports. The adapter belongs to one base model: what is checked
here is what the file says of itself, before a gigabyte is loaded; llama.cpp checks each tensor after that.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from agent.llm.gguf import head_of
from principles.errors import ConfigError

VARIABLE = "CLINALIGN_ADAPTER"


@dataclass(frozen=True)
class Adapter:
    """A file that is a LoRA adapter. `layers` is the base model's count, None where the file does not say."""

    path: Path
    architecture: str
    layers: int | None
    sha256: str

    @property
    def label(self) -> str:
        """What it adds to the name of the model: two files of one name are two models."""
        return f"{re.sub(r'[^A-Za-z0-9._-]', '_', self.path.stem)}-{self.sha256[:8]}"


def named_adapter(base_url: str | None = None) -> Path | None:
    """The file that CLINALIGN_ADAPTER names, if any: it is for the environment's model, not for a call's `base_url`."""
    text = os.environ.get(VARIABLE, "").strip()
    return Path(text) if text and not base_url else None


def read_adapter(path: Path) -> Adapter:
    """The adapter at `path`. Raises ConfigError where there is none."""
    path = path.expanduser().absolute()
    if path.is_dir():
        within = f": give {path / 'adapter.gguf'}" if (path / "adapter.gguf").is_file() else ""
        raise ConfigError(f"{path}: the adapter must be a GGUF file, and this is a folder{within}")
    head = head_of(path, "general.type", "general.architecture", "adapter.type")
    architecture = head.get("general.architecture")
    if head.get("general.type") != "adapter" or head.get("adapter.type") != "lora" or not isinstance(architecture, str):
        raise ConfigError(
            f"{path}: is a GGUF file, but not of a LoRA adapter: give an adapter.gguf of `python -m training export`"
        )
    layers = head_of(path, f"{architecture}.block_count").get(f"{architecture}.block_count")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Adapter(path, architecture, int(layers) if isinstance(layers, int) else None, digest)


def require_fit(adapter: Adapter, weights: Path, model: str) -> None:
    """Raises ConfigError where the adapter is for another base than `weights`, which are those of `model`."""
    key = "general.architecture"
    architecture = head_of(weights, key).get(key)
    layers_key = f"{architecture}.block_count"
    layers = head_of(weights, layers_key).get(layers_key)
    if adapter.architecture != architecture or adapter.layers not in (None, layers):
        made_for = adapter.architecture + (f" of {adapter.layers} layers" if adapter.layers is not None else "")
        raise ConfigError(
            f"{adapter.path}: the adapter is for a {made_for}, and {model} is a {architecture} of {layers} layers: "
            "choose the profile that it was trained on with CLINALIGN_MODEL"
        )
