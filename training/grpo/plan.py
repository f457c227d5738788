"""What a recipe needs, worked out on paper: parameters, memory of a device, size of a checkpoint.

The formulas are in docs/training.md. They count what is large and leave out fragmentation and the framework's
own memory, so leave a fifth of a device free.
"""

import math
from collections.abc import Iterator

from principles.errors import ConfigError
from training.grpo.corpus import Corpus
from training.grpo.guard_plan import guard_lines
from training.grpo.overlong import overlong_from
from training.grpo.recipe import Recipe
from training.tuning.shapes import (
    ADAM,
    GIB,
    GRADIENT,
    HALF,
    WEIGHT,
    Shape,
    activation_bytes,
    checkpoint_gib,
    millions,
    this_machine,
    trained_parameters,
    weight_bytes,
)

# TRL makes logits in tiles of at most so many tokens and words, and makes them again for the gradient.
TILE_TOKENS, TILE_WORDS = 4096, 32_768
# Bytes a logit of a tile: bfloat16, and without a GPU torch's copies in float32.
LOGIT, LOGIT_ON_CPU = 2, 26


def memory(recipe: Recipe, shape: Shape, prompt_tokens: int | None = None) -> dict[str, float]:
    """GiB on one device, by what takes it. Weights and what belongs to them are split over the processes (FSDP).

    A colocated vLLM is not among it: it takes its share of the device, see `device_gib`.
    """
    everything, trained = shape.parameters(), trained_parameters(recipe, shape)
    shared = recipe.processes
    tokens = (prompt_tokens or recipe.max_prompt_tokens) + recipe.max_completion_tokens
    batch = recipe.device_batch * tokens
    cache = 2 * shape.layers * shape.kv_heads * shape.head_width * HALF * tokens
    taken: dict[str, float] = {
        "weights": weight_bytes(recipe, shape),
        "gradients and AdamW": trained * (GRADIENT + ADAM),
        "reference model": 0 if recipe.lora_rank or not recipe.kl else everything * WEIGHT,
    }
    taken = {name: size / shared for name, size in taken.items()}
    taken["activations"] = batch * activation_bytes(recipe, shape)
    tile = min(batch, TILE_TOKENS) * min(shape.vocabulary, TILE_WORDS)
    taken["logits"] = tile * (LOGIT_ON_CPU if recipe.vllm == "none" else LOGIT)
    if not recipe.lora_rank:  # gathered, and its gradient, in float32 before it is split
        taken["output layer"] = shape.vocabulary * shape.hidden * (WEIGHT + GRADIENT)
    if recipe.vllm == "none":
        taken["cache of generation"] = recipe.device_batch * recipe.accumulation * cache
    return {name: size / GIB for name, size in taken.items() if size}


def device_gib(recipe: Recipe, shape: Shape) -> float:
    """GiB that a device must have for the training and, where it is colocated, vLLM's share: its weights must fit."""
    training = sum(memory(recipe, shape).values())
    if recipe.vllm != "colocate":
        return training
    return max(training / (1 - recipe.vllm_memory), shape.parameters() * HALF / GIB / recipe.vllm_memory)


def check(recipe: Recipe, shape: Shape) -> None:
    """Raises ConfigError where the model's context cannot hold prompt and answer."""
    wanted = recipe.max_prompt_tokens + recipe.max_completion_tokens
    if wanted > shape.context:
        raise ConfigError(
            f"max_prompt_tokens + max_completion_tokens = {wanted}, but the context of {recipe.model} has "
            f"{shape.context} tokens: lower them"
        )


def lines(recipe: Recipe, shape: Shape, corpus: Corpus) -> Iterator[str]:
    """The plan, to be read."""
    answers = recipe.group * recipe.questions_per_step
    taken = memory(recipe, shape)
    passes = recipe.steps * recipe.questions_per_step / len(corpus.train)
    criteria = sum(len(item.rubric.criteria) for item in corpus.train) / len(corpus.train)
    yield f"recipe         {recipe.name}: {recipe.model}, {millions(shape.parameters())} parameters" + (
        f", {millions(shape.lora(recipe.lora_rank))} of them new and trained (LoRA rank {recipe.lora_rank})"
        if recipe.lora_rank
        else ", all trained"
    )
    yield f"data           {corpus.path}, SHA-256 {corpus.sha256[:12]}…"
    yield (
        f"questions      {len(corpus.train):,} to train on, {len(corpus.held_out)} held out, {corpus.too_long} left "
        f"out (prompt over {recipe.max_prompt_tokens} tokens; the longest kept has {corpus.longest_prompt})"
        + (f", {corpus.without_signal} for want of signal" if corpus.without_signal else "")
    )
    yield (
        f"a step         {recipe.questions_per_step} questions x {recipe.group} = {answers} answers; "
        f"{recipe.processes} processes x {recipe.device_batch} at once, {recipe.accumulation} times"
    )
    yield f"in all         {recipe.steps} steps, {recipe.steps * answers:,} answers, {passes:.1f} passes over the data"
    yield f"signal         {_signal(recipe)}"
    yield f"length         {_length(recipe)}"
    verdicts = math.ceil(criteria * answers * (1 - recipe.dropout))
    yield f"judge          {recipe.judge}: at most about {verdicts:,} verdicts a step"
    yield from guard_lines(recipe, corpus)
    yield (
        f"a device       about {sum(taken.values()):.2f} GiB on paper: "
        + ", ".join(f"{name} {size:.2f}" for name, size in taken.items())
        + _vllm(recipe, shape)
    )
    yield f"checkpoints    about {checkpoint_gib(recipe, shape):.2f} GiB of disk"
    devices, each = this_machine()
    fits = device_gib(recipe, shape) <= each
    yield f"this machine   {devices} x {each:.0f} GiB: " + (
        "a device's share fits" if fits else "A DEVICE'S SHARE DOES NOT FIT"
    )


def _signal(recipe: Recipe) -> str:
    scale = {
        "batch": "advantages are scaled by the spread of a whole step",
        "none": "advantages are not scaled",
        "group": "advantages are scaled by each group's own spread, so that noise in one counts as much as signal",
    }[recipe.scale_rewards]
    same = f"spread less than {recipe.least_spread:g}" if recipe.least_spread else "are equal"
    return f"groups whose rewards {same} teach nothing; {scale}"


def _length(recipe: Recipe) -> str:
    usual, limit = recipe.usual_tokens, recipe.max_completion_tokens
    start = overlong_from(usual, limit) if usual else None
    if usual is None or start is None:
        return f"answers are cut at {limit} tokens; usual_tokens is not given, so no reward keeps them from growing"
    short = (
        f"; LESS THAN TWICE A USUAL {usual}: MANY WILL BE CUT" if limit < 2 * usual else f" (a usual one has {usual})"
    )
    return (
        f"answers are cut at {limit} tokens{short}; none is penalised up to {start}, "
        f"then up to -{recipe.overlong_weight:g} at {limit}"
    )


def _vllm(recipe: Recipe, shape: Shape) -> str:
    if recipe.vllm != "colocate":
        return ""
    weights = shape.parameters() * HALF / GIB
    return (
        f"; beside it vLLM takes {recipe.vllm_memory:.0%} of the device, its weights {weights:.2f} and its cache, so "
        f"it must have at least {device_gib(recipe, shape):.2f} GiB"
    )
