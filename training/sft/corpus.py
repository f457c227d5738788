"""The examples of a run: checked, those that are too long left out, split into those learnt and those held out."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from principles.errors import ConfigError
from principles.hard import digests
from training.common.settings import content_sha256
from training.sft.examples import Example, read_examples, refuse_measured
from training.sft.recipe import Learning
from training.tuning.prompts import prompt_messages, token_count

# Batches whose examples are sorted by length among each other: else much of the work is padding.
POOL = 8


@dataclass(frozen=True)
class Sized:
    """An example as it is learnt: {role, content} of its prompt and of its answer, and the tokens of both; of a pair
    those of the longer answer."""

    prompt: list[dict[str, str]]
    answer: list[dict[str, str]]
    prompt_tokens: int
    answer_tokens: int
    identity: str
    canary: str | None
    rejected: list[dict[str, str]] | None = None

    @property
    def tokens(self) -> int:
        """Of the whole."""
        return self.prompt_tokens + self.answer_tokens


@dataclass(frozen=True)
class Corpus:
    """`unanswered` counts the records without an answer, `too_long` the examples left out for their length."""

    paths: tuple[Path, ...]
    sha256: tuple[str, ...]
    train: tuple[Sized, ...]
    held_out: tuple[Sized, ...]
    unanswered: int
    too_long: int

    @property
    def canaries(self) -> list[str]:
        """The marks of benchmarks in the data, which stay with what is made of it."""
        return sorted({one.canary for one in (*self.train, *self.held_out) if one.canary})


def read_all(
    paths: Sequence[Path], questions: Sequence[Path], test: Sequence[Path], limit: int | None
) -> tuple[list[Example], int]:
    """The examples of all files, and how many records had no answer. Raises ConfigError."""
    found: list[Example] = []
    without = 0
    for path in paths:
        examples, unanswered = read_examples(path, questions)
        refuse_measured(path, [one.question for one in examples], test)
        found += examples
        without += unanswered
    return found[:limit], without


def sized(recipe: Learning, example: Example, tokenizer: Any) -> Sized:
    """The example in the form that is learnt."""
    prompt = prompt_messages(recipe.prompt, example.question.turns)
    answer = [{"role": "assistant", "content": example.answer}]
    asked = token_count(tokenizer, prompt)
    identity = min(digests(example.question.turns), default=example.question.prompt_id)
    rejected = [{"role": "assistant", "content": example.rejected}] if example.rejected is not None else None
    told = max(token_count(tokenizer, prompt + one, asked=False) for one in (answer, rejected) if one) - asked
    return Sized(prompt, answer, asked, told, identity, example.question.canary, rejected)


def split(
    recipe: Learning, paths: Sequence[Path], examples: Sequence[Example], unanswered: int, tokenizer: Any
) -> Corpus:
    """Leave out what is too long, and hold out questions by the recipe's seed: all answers to one are on one side.

    Raises ConfigError if too few remain.
    """
    every = [sized(recipe, one, tokenizer) for one in examples]
    fitting = [
        one
        for one in every
        if one.prompt_tokens <= recipe.max_prompt_tokens and one.answer_tokens <= recipe.max_answer_tokens
    ]
    identities = sorted({one.identity for one in fitting})
    random.Random(recipe.seed).shuffle(identities)
    kept = set(identities[: recipe.held_out])
    train = tuple(one for one in fitting if one.identity not in kept)
    if len(train) < recipe.batch:
        raise ConfigError(
            f"{', '.join(map(str, paths))}: {len(fitting)} of {len(every)} examples have a prompt of at most "
            f"{recipe.max_prompt_tokens} and an answer of at most {recipe.max_answer_tokens} tokens; without the "
            f"{recipe.held_out} held out {len(train)} remain, and a step takes {recipe.batch}: raise those limits, or "
            "lower held_out or batch"
        )
    return Corpus(
        paths=tuple(paths),
        sha256=tuple(content_sha256(path) for path in paths),
        train=train,
        held_out=tuple(one for one in fitting if one.identity in kept),
        unanswered=unanswered,
        too_long=len(every) - len(fitting),
    )


def in_order(recipe: Learning, examples: Sequence[Sized]) -> list[Sized]:
    """The examples of all steps: pass after pass, each shuffled by the recipe's seed and its number, and batches of
    about one length. The order is fixed before the run, so that one that is gone on with sees the same."""
    wanted, asked = recipe.steps(len(examples)) * recipe.batch, list[Sized]()
    while len(asked) < wanted:
        asked += random.Random(f"{recipe.seed} {len(asked)}").sample(list(examples), len(examples))
    return list(_by_length(asked[:wanted], recipe))


def _by_length(asked: Sequence[Sized], recipe: Learning) -> Iterator[Sized]:
    width = POOL * recipe.batch
    for at in range(0, len(asked), width):
        pool = sorted(asked[at : at + width], key=lambda one: one.tokens)
        batches = [pool[start : start + recipe.batch] for start in range(0, len(pool), recipe.batch)]
        random.Random(f"{recipe.seed} batches {at}").shuffle(batches)
        for batch in batches:
            yield from batch


def texts_of(examples: Sequence[Example]) -> list[str]:
    """All that examples say, for making a tokenizer."""
    return [
        text
        for one in examples
        for text in (*(turn["content"] for turn in one.question.turns), one.answer, one.rejected or "")
    ]
