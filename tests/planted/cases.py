"""The cases: a question, a draft sentence by sentence, which sentence is wrong and which cards correct it.

Written by eight hands that saw no card; which cards correct was read by five others. `tune` is to learn from, `test` to
measure with. Beside them stand short flat replies, of one other hand a split, half of them wrong.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

Split = Literal["tune", "test"]
HERE = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """`wrong` is the place of the false sentence in `draft`, `corrected_by` the ids of the cards that show it."""

    id: str
    question: str
    draft: tuple[str, ...]
    wrong: int
    truth: str
    corrected_by: tuple[str, ...]


@dataclass(frozen=True)
class Flat:
    """A question and a reply of one sentence, right or wrong."""

    question: str
    reply: str
    wrong: bool
    truth: str


def load_flat(split: Split) -> list[Flat]:
    """The short replies of one split."""
    return [Flat(**row) for row in yaml.safe_load((HERE / f"flat_{split}.yaml").read_text(encoding="utf-8"))]


def load_cases(split: Split) -> list[Case]:
    """The cases of one split, in the order of their files."""
    files = sorted(HERE.glob(f"{split}_*.yaml"))
    rows = [row for file in files for row in yaml.safe_load(file.read_text(encoding="utf-8"))]
    return [Case(**{**row, "draft": tuple(row["draft"]), "corrected_by": tuple(row["corrected_by"])}) for row in rows]
