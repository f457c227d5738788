"""The figures of an ablation: each arm after each round, and its differences to others in pairs of items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from principles.schema import Grade, Record
from training.ablation.arms import ARMS, Cost, Made, Step, words
from training.ablation.log import sha256
from training.common.items import Item
from training.healthbench.figures import (
    Difference,
    Estimate,
    Example,
    Rate,
    estimate,
    length_adjusted,
    paired_difference,
    rate,
)


class Name(NamedTuple):
    """An arm after a round, 0 where it has no rounds."""

    arm: str
    round: int

    def __str__(self) -> str:
        return f"{self.arm}, round {self.round}" if self.round else self.arm


@dataclass(frozen=True)
class Answered:
    """An item, the step of one arm that answers it, and the judge's grade."""

    item: Item
    made: Made
    step: Step
    grade: Grade


class Versus(Record):
    """The paired difference to another arm, of the scores and of the length-adjusted scores."""

    reference: str
    round: int
    score: Difference
    length_adjusted: Difference


class Figures(Record):
    """One arm after one round, over all complete items.

    `cost` and the counts are means an item: the cost includes the draft and all rounds so far, `principles` those in
    the rubric or prompt, `edits` those in the answer. `changed` is the share of answers that are not the draft.
    `target_words` is the mean length that was asked for.
    """

    arm: str
    round: int
    items: int
    score: Estimate | None
    length_adjusted: Estimate | None
    positives: Rate
    negatives: Rate
    words: float
    characters: float
    target_words: float | None
    changed: float
    principles: float
    edits: float
    calls: float
    prompt_tokens: float
    completion_tokens: float
    seconds: float
    versus: tuple[Versus, ...]


def complete_items(
    items: Sequence[Item],
    arms: Sequence[str],
    made: Mapping[str, Mapping[str, Made]],
    graded: Mapping[tuple[str, str], Grade],
) -> list[dict[Name, Answered]]:
    """The items that every arm has answered and the judge graded, in order: their answers by name."""
    found = []
    for item in items:
        own = made.get(item.key, {})
        if any(arm not in own for arm in arms):
            continue
        steps = [(own[arm], step) for arm in arms for step in own[arm].steps]
        grades = [graded.get((item.key, sha256(step.answer))) for _, step in steps]
        answered = {
            Name(one.arm, step.round): Answered(item, one, step, grade)
            for (one, step), grade in zip(steps, grades, strict=True)
            if grade
        }
        if len(answered) == len(steps):
            found.append(answered)
    return found


def all_figures(complete: Sequence[Mapping[Name, Answered]], benchmark: str) -> list[Figures]:
    """The figures of every arm and round of at least one complete item of the set `benchmark`, in the arms' order."""
    names = sorted(complete[0], key=lambda name: (ARMS.index(name.arm), name.round))
    return [_figures(name, complete, _references(name, names), benchmark) for name in names]


def _references(name: Name, names: Sequence[Name]) -> list[Name]:
    """All other arms; of an arm with rounds the same round, or the last where `name` has none."""
    of_arm = {arm: [other for other in names if other.arm == arm] for arm in dict.fromkeys(n.arm for n in names)}
    return [
        ([one for one in own if one.round == name.round] or own)[-1] for arm, own in of_arm.items() if arm != name.arm
    ]


def _figures(
    name: Name, complete: Sequence[Mapping[Name, Answered]], references: Sequence[Name], benchmark: str
) -> Figures:
    answers = [item[name] for item in complete]
    examples = [Example(one.item, one.step.answer, one.grade) for one in answers]
    texts = [one.step.answer for one in answers]
    targets = [one.made.target_words for one in answers if one.made.target_words is not None]
    plain, adjusted = ([s for s in _scores(name, complete, way).values() if s is not None] for way in (None, benchmark))
    costs = [one.step.cost for one in answers]
    drafts = [item[Name("draft", 0)].step.answer for item in complete]
    return Figures(
        arm=name.arm,
        round=name.round,
        items=len(answers),
        score=estimate(plain) if plain else None,
        length_adjusted=estimate(adjusted) if adjusted else None,
        positives=rate(examples, positive=True),
        negatives=rate(examples, positive=False),
        words=_mean([words(text) for text in texts]),
        characters=_mean([len(text) for text in texts]),
        target_words=_mean(targets) if targets else None,
        changed=_mean([text != draft for text, draft in zip(texts, drafts, strict=True)]),
        principles=_mean([len(one.made.principles) for one in answers]),
        edits=_mean([one.step.edits for one in answers]),
        **{field: _mean([getattr(cost, field) for cost in costs]) for field in Cost.model_fields},
        versus=tuple(
            Versus(
                reference=other.arm,
                round=other.round,
                score=paired_difference(_scores(name, complete), _scores(other, complete)),
                length_adjusted=paired_difference(
                    _scores(name, complete, benchmark), _scores(other, complete, benchmark)
                ),
            )
            for other in references
            if plain and any(s is not None for s in _scores(other, complete).values())
        ),
    )


def _scores(
    name: Name, complete: Sequence[Mapping[Name, Answered]], benchmark: str | None = None
) -> dict[str, float | None]:
    """By item key, adjusted to length as in the set `benchmark` if one is named; None where the judge gave no verdict
    on any positive criterion."""
    scores = {}
    for item in complete:
        one = item[name]
        score = one.grade.score
        if benchmark and score is not None:
            score = length_adjusted(score, one.step.answer, benchmark)
        scores[one.item.key] = score
    return scores


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
