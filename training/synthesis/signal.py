"""How hard a question is and how much its rubric tells apart: the scores of several sampled answers.

A rubric on which all samples score the same teaches nothing: under GRPO each sample's advantage is zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from pydantic import Field

from agent.llm.client import Model
from agent.rubric import Search
from principles.errors import ModelError
from principles.grader import Judge, Turns, grade
from principles.schema import Record, Rubric
from training.common.items import Item
from training.healthbench.answers import draft

TEMPERATURE = 1.0
LEAST_SAMPLES = 2


class Signal(Record):
    """Mean and standard deviation (of the population) of the scores of `samples` graded answers.

    Scores can be negative. `zero_spread`: all of them are the same.
    """

    mean: float
    spread: float = Field(ge=0)
    zero_spread: bool
    samples: int = Field(ge=LEAST_SAMPLES)


@dataclass(frozen=True)
class Sampler:
    """Answers by `model`, `samples` a question, graded by `judge`; the drafting prompt is for what `search` tells."""

    model: Model
    context_tokens: int | None
    judge: Judge
    samples: int
    search: Search

    def signal(self, turns: Turns, rubric: Rubric) -> Signal:
        """Raises ModelError where the model or the judge fails, or fewer than two answers could be graded."""
        item = Item(key="question", turns=tuple(dict(turn) for turn in turns), rubric=rubric)
        scores = [self._score(item, number) for number in range(self.samples)]
        return signal_of([score for score in scores if score is not None])

    def _score(self, item: Item, number: int) -> float | None:
        writer = Model(self.model.chat, temperature=TEMPERATURE, seed=self.model.seed + number, usage=self.model.usage)
        answer = draft(writer, item, self.context_tokens, self.search)
        return grade(item.rubric, item.turns, answer, self.judge).score


def signal_of(scores: Sequence[float]) -> Signal:
    """The figures of these scores; ModelError for fewer than two."""
    if len(scores) < LEAST_SAMPLES:
        raise ModelError("fewer than two sampled answers could be graded: look at the judge's log")
    return Signal(
        mean=round(fmean(scores), 6),
        spread=round(pstdev(scores), 6),
        zero_spread=max(scores) - min(scores) < 1e-9,
        samples=len(scores),
    )
