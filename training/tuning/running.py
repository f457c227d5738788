"""What every training's command does before it trains: its options, the libraries, the folder, the plan."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from training.common.extras import require_extra
from training.tuning.run_folder import is_first, require_folder, require_processes

NEEDED = ("trl", "peft", "accelerate", "datasets", "matplotlib")


class Named(Protocol):
    """Of a recipe, what its run is called and how many processes take part."""

    @property
    def name(self) -> str:
        """Names the run's folder."""

    @property
    def processes(self) -> int:
        """Training processes, one a GPU."""


def add_recipe_options(parser: argparse.ArgumentParser, command: str) -> None:
    """The option that names the recipe; `command` is that whose recipes they are."""
    parser.add_argument("--recipe", type=Path, required=True, metavar="YAML", help=f"see training/{command}/recipes")


def add_run_options(parser: argparse.ArgumentParser, command: str) -> None:
    """The recipe, where its run is written, and whether it is gone on with."""
    add_recipe_options(parser, command)
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"default: runs/{command}-NAME")
    parser.add_argument("--resume", action="store_true", help="go on from the last whole checkpoint in the folder")
    parser.add_argument("--dry-run", action="store_true", help="check data, sizes and memory, and print the plan")


def require_libraries() -> None:
    """Raises ConfigError where the extra `train` is not installed."""
    require_extra("training", *NEEDED)


def run_folder(given: argparse.Namespace, command: str, recipe: Named) -> Path:
    """Where the run is written. Raises ConfigError where that, or the number of processes, does not fit what was
    asked; a dry run needs neither."""
    out: Path = given.out or Path("runs") / f"{command}-{recipe.name}"
    if not given.dry_run:
        require_processes(recipe.processes, command)
        if is_first():
            require_folder(out, given.resume)
    return out


def tell_plan(lines: Iterable[str], dry_run: bool) -> None:
    """The plan, once for all processes: it is what a dry run is asked for, and beside the work of a real one."""
    if is_first():
        print("\n".join(lines), file=sys.stdout if dry_run else sys.stderr)
