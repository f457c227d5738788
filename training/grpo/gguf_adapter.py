"""A trained LoRA as the GGUF file that llama.cpp adds to a quantised base model, for the agent's own engine.

To W (output × input) llama.cpp adds scale · B·A, where A is `….lora_a` (rank × input), B is `….lora_b` (output × rank)
and scale is alpha / rank. A GGUF file lists dimensions innermost first, so it says (input, rank) and (rank, output).
Qwen's weights stand in llama.cpp as they do in transformers; of a family whose queries and keys llama.cpp reorders
(Llama) an adapter must not be written this way.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from principles.errors import ConfigError

FILE = "adapter.gguf"
# transformers' model_type: llama.cpp's architecture. Of these no weight is reordered.
ARCHITECTURES = {"qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe"}


@dataclass(frozen=True)
class Pair:
    """What is trained of one linear layer, as float32 tensors: `a` (rank × input), `b` (output × rank), `scale`."""

    a: Any
    b: Any
    scale: float

    @property
    def alpha(self) -> float:
        """What llama.cpp divides by the rank."""
        return self.scale * int(self.a.shape[0])


def pairs_of(model: Any) -> dict[str, Pair]:
    """What a PEFT model trained, by the weight's name in transformers.

    Raises ConfigError where it trained anything that is not a plain LoRA of linear layers.
    """
    from peft.tuners.lora import Linear

    name = model.active_adapter
    layers: dict[str, Any] = {path: one for path, one in model.named_modules() if isinstance(one, Linear)}
    pairs = {}
    for path, layer in layers.items():
        if name in layer.lora_A:
            a, b = (half[name].weight.detach().float() for half in (layer.lora_A, layer.lora_B))
            pairs[f"{path.removeprefix('base_model.model.')}.weight"] = Pair(a, b, float(layer.scaling[name]))
    saved = _saved(model)
    if not pairs or saved != 2 * len(pairs):
        raise ConfigError(
            f"the adapter holds {saved} tensors and {len(pairs)} plain LoRA layers: whole modules, embeddings, biases "
            "and DoRA have no place in a GGUF adapter"
        )
    return pairs


def _saved(model: Any) -> int:
    from peft import get_peft_model_state_dict

    # "auto" would ask the hub about the base model's vocabulary.
    return len(get_peft_model_state_dict(model, save_embedding_layers=False))


def write_gguf(model: Any, path: Path) -> None:
    """Write the adapter of a PEFT model to `path`. Raises ConfigError where llama.cpp could not run it."""
    from gguf import GGUFType, GGUFWriter, Keys

    architecture = ARCHITECTURES.get(model.config.model_type)
    if architecture is None:
        raise ConfigError(
            f"a GGUF adapter is written for {', '.join(ARCHITECTURES)} only, not for {model.config.model_type}"
        )
    pairs = pairs_of(model)
    alphas = {round(pair.alpha, 6) for pair in pairs.values()}
    if len(alphas) > 1:
        raise ConfigError("the layers of the adapter have different alphas, and a GGUF adapter has one")
    layers = int(model.config.num_hidden_layers)
    names = llama_names(architecture, layers, list(pairs))
    writer = GGUFWriter(path, architecture)
    writer.add_type(GGUFType.ADAPTER)
    writer.add_block_count(layers)
    writer.add_string(Keys.Adapter.TYPE, "lora")
    writer.add_float32(Keys.Adapter.LORA_ALPHA, alphas.pop())
    for weight, pair in pairs.items():
        writer.add_tensor(f"{names[weight]}.lora_a", pair.a.contiguous().numpy())
        writer.add_tensor(f"{names[weight]}.lora_b", pair.b.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_names(architecture: str, layers: int, weights: list[str]) -> dict[str, str]:
    """llama.cpp's names of a model's weights. Raises ConfigError where it has none."""
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    kind = next(one for one, name in MODEL_ARCH_NAMES.items() if name == architecture)
    known = get_tensor_name_map(kind, layers)
    names = {weight: known.get_name(weight, try_suffixes=(".weight",)) for weight in weights}
    lost = [weight for weight, name in names.items() if name is None]
    if lost:
        raise ConfigError(f"llama.cpp has no tensor for {lost[0]}, so the adapter cannot be written as GGUF")
    return {weight: name for weight, name in names.items() if name is not None}
