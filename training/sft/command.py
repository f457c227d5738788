"""`python -m training sft`: a policy learns from reference answers, with TRL's SFTTrainer.

It is the cheapest training there is, and the usual start of the others: GRPO can only choose among answers that the
policy gives by itself. Learnt are answers by physicians (HealthBench's ideal ones, K-QA's), or the chosen ones of
`python -m training pairs`. The system turn is the agent's drafting prompt, so that the policy learns the very task
that it gets later; the loss is on the answer alone.
"""

import argparse
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from training.sft import plan
from training.sft.corpus import Corpus, read_all, split, texts_of
from training.sft.recipe import Learning, Recipe
from training.sft.report import write_report
from training.tuning.checkpoints import checkpoints
from training.tuning.data import find_data
from training.tuning.policy import load_tokenizer
from training.tuning.quiet import be_quiet
from training.tuning.recipes import add_field_options, changed_fields, load
from training.tuning.run_folder import (
    alone,
    full_disk_said,
    is_first,
    require_disk,
    start_of,
)
from training.tuning.running import add_run_options, require_libraries, run_folder, tell_plan
from training.tuning.shapes import checkpoint_gib, shape_of

R = TypeVar("R", bound=Learning)
EPILOG = """
A first run: --recipe training/sft/recipes/tiny_cpu.yaml needs no download and some seconds of a CPU. --dry-run says
what a recipe would do and need, and writes nothing. Exit status: 0 trained to the end, or until the held-out loss no
longer fell; 2 an error that the message explains (where training had begun, the same command with --resume goes on
from the last whole checkpoint), 130 interrupted (the same). `python -m training export` makes the checkpoint with the
lowest held-out loss a folder that serves, and `grpo --init-adapter` begins with it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    add_run_options(parser, "sft")
    add_field_options(parser, Recipe)


def run(given: argparse.Namespace) -> int:
    """Train as `given`; returns the exit status. Raises ClinAlignError on bad input."""

    def make(*parts: Any) -> Any:
        from training.sft.trainer import make_trainer

        return make_trainer(*parts)

    return learn(given, "sft", Recipe, prepare, make)


def learn(
    given: argparse.Namespace,
    command: str,
    kind: type[R],
    prepare: Callable[[R, Path], tuple[Any, Corpus]],
    make: Callable[[R, Corpus, Any, Path], Any],
    sequences: int = 1,
) -> int:
    """What trainings on given answers share: checks, the plan, and the run.

    `kind` is the recipe's class, `prepare` gives tokenizer and corpus, `make` the trainer, whose imports take seconds,
    and `sequences` is the number of an example's answers.
    """
    require_libraries()
    be_quiet()
    recipe = load(kind, given.recipe, changed_fields(given, kind))
    out = run_folder(given, command, recipe)
    shape = shape_of(recipe.model)
    plan.check(recipe, shape)
    tokenizer, corpus = prepare(recipe, given.recipe)
    tell_plan(plan.lines(recipe, shape, corpus, sequences), given.dry_run)
    if given.dry_run:
        return 0
    require_disk(out, checkpoint_gib(recipe, shape))
    described = describe(command.upper(), recipe, corpus)
    return train(lambda: make(recipe, corpus, tokenizer, out), described, out, given.resume)


def prepare(recipe: Recipe, recipe_path: Path) -> tuple[Any, Corpus]:
    """Tokenizer and examples, all checked before compute is spent. Raises ConfigError and WeightsError."""
    paths = [find_data(path, recipe_path) for path in recipe.data]
    questions, test = ([find_data(path, recipe_path) for path in some] for some in (recipe.questions, recipe.test))
    examples, unanswered = read_all(paths, questions, test, recipe.limit)
    tokenizer = load_tokenizer(recipe.model, texts_of(examples))
    return tokenizer, split(recipe, paths, examples, unanswered, tokenizer)


def train(make: Callable[[], Any], described: dict[str, Any], out: Path, resume: bool) -> int:
    """Run the trainer that `make` gives, from the start or from the last whole checkpoint; returns the exit status."""
    from training.sft.trainer import Stall
    from training.tuning.bar import Bar, callback

    with alone(out):
        start = start_of(out, described, resume)
        with full_disk_said(out):
            trainer = make()
        if start:  # its log has the first look at the held-out answers
            trainer.args.eval_on_start = False
        stall, bar = (callback(trainer, kind) for kind in (Stall, Bar))
        ending = "Cut short."
        try:
            with full_disk_said(out):
                trainer.train(resume_from_checkpoint=str(start) if start else None)
            ending = "Stopped: the held-out loss no longer fell." if stall.stopped else "Trained to the end."
        finally:
            bar.close()
            if is_first():
                with full_disk_said(out):
                    print(write_report(out, trainer.state.log_history, described, ending))
    if is_first():
        kept = ", ".join(path.name for path in reversed(checkpoints(out)))
        print(f"clinalign: {ending} Kept in {out}: {kept}", file=sys.stderr)
    return 0


def describe(method: str, recipe: Learning, corpus: Corpus) -> dict[str, Any]:
    """What a run's figures depend on; goes to run.json, the report and the model card."""
    return {
        "version": version("clinalign"),
        "method": method,
        "recipe": recipe.model_dump(mode="json"),
        "data": {
            "file": ", ".join(path.name for path in corpus.paths),
            "sha256": ", ".join(corpus.sha256),
            "train": len(corpus.train),
            "held_out": len(corpus.held_out),
            "too_long": corpus.too_long,
            "unanswered": corpus.unanswered,
            "answer_tokens": plan.spread([one.answer_tokens for one in corpus.train]),
            "canaries": corpus.canaries,
        },
    }
