"""Sizes of the models that are trained, without loading them."""

import os
from dataclasses import dataclass
from typing import Any, Protocol

from agent.llm.profiles import PROFILES
from principles.errors import ConfigError
from training.tuning.policy import TINY, tiny_config

GIB = 2**30
# Bytes a parameter: float32 weights, gradients, and AdamW's two moments.
WEIGHT, GRADIENT, ADAM, HALF = 4, 4, 8, 2
# Saved by one layer without checkpointing, in values a token and hidden unit.
LAYER_VALUES = 17


@dataclass(frozen=True)
class Shape:
    """A decoder's sizes. `experts` of `expert_width` where it is a mixture, of which `active` work on a token."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    width: int
    tied: bool
    context: int
    experts: int = 0
    active: int = 0

    def parameters(self, active_only: bool = False) -> int:
        """Weights in all, or those that work on one token; biases and norms are left out."""
        attention = self.hidden * self.head_width * (2 * self.heads + 2 * self.kv_heads)
        used = (self.active if active_only else self.experts) or 1
        block = attention + used * 3 * self.hidden * self.width + self.experts * self.hidden
        return self.layers * block + (1 if self.tied else 2) * self.vocabulary * self.hidden

    def lora(self, rank: int) -> int:
        """Weights of an adapter on all linear layers of attention and feed-forward."""
        q, kv = self.heads * self.head_width, self.kv_heads * self.head_width
        attention = 2 * (self.hidden + q) + 2 * (self.hidden + kv)
        return self.layers * rank * (attention + 3 * (self.hidden + self.width))


# The published configurations, so that a plan needs no network.
SHAPES = {
    "Qwen/Qwen3-4B-Instruct-2507": Shape(151_936, 2560, 36, 32, 8, 128, 9728, True, 262_144),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": Shape(151_936, 2048, 48, 32, 4, 128, 768, False, 262_144, 128, 8),
    "qwen2.5-coder-0.5b": Shape(151_936, 896, 24, 14, 2, 64, 4864, False, 32_768),
    "qwen2.5-coder-1.5b": Shape(151_936, 1536, 28, 12, 2, 128, 8960, False, 32_768),
}


def shape_of(model: str) -> Shape:
    """The sizes of a recipe's `model`. Raises ConfigError where they cannot be found."""
    if model in SHAPES:
        return SHAPES[model]
    if model == TINY:
        return from_config(tiny_config())
    from transformers import AutoConfig

    try:
        return from_config(AutoConfig.from_pretrained(model))
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"model: {model!r} is not found ({type(error).__name__}): give tiny, a profile ({', '.join(PROFILES)}), "
            "a Hugging Face folder, or a name on a hub that can be reached"
        ) from None


def from_config(config: Any) -> Shape:
    """The sizes that a transformers configuration states."""
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    experts = getattr(config, "num_experts", 0) or 0
    return Shape(
        vocabulary=config.vocab_size,
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_width=head,
        width=config.moe_intermediate_size if experts else config.intermediate_size,
        tied=bool(config.tie_word_embeddings),
        context=config.max_position_embeddings,
        experts=experts,
        active=getattr(config, "num_experts_per_tok", 0) if experts else 0,
    )


def this_machine() -> tuple[int, float]:
    """How many devices there are, and the GiB of the smallest; without a GPU the machine is one."""
    import torch

    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(n).total_memory for n in range(torch.cuda.device_count())]
        return len(found), min(found) / GIB
    return 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB


def millions(count: int) -> str:
    return f"{count / 1e9:.2f} B" if count >= 1e9 else f"{count / 1e6:.2f} M"


class Sized(Protocol):
    """Of a recipe, what decides how much its training takes beside the model's shape."""

    @property
    def lora_rank(self) -> int | None:
        """The rank of the adapter that is trained instead of all weights."""

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether activations are computed twice."""

    @property
    def keep_checkpoints(self) -> int:
        """How many checkpoints are kept."""


def trained_parameters(recipe: Sized, shape: Shape) -> int:
    """How many parameters are trained."""
    return shape.lora(recipe.lora_rank) if recipe.lora_rank else shape.parameters()


def weight_bytes(recipe: Sized, shape: Shape) -> int:
    """Of the weights: LoRA's base is kept in half precision, what is trained in full."""
    everything = shape.parameters()
    return everything * HALF + trained_parameters(recipe, shape) * WEIGHT if recipe.lora_rank else everything * WEIGHT


def activation_bytes(recipe: Sized, shape: Shape) -> int:
    """A token, of what is saved for the gradient: with checkpointing one value a layer, and all of one layer."""
    if recipe.gradient_checkpointing:
        return (shape.layers + LAYER_VALUES) * shape.hidden * HALF
    return LAYER_VALUES * shape.layers * shape.hidden * HALF


def checkpoint_gib(recipe: Sized, shape: Shape) -> float:
    """The disk that the kept checkpoints take, with one more while it is written."""
    return (recipe.keep_checkpoints + 1) * trained_parameters(recipe, shape) * (WEIGHT + ADAM) / GIB
