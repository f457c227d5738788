"""How much a rubric tells apart: the scores of several sampled answers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.llm.client import Model
from agent.rubric import Search
from principles.errors import ModelError
from principles.schema import Criterion, Label, Rubric, Verdict
from tests.fakes import FixedClassifier, FixedRetriever, ScriptedChat
from tests.unit.training.synthesis_fakes import NAMES, question, synthesizer
from training.synthesis.signal import Sampler, signal_of


class LengthJudge:
    """Meets the first criterion where the answer is long."""

    def verdicts(self, turns: Any, answer: str, criteria: Any) -> list[Verdict]:
        met = [len(answer) > 10 and number == 0 for number in range(len(criteria))]
        pairs = zip(criteria, met, strict=True)
        return [Verdict(criterion_id=c.id, label=Label.MET if m else Label.NOT_MET) for c, m in pairs]


class Alternating(ScriptedChat):
    """Short and long answers in turn; keeps the sampling options."""

    options: list[dict[str, Any]] = []  # noqa: RUF012 - a pydantic field, copied for each model

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **options: Any) -> Iterator[Any]:
        self.options.append(options)
        self.draft = "Short." if len(self.options) % 2 else "A much longer answer."
        return super()._stream(messages, stop, run_manager, **options)


def sampler(chat: ScriptedChat, judge: Any, samples: int) -> Sampler:
    return Sampler(Model(chat), None, judge, samples, Search(FixedRetriever(), FixedClassifier()))  # type: ignore[arg-type]


def test_samples_give_mean_and_spread() -> None:
    chat = Alternating()
    record = json.loads(synthesizer(sampler=sampler(chat, LengthJudge(), 4)).line(question()).json_line())
    share = 1 / len(NAMES)
    assert record["signal"]["samples"] == 4
    assert record["signal"]["mean"] == pytest.approx(share / 2, abs=1e-5)
    assert record["signal"]["spread"] == pytest.approx(share / 2, abs=1e-5)
    assert record["signal"]["zero_spread"] is False
    assert {options["temperature"] for options in chat.options} == {1.0}
    assert len({options["seed"] for options in chat.options}) == 4


def test_equal_scores_are_marked_and_too_few_are_an_error() -> None:
    assert signal_of([0.5, 0.5, 0.5]).zero_spread
    assert not signal_of([0.5, 0.4]).zero_spread
    with pytest.raises(ModelError, match="fewer than two"):
        signal_of([0.5])


def test_answers_that_cannot_be_judged_do_not_count_as_zero() -> None:
    class Blind:
        def verdicts(self, turns: Any, answer: str, criteria: Any) -> list[Verdict]:
            return []

    rubric = Rubric(criteria=(Criterion(id="a", text="Does the answer help the knee?", points=5),))
    with pytest.raises(ModelError, match="fewer than two"):
        sampler(ScriptedChat(), Blind(), 3).signal(question().turns, rubric)
