"""`python -m training grpo-bench`: a step of ours against plain TRL with a constant reward, same model and batch.

Both write answers of exactly the same length, so what differs is the reward, its metrics and the guards. The
processor's time is what counts: it tells the same on a machine that others use. Without a GPU, and with a judge
that runs here, that is the step's time.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from training.grpo.command import judge_of, prepare
from training.grpo.recipe import Recipe, load_recipe
from training.grpo.reward import RubricReward
from training.tuning.quiet import be_quiet
from training.tuning.recipes import add_field_options, changed_fields
from training.tuning.running import add_recipe_options, require_libraries

BAR = 0.10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add_recipe_options(parser, "grpo")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="times that both are run (default 3)")
    add_field_options(parser, Recipe)


def run(given: argparse.Namespace) -> int:
    """Measure and print; exit status 1 where the overhead is above the bar."""
    require_libraries()
    be_quiet()
    recipe = load_recipe(given.recipe, changed_fields(given, Recipe)).model_copy(update={"gold_judge": None})
    tokenizer, corpus = prepare(recipe, given.recipe)
    reward = RubricReward({item.key: item for item in corpus.train}, judge_of(recipe, "judge"), recipe.reward_options())
    plain: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    for _ in range(given.rounds):  # in turn, so that a machine that slows down slows both
        plain += _steps(recipe, corpus, tokenizer, _constant)
        ours += _steps(recipe, corpus, tokenizer, reward)
    for what, place in (("wall", 0), ("processor", 1)):
        before, after = (statistics.median(step[place] for step in steps) for steps in (plain, ours))
        overhead = after / before - 1
        print(f"{what:9} plain TRL {before:.3f} s a step, ours {after:.3f} s: {overhead:+.1%}")
    print(f"medians of {len(ours)} steps each; the bar is {BAR:.0%} of the processor's time")
    return 1 if overhead > BAR else 0


def _steps(recipe: Recipe, corpus: Any, tokenizer: Any, reward: Any) -> list[tuple[float, float]]:
    # Seconds of imports: not before they are wanted.
    from training.grpo.clock import Clock
    from training.grpo.trainer import Guards, grpo_trainer
    from training.tuning.bar import Bar

    with tempfile.TemporaryDirectory() as folder:
        trainer = grpo_trainer(recipe, corpus, tokenizer, reward, Path(folder))
        trainer.args.save_strategy = "no"
        trainer.generation_config.min_new_tokens = recipe.max_completion_tokens
        trainer.remove_callback(Bar)
        if reward is _constant:
            trainer.remove_callback(Guards)
        clock = Clock()
        trainer.add_callback(clock)
        trainer.train()
        return clock.steps()


def _constant(prompts: Any, completions: Any, **columns: Any) -> list[float]:
    return [1.0] * len(completions)
