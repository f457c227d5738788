"""Labelled questions: the project's own, from which the scenario is learnt, and those that physicians agreed on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from agent.scenario.heads import NAMES
from principles.errors import InputError
from principles.grader import Turns
from principles.lines import QuestionLine, parsed
from principles.records import records
from principles.schema import Dimension

# HealthBench's physician-agreed categories, in this project's words.
_TAG = "physician_agreed_category:"
_PHYSICIANS: dict[str, tuple[Dimension, str]] = {
    "emergent": ("urgency", "emergent"),
    "conditionally-emergent": ("urgency", "conditionally_emergent"),
    "non-emergent": ("urgency", "non_emergent"),
    "no-uncertainty": ("uncertainty", "none"),
    "any-reducible-uncertainty": ("uncertainty", "reducible"),
    "only-irreducible-uncertainty": ("uncertainty", "irreducible"),
    "health-professional": ("expertise", "health_professional"),
    "not-health-professional": ("expertise", "layperson"),
}


@dataclass(frozen=True)
class Question:
    """A labelled conversation; `labels` holds a value for some or all dimensions, `hand` who wrote it, if another, and
    `id` is that of the project's own."""

    turns: Turns
    labels: Mapping[Dimension, str]
    hand: str = ""
    id: str = ""


def load_questions(split: str) -> list[Question]:
    """The project's own questions of one split: tune, test (of its first hand) or blind (of hands of their own)."""
    text = files("agent.scenario").joinpath("questions.yaml").read_bytes()
    rows: list[dict[str, Any]] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [
        Question(
            turns=row.get("turns") or [{"role": "user", "content": row["question"]}],
            labels={name: row[name] for name in NAMES},
            hand=row["id"].split("-")[1] if row["id"].startswith("hand-") else "",
            id=row["id"],
        )
        for row in rows
        if row["split"] == split
    ]


def load_physicians(path: Path) -> list[Question]:
    """The items of a HealthBench file that physicians agreed on in some dimension. Raises ConfigError or InputError."""
    lines = [parsed(QuestionLine, record, path, place) for place, record in records(path)]
    tagged = [question for line in lines if (question := Question(line.turns, _agreed(line.example_tags))).labels]
    if not tagged:
        raise InputError(f"no item of {path} has a physician-agreed category of urgency, uncertainty or expertise")
    return tagged


def _agreed(tags: Iterable[str]) -> dict[Dimension, str]:
    return dict(_PHYSICIANS[tag.removeprefix(_TAG)] for tag in tags if tag.removeprefix(_TAG) in _PHYSICIANS)
