"""`python -m training dpo`: a policy learns which of two answers is better, with TRL's DPOTrainer.

Between supervised training and GRPO in cost: answers are sampled and judged once, by `python -m training sample`, and
made pairs by `python -m training pairs`; what is learnt are the policy's own answers, the better against the worse.
"""

import argparse
from pathlib import Path
from typing import Any

from training.dpo.recipe import Recipe
from training.sft.command import learn
from training.sft.corpus import Corpus, split, texts_of
from training.sft.examples import read_pairs, refuse_measured
from training.tuning.data import find_data
from training.tuning.policy import load_tokenizer
from training.tuning.recipes import add_field_options
from training.tuning.running import add_run_options

EPILOG = """
A first run: --recipe training/dpo/recipes/tiny_cpu.yaml needs no download and some seconds of a CPU. --dry-run says
what a recipe would do and need, and writes nothing. Exit status: 0 trained to the end, or until the held-out loss no
longer fell; 2 an error that the message explains (where training had begun, the same command with --resume goes on
from the last whole checkpoint), 130 interrupted (the same).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    add_run_options(parser, "dpo")
    add_field_options(parser, Recipe)


def run(given: argparse.Namespace) -> int:
    """Train as `given`; returns the exit status. Raises ClinAlignError on bad input."""

    def make(*parts: Any) -> Any:
        from training.dpo.trainer import make_trainer

        return make_trainer(*parts)

    return learn(given, "dpo", Recipe, _prepare, make, sequences=2)


def _prepare(recipe: Recipe, recipe_path: Path) -> tuple[Any, Corpus]:
    paths = [find_data(path, recipe_path) for path in recipe.data]
    test = [find_data(path, recipe_path) for path in recipe.test]
    pairs = []
    for path in paths:
        found = read_pairs(path)
        refuse_measured(path, [one.question for one in found], test)
        pairs += found
    pairs = pairs[: recipe.limit]
    tokenizer = load_tokenizer(recipe.model, texts_of(pairs))
    return tokenizer, split(recipe, paths, pairs, 0, tokenizer)
