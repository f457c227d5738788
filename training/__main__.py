"""`python -m training COMMAND`: measure answers and judges, make rubrics, train and export."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from principles.errors import ClinAlignError
from principles.interrupt import leave_on_interrupt

# Name: (module with `add_arguments(parser)` and `run(arguments) -> exit status`, one line of help).
COMMANDS: dict[str, tuple[str, str]] = {
    "evaluate": ("training.healthbench.evaluate", "Answer HealthBench items, grade the answers and report the scores."),
    "judge-train": ("training.judge.local.train", "Train a small local judge from verdicts."),
    "judge-report": ("training.judge.report.command", "Compare judges with the verdicts of GPT-4.1 and of physicians."),
    "hard": ("training.healthbench.hard", "The prompts of HealthBench Hard, which training refuses: add or drop them."),
    "critic": ("training.critic.command", "Learn which principles belong to a question, or measure what was learnt."),
    "ablate": (
        "training.ablation.command",
        "Compare ways of revising from one draft: does revision help, and because of what?",
    ),
    "synthesize": (
        "training.synthesis.command",
        "Make rubrics for questions that have none, in HealthBench's JSONL shape.",
    ),
    "distil-bench": (
        "training.distil.bench",
        "How much of what physicians ask for do distilled libraries cover? (To make one: python -m principles distil.)",
    ),
    "sft": ("training.sft.command", "Train a policy on reference answers, before GRPO."),
    "sample": ("training.sampling.command", "Sample several answers to each question and judge them."),
    "pairs": ("training.sampling.pairs", "Make pairs of a better and a worse answer from sampled ones."),
    "dpo": ("training.dpo.command", "Train a policy on preferences between its own answers."),
    "grpo": ("training.grpo.command", "Train a policy on the rubric reward with GRPO."),
    "export": ("training.grpo.export", "Turn a trained checkpoint into a model folder that serves anywhere."),
    "grpo-bench": ("training.grpo.bench", "Time a training step against plain TRL with a constant reward."),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if given[:1] == [name]:  # the others' modules are not loaded
            home = import_module(module)
            home.add_arguments(command)
            command.set_defaults(run=home.run)
    chosen = parser.parse_args(given)
    try:
        return int(chosen.run(chosen))
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    leave_on_interrupt()
    sys.exit(main())
