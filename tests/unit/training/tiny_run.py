"""A training run of seconds, for tests: the tiny recipe cut down, without a gold judge unless one is asked for.

Its questions and rubrics are a few words each, over and over. So a random model says some of them in ten tokens, the
rewards of a group differ, and the weights move. Two passes over the data, two micro-batches a step.
"""

import argparse
from pathlib import Path
from types import ModuleType

RECIPE = Path(__file__).parents[3] / "training" / "grpo" / "recipes" / "tiny_cpu.yaml"
TINY = RECIPE.with_name("tiny.jsonl")
DATA = Path(__file__).parent / "short.jsonl"
SHORT = {
    "data": str(DATA),
    "steps": "4",
    "group": "4",
    "questions_per_step": "2",
    "device_batch": "4",
    "max_completion_tokens": "10",
    "held_out": "2",
    "gold_judge": "null",
    "save_every": "2",
}


def command(module: ModuleType, *arguments: object) -> int:
    """What `python -m training` does with a command's module."""
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    status: int = module.run(parser.parse_args([str(argument) for argument in arguments]))
    return status


def grpo(*arguments: object, recipe: Path = RECIPE, **fields: object) -> int:
    """`grpo` with the short recipe; `fields` win over it."""
    import torch

    import training.grpo.command

    torch.set_num_threads(1)  # more gain nothing on a model so small, and wait for one another on a busy machine
    given = SHORT | {name: str(value) for name, value in fields.items()}
    options = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", value)]
    return command(training.grpo.command, "--recipe", recipe, *options, *arguments)
