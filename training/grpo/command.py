"""`python -m training grpo`: train a policy on the rubric reward, with TRL's GRPOTrainer.

As the paper (ClinAlign, arXiv 2602.09653) says: GRPO; the reward of an answer is its score under the
question's rubric, written or revised by physicians or made from principles; Qwen3-4B-Instruct and
Qwen3-30B-A3B-Instruct as policies.

What the paper does not make public, and this project chose itself: the reward formula (HealthBench's score
mapped to [0, 1], wanted things only unless a recipe says `points: signed`), the judge, all hyper-parameters
(after the nearest open recipe on such data: groups of 8, learning rate 1e-6 constant, KL 0.001, temperature
0.7, but plain sampling), the prompt, rubric dropout, length control, and every guard. docs/training.md has
the reasons.
"""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent.llm.sendable import BYTES_A_TOKEN
from principles.errors import ConfigError, ModelError
from principles.grader import Judge
from training.common.settings import content_sha256
from training.grpo import plan
from training.grpo.corpus import Corpus, read_items, split, texts_of
from training.grpo.recipe import Recipe, load_recipe
from training.judge import registry
from training.judge.batch import JudgeDown
from training.judge.registry import JUDGES, RULES
from training.tuning.checkpoints import checkpoints
from training.tuning.data import find_data
from training.tuning.quiet import be_quiet
from training.tuning.recipes import add_field_options, changed_fields
from training.tuning.run_folder import (
    alone,
    full_disk_said,
    is_first,
    require_disk,
    start_of,
)
from training.tuning.running import add_run_options, require_libraries, run_folder, tell_plan
from training.tuning.shapes import SHAPES, checkpoint_gib, shape_of

EPILOG = """
A first run: --recipe training/grpo/recipes/tiny_cpu.yaml needs no download and some minutes of a CPU. --dry-run says
what a recipe would do and need, and writes nothing. Exit status: 0 trained to the end, 1 stopped by a guard (the last
step is saved; the message says what was seen and what to do), 2 an error that the message explains (where training had
begun, the same command with --resume goes on from the last whole checkpoint), 130 interrupted (the same).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    add_run_options(parser, "grpo")
    add_field_options(parser, Recipe)


def run(given: argparse.Namespace) -> int:
    """Train as `given`; returns the exit status. Raises ClinAlignError on bad input."""
    require_libraries()
    be_quiet()
    recipe = load_recipe(given.recipe, changed_fields(given, Recipe))
    out = run_folder(given, "grpo", recipe)
    tokenizer, corpus = prepare(recipe, given.recipe, estimate=given.dry_run)
    shape = shape_of(recipe.model)
    tell_plan(plan.lines(recipe, shape, corpus), given.dry_run)
    if given.dry_run:  # a plan may be for another machine
        return 0
    require_disk(out, checkpoint_gib(recipe, shape))
    return _train(recipe, corpus, tokenizer, out, given.resume)


def prepare(recipe: Recipe, recipe_path: Path, estimate: bool = False) -> tuple[Any, Corpus]:
    """Tokenizer and questions, all checked before compute is spent. `estimate`: lengths may be guessed from bytes."""
    path = find_data(recipe.data, recipe_path)
    items = read_items(path, recipe.limit)
    plan.check(recipe, shape_of(recipe.model))
    if estimate and recipe.model in SHAPES:
        print(f"prompt lengths are estimated here, at {BYTES_A_TOKEN} bytes a token")
        return None, split(recipe, path, items, _ByteCount())
    tokenizer = load_tokenizer_for(recipe, items)
    return tokenizer, split(recipe, path, items, tokenizer)


def load_tokenizer_for(recipe: Recipe, items: Any) -> Any:
    """The tokenizer of the recipe's model; that of the tiny one is made from the items' texts. Raises WeightsError."""
    from training.tuning.policy import load_tokenizer

    return load_tokenizer(recipe.model, texts_of(items))


def judge_of(recipe: Recipe, who: str) -> Judge:
    """The recipe's `judge` or `gold_judge`. Raises ConfigError, and what its endpoint raises."""
    name = getattr(recipe, who)
    if name not in (*RULES, *JUDGES):
        raise ConfigError(f"{who}: there is no judge {name!r}: use one of {', '.join((*RULES, *JUDGES))}")
    folder = getattr(recipe, f"{who}_path")
    if who == "judge" and name == "local" and folder:  # the gold judge measures
        from training.judge.local.judge import refuse_measuring_only

        refuse_measuring_only(folder)
    return registry.make_judge(
        name,
        base_url=getattr(recipe, f"{who}_base_url"),
        model=getattr(recipe, f"{who}_model"),
        local=folder,
        # A rule costs less than a look into the file.
        cache=recipe.judge_cache if who == "judge" and name not in RULES else None,
    )


def _train(recipe: Recipe, corpus: Corpus, tokenizer: Any, out: Path, resume: bool) -> int:
    judge = judge_of(recipe, "judge")
    gold = judge_of(recipe, "gold_judge") if recipe.gold_judge else None
    from training.grpo.trainer import Guards, make_trainer
    from training.tuning.bar import Bar, callback

    described = describe(recipe, corpus)
    with alone(out):
        start = start_of(out, described, resume)
        with full_disk_said(out):
            trainer = make_trainer(recipe, corpus, tokenizer, judge, gold, out)
        if start:  # its log has the first look at the held-out questions
            trainer.args.eval_on_start = False
        guards, bar = (callback(trainer, kind) for kind in (Guards, Bar))
        ending = "Cut short."
        try:
            with full_disk_said(out):
                trainer.train(resume_from_checkpoint=str(start) if start else None)
            ending = _sentence(guards.stopped.message if guards.stopped else "trained to the end")
        except JudgeDown as error:
            ending = _sentence(f"stopped at step {trainer.state.global_step}: {error}")
            _save_now(trainer, out)
            raise ModelError(f"{error}. Then give the same command with --resume") from None
        finally:
            bar.close()
            if is_first():
                _report(trainer, recipe, out, described, guards, ending)
    if guards.stopped and is_first():
        print(f"clinalign: {guards.stopped.message}", file=sys.stderr)
        kept = ", ".join(path.name for path in reversed(checkpoints(out)))
        print(f"clinalign: kept in {out}: {kept}; report.md there has the curves", file=sys.stderr)
    return 1 if guards.stopped else 0


def describe(recipe: Recipe, corpus: Corpus) -> dict[str, Any]:
    """What a run's figures depend on; goes to run.json, the report and the model card."""
    return {
        "version": version("clinalign"),
        "recipe": recipe.model_dump(mode="json"),
        "data": {
            "file": corpus.path.name,
            "sha256": corpus.sha256,
            "train": len(corpus.train),
            "held_out": len(corpus.held_out),
            "too_long": corpus.too_long,
            "without_signal": corpus.without_signal,
            "canaries": corpus.canaries,
        },
        "judges": {
            who: content_sha256(getattr(recipe, f"{who}_path"))
            for who in ("judge", "gold_judge")
            if getattr(recipe, who) == "local"
        },
    }


def _save_now(trainer: Any, out: Path) -> None:
    """A checkpoint of the last finished step. Several processes would have to agree: there the last one counts."""
    step = trainer.state.global_step
    if trainer.args.world_size == 1 and step and not (out / f"checkpoint-{step}").exists():
        trainer._save_checkpoint(trainer.model, trial=None)


def _report(trainer: Any, recipe: Recipe, out: Path, described: dict[str, Any], guards: Any, ending: str) -> None:
    from training.grpo.curves import write_curves
    from training.grpo.guards import alarms

    log = trainer.state.log_history
    found = alarms(log, recipe) + ([guards.stopped] if guards.stopped else [])
    with full_disk_said(out):
        print(write_curves(out, log, recipe, described, found, ending))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


class _ByteCount:
    """Stands for a tokenizer that is not here: so many bytes a token, for a plan."""

    def apply_chat_template(self, messages: Any, **options: Any) -> dict[str, Any]:
        return {"input_ids": range(sum(len(one["content"].encode()) for one in messages) // BYTES_A_TOKEN)}
