"""The questions of a training run: found, checked, split into those trained on and those held out."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from principles.errors import ConfigError
from training.common.items import Item, fault, load_items, records
from training.common.settings import file_sha256
from training.grpo.recipe import Recipe

# Data that is not part of the project: CLINALIGN_DATA, or the folder beside the project's.
SHARED = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Corpus:
    """`too_long` counts the questions left out because their prompt exceeds the recipe's limit (in tokens)."""

    path: Path
    sha256: str
    train: tuple[Item, ...]
    held_out: tuple[Item, ...]
    too_long: int
    longest_prompt: int

    @property
    def canaries(self) -> list[str]:
        """The marks of benchmarks in the data, which stay with what is made of it."""
        return sorted({item.canary for item in (*self.train, *self.held_out) if item.canary})


def find_data(path: Path, recipe_path: Path) -> Path:
    """`path` as it stands, beside the recipe, or among the shared data. Raises ConfigError."""
    places = [path, recipe_path.parent / path, Path(os.environ.get("CLINALIGN_DATA", SHARED)) / path]
    for place in places:
        if place.is_file():
            return place
    tried = ", ".join(str(place) for place in places)
    raise ConfigError(f"data: there is no file {path} (looked at {tried}): set CLINALIGN_DATA to its folder")


def read_items(path: Path, limit: int | None = None) -> list[Item]:
    """The items that can be trained on. Raises ConfigError with the line of the first that cannot."""
    items = load_items(path)
    for (number, _), item in zip(records(path), items, strict=True):
        if not item.turns[-1]["content"].strip():
            raise fault(path, number, "the question is empty")
        if not any(criterion.points > 0 for criterion in item.rubric.criteria):
            raise fault(path, number, "the rubric has no positive points, so no answer can earn a reward")
    return items[:limit]


def split(recipe: Recipe, path: Path, items: Sequence[Item], tokenizer: Any) -> Corpus:
    """Leave out what is too long, and hold out questions by the recipe's seed. Raises ConfigError if too few remain."""
    prompts = [prompt_messages(recipe, item) for item in items]
    lengths = [
        len(
            tokenizer.apply_chat_template(one, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"]
        )
        for one in prompts
    ]
    fitting = [item for item, length in zip(items, lengths, strict=True) if length <= recipe.max_prompt_tokens]
    random.Random(recipe.seed).shuffle(fitting)
    needed = recipe.held_out + recipe.questions_per_step
    if len(fitting) < needed:
        raise ConfigError(
            f"{path}: {len(fitting)} of {len(items)} questions have a prompt of at most {recipe.max_prompt_tokens} "
            f"tokens, but held_out + questions_per_step = {needed} are needed: raise max_prompt_tokens or lower those"
        )
    return Corpus(
        path=path,
        sha256=file_sha256(path),
        train=tuple(fitting[recipe.held_out :]),
        held_out=tuple(fitting[: recipe.held_out]),
        too_long=len(items) - len(fitting),
        longest_prompt=max(length for length in lengths if length <= recipe.max_prompt_tokens),
    )


def prompt_messages(recipe: Recipe, item: Item) -> list[dict[str, str]]:
    """What the policy is given: the conversation, after the agent's drafting prompt if the recipe says so."""
    from agent.critic.quoting import neutral
    from agent.prompts import prompt

    system = [{"role": "system", "content": prompt("draft")}] if recipe.prompt == "agent" else []
    return [*system, *({**turn, "content": neutral(turn["content"])} for turn in item.turns)]


def texts_of(items: Sequence[Item]) -> list[str]:
    """All that an item says, for making a tokenizer."""
    turns = [turn["content"] for item in items for turn in item.turns]
    return turns + [criterion.text for item in items for criterion in item.rubric.criteria]
