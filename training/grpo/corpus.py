"""The questions of a training run: found, checked, split into those trained on and those held out."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from principles.errors import ConfigError
from principles.hard import refuse_hard
from principles.records import fault
from training.common.items import Item, numbered_items
from training.common.settings import content_sha256
from training.grpo.recipe import Recipe
from training.tuning import prompts


@dataclass(frozen=True)
class Corpus:
    """`too_long` counts the questions left out because their prompt exceeds the recipe's limit (in tokens), and
    `without_signal` those whose sampled answers differ too little."""

    path: Path
    sha256: str
    train: tuple[Item, ...]
    held_out: tuple[Item, ...]
    too_long: int
    longest_prompt: int
    without_signal: int = 0

    @property
    def canaries(self) -> list[str]:
        """The marks of benchmarks in the data, which stay with what is made of it."""
        return sorted({item.canary for item in (*self.train, *self.held_out) if item.canary})


def read_items(path: Path, limit: int | None = None) -> list[Item]:
    """The items that can be trained on. Raises ConfigError with the place of the first that cannot."""
    found = list(numbered_items(path))
    refuse_hard(path, [item.hard for _, item in found])
    items = []
    for place, item in found:
        if not any(criterion.points > 0 for criterion in item.rubric.criteria):
            raise fault(path, place, "the rubric has no positive points, so no answer can earn a reward")
        items.append(item)
    return items[:limit]


def split(recipe: Recipe, path: Path, items: Sequence[Item], tokenizer: Any) -> Corpus:
    """Leave out what is too long or without signal, and hold out questions by the recipe's seed.

    Raises ConfigError if too few remain.
    """
    if recipe.least_signal and all(item.spread is None for item in items):
        raise ConfigError(
            f"{path}: least_signal is {recipe.least_signal:g}, but no line has a `signal`: make the rubrics with "
            "`synthesize --samples`, or leave out least_signal"
        )
    telling = [item for item in items if item.spread is None or item.spread >= recipe.least_signal]
    lengths = [prompts.token_count(tokenizer, prompt_messages(recipe, item)) for item in telling]
    fitting = [item for item, length in zip(telling, lengths, strict=True) if length <= recipe.max_prompt_tokens]
    random.Random(recipe.seed).shuffle(fitting)
    needed = recipe.held_out + recipe.questions_per_step
    if len(fitting) < needed:
        raise ConfigError(
            f"{path}: {len(fitting)} of {len(telling)} questions have a prompt of at most {recipe.max_prompt_tokens} "
            f"tokens, but held_out + questions_per_step = {needed} are needed: raise max_prompt_tokens or lower those"
            + (f", or least_signal, which leaves out {len(items) - len(telling)}" if len(telling) < len(items) else "")
        )
    return Corpus(
        path=path,
        sha256=content_sha256(path),
        train=tuple(fitting[recipe.held_out :]),
        held_out=tuple(fitting[: recipe.held_out]),
        too_long=len(telling) - len(fitting),
        longest_prompt=max(length for length in lengths if length <= recipe.max_prompt_tokens),
        without_signal=len(items) - len(telling),
    )


def prompt_messages(recipe: Recipe, item: Item) -> list[dict[str, str]]:
    """What the policy is given for `item`."""
    return prompts.prompt_messages(recipe.prompt, item.turns)


def texts_of(items: Sequence[Item]) -> list[str]:
    """All that an item says, for making a tokenizer."""
    turns = [turn["content"] for item in items for turn in item.turns]
    return turns + [criterion.text for item in items for criterion in item.rubric.criteria]
