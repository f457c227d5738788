"""Which principles belong to which question, by readers: the labels that the critic learns from and is measured on.

A line is a question's id in agent/scenario/questions.yaml, a tab, the ids of the principles that belong, a tab, the ids
of those that may: about these careful reviewers could differ. All other principles do not belong.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from agent.scenario.features import Array
from agent.scenario.questions import load_questions
from principles.grader import Turns
from principles.hard import is_hard, refuse_hard
from principles.schema import Principle, Scenario

READERS = ("blind_1.tsv", "blind_2.tsv")


@dataclass(frozen=True)
class Labelled:
    """Questions (q) and which of P principles belong to them: `yes` and `may` are (q, P) of 0 and 1. `scenarios` (q,)
    are their labels, `hands` (q,) who wrote them."""

    turns: list[Turns]
    scenarios: list[Scenario]
    hands: list[str]
    yes: Array
    may: Array


def to_learn(principles: Sequence[Principle]) -> Labelled:
    """The questions to learn from. Raises ConfigError where one is of HealthBench Hard."""
    found = _labelled("learn.tsv", "tune", principles)
    refuse_hard(Path("agent/scenario/questions.yaml"), [is_hard(one) for one in found.turns], "remove them")
    return found


def blind(principles: Sequence[Principle]) -> list[Labelled]:
    """The blind questions, as each of two readers labelled them: hands that wrote none of the others."""
    return [_labelled(name, "blind", principles) for name in READERS]


def data_digest() -> str:
    """The SHA-256 of what is learnt from: labels and questions."""
    digest = hashlib.sha256(text_of("learn.tsv").encode())
    digest.update(files("agent.scenario").joinpath("questions.yaml").read_bytes())
    return digest.hexdigest()


def _labelled(name: str, split: str, principles: Sequence[Principle]) -> Labelled:
    questions = {question.id: question for question in load_questions(split)}
    place = {principle.id: at for at, principle in enumerate(principles)}
    rows = [line.split("\t") for line in text_of(name).splitlines() if line]
    yes, may = (np.zeros((len(rows), len(principles)), dtype=np.float32) for _ in range(2))
    for row, (_, belong, unsure) in enumerate(rows):
        yes[row, [place[one] for one in belong.split() if one in place]] = 1
        may[row, [place[one] for one in unsure.split() if one in place]] = 1
    asked = [questions[row[0]] for row in rows]
    scenarios = [Scenario.model_validate(one.labels) for one in asked]
    return Labelled([one.turns for one in asked], scenarios, [one.hand for one in asked], yes, may)


def text_of(name: str) -> str:
    """A file of labels as it is."""
    return files("training.critic").joinpath("labels", name).read_text(encoding="utf-8")
