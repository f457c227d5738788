"""What a training on given answers takes, worked out on paper from the model's sizes and the corpus."""

import statistics
from collections.abc import Iterator, Sequence

from principles.errors import ConfigError
from training.sft.corpus import Corpus
from training.sft.recipe import Learning
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

# Bytes a logit: they are made in bfloat16, and the loss copies them to float32 and makes their gradient there.
LOGIT = HALF + 3 * WEIGHT


def memory(recipe: Learning, shape: Shape, longest: int, sequences: int = 1) -> dict[str, float]:
    """GiB on one device, by what takes it, for examples of at most `longest` tokens in `sequences` forms."""
    trained = trained_parameters(recipe, shape)
    batch = sequences * recipe.device_batch * longest
    taken = {
        "weights": weight_bytes(recipe, shape) / recipe.processes,
        "gradients and AdamW": trained * (GRADIENT + ADAM) / recipe.processes,
        "activations": batch * activation_bytes(recipe, shape),
        "logits": batch * shape.vocabulary * LOGIT,
    }
    return {name: size / GIB for name, size in taken.items()}


def check(recipe: Learning, shape: Shape) -> None:
    """Raises ConfigError where an example may exceed what the model reads."""
    longest = recipe.max_prompt_tokens + recipe.max_answer_tokens
    if longest > shape.context:
        raise ConfigError(
            f"max_prompt_tokens + max_answer_tokens = {longest}, and {recipe.model} reads {shape.context}: lower them"
        )


def lines(recipe: Learning, shape: Shape, corpus: Corpus, sequences: int = 1) -> Iterator[str]:
    """The plan, to be read. `sequences`: the answers of an example."""
    longest = max(one.tokens for one in (*corpus.train, *corpus.held_out))
    taken = memory(recipe, shape, longest, sequences)
    steps = recipe.steps(len(corpus.train))
    tokens = sum(one.tokens for one in corpus.train)
    learnt = sum(one.answer_tokens for one in corpus.train)
    yield f"recipe         {recipe.name}: {recipe.model}, {millions(shape.parameters())} parameters" + (
        f", {millions(shape.lora(recipe.lora_rank))} of them new and trained (LoRA rank {recipe.lora_rank})"
        if recipe.lora_rank
        else ", all trained"
    )
    for path, digest in zip(corpus.paths, corpus.sha256, strict=True):
        yield f"data           {path}, SHA-256 {digest[:12]}…"
    yield (
        f"examples       {len(corpus.train):,} to learn, {len(corpus.held_out)} held out, {corpus.too_long} left out "
        f"as too long, {corpus.unanswered} without an answer"
    )
    yield f"answers        {spread([one.answer_tokens for one in corpus.train])} tokens"
    yield f"prompts        {spread([one.prompt_tokens for one in corpus.train])} tokens"
    yield (
        f"a step         {recipe.batch} examples: {recipe.processes} processes x {recipe.device_batch} at once, "
        f"{recipe.accumulation} times"
    )
    yield (
        f"in all         {steps} steps, {recipe.epochs:g} passes over {tokens:,} tokens, of which {learnt:,} are "
        f"answers and learnt: {round(recipe.epochs * tokens):,} tokens"
    )
    yield f"held-out loss  every {recipe.eval_every} steps" + (
        f"; stops after {recipe.patience} looks without a new best" if recipe.patience else "; never stops the run"
    )
    yield f"a device       about {sum(taken.values()):.2f} GiB on paper: " + ", ".join(
        f"{name} {size:.2f}" for name, size in taken.items()
    )
    yield f"checkpoints    about {checkpoint_gib(recipe, shape):.2f} GiB of disk"
    devices, each = this_machine()
    fits = sum(taken.values()) <= each
    yield f"this machine   {devices} x {each:.0f} GiB: " + (
        "a device's share fits" if fits else "A DEVICE'S SHARE DOES NOT FIT"
    )


def spread(lengths: Sequence[int]) -> str:
    """Smallest, median, mean and largest of lengths."""
    return (
        f"{min(lengths)} to {max(lengths)}, median {statistics.median(lengths):.0f}, "
        f"mean {statistics.fmean(lengths):.0f}"
    )
