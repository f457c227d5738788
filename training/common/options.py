"""What several commands are given: items, models, a judge."""

import argparse
from pathlib import Path

from principles.errors import ConfigError

# So many failures one after the other are the endpoint's, not the items'.
FAILURES_IN_A_ROW = 10
# HealthBench's sets, each with an adjustment to length of its own (training.healthbench.figures).
SETS = ("full", "hard", "consensus", "professional")


def add_item_options(parser: argparse.ArgumentParser) -> None:
    """Which items are answered, and who answers them."""
    option = parser.add_argument
    option("--data", type=Path, required=True, metavar="FILE", help="items with rubrics: docs/formats.md")
    option("--limit", type=count, metavar="N", help="only the first N items")
    option("--shuffle-seed", type=int, metavar="N", help="shuffle the items before --limit cuts them")
    option("--model", metavar="NAME", help="who answers: a profile, or the model's name with --base-url")
    option("--base-url", metavar="URL", help="an OpenAI-compatible endpoint for the answers")
    option(
        "--set",
        choices=SETS,
        dest="benchmark",
        help="which of HealthBench's sets the items are of, for the adjustment to length (default: hard, consensus or "
        "full, as the items tell)",
    )


def add_judge_options(parser: argparse.ArgumentParser, cache: bool) -> None:
    """Where the judge is that each command names by itself; `cache`: and where its verdicts are kept."""
    option = parser.add_argument
    option("--judge-model", metavar="NAME", help="the judge's model: a profile, or its name with --judge-base-url")
    option("--judge-base-url", metavar="URL", help="an OpenAI-compatible endpoint for the judge")
    option("--judge-path", type=Path, metavar="DIR", help="the trained judge's folder, for the judge local")
    if cache:
        option("--judge-cache", type=Path, metavar="PATH", help="keep the judge's verdicts here and use them again")


def require_judge_path(given: argparse.Namespace) -> None:
    """Raises ConfigError where --judge local has no --judge-path."""
    if given.judge == "local" and given.judge_path is None:
        raise ConfigError("--judge local needs --judge-path: the folder of the trained judge")


def count(text: str) -> int:
    """A whole number from 1 on; ValueError for others."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number
