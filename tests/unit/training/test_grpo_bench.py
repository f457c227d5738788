"""The bench runs both ways, times them by its clock, and holds the overhead to its bar."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from principles.grader import Turns
from principles.schema import Criterion, Verdict
from tests import needs
from tests.unit.training.tiny_run import RECIPE, SHORT, command
from training.judge.rules import LexicalJudge

needs.require("training")

BUSY_S = 0.05


class Busy(LexicalJudge):
    """Keeps the processor busy over each answer."""

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        until = time.thread_time() + BUSY_S
        while time.thread_time() < until:
            pass
        return super().verdicts(turns, answer, criteria)


def bench() -> int:
    from training.grpo import bench as grpo_bench

    options = [text for name, value in SHORT.items() for text in (f"--{name.replace('_', '-')}", value)]
    return command(grpo_bench, "--recipe", RECIPE, "--rounds", 1, *options, "--steps", 6)


@pytest.mark.parametrize(("bar", "status"), [(1e9, 0), (0.0, 1)])
def test_the_status_tells_whether_the_bar_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bar: float, status: int
) -> None:
    monkeypatch.setattr("training.judge.rules.LexicalJudge", Busy)
    monkeypatch.setattr("training.grpo.bench.BAR", bar)
    assert bench() == status
    told = capsys.readouterr().out
    assert "medians of 3 steps each" in told  # six, less the first, from which it counts, and two to warm up


def test_the_clock_tells_the_time_of_a_step_from_the_work_in_it(tmp_path: Path) -> None:
    from training.grpo.clock import WARM_UP, Clock
    from training.grpo.command import prepare
    from training.grpo.recipe import load_recipe
    from training.grpo.trainer import grpo_trainer

    recipe = load_recipe(RECIPE, SHORT | {"steps": "6", "save_every": "50"})
    tokenizer, corpus = prepare(recipe, RECIPE)
    slept: list[float] = []

    def reward(completions: Any, **columns: Any) -> list[float]:
        slept.append(0.5 if len(slept) == 4 else 0.0)  # in the fifth step
        time.sleep(slept[-1])
        return [0.5] * len(completions)

    trainer, clock = grpo_trainer(recipe, corpus, tokenizer, reward, tmp_path), Clock()
    trainer.add_callback(clock)
    began = time.perf_counter(), time.process_time()
    trainer.train()
    spent = time.perf_counter() - began[0], time.process_time() - began[1]
    steps = clock.steps()
    assert len(steps) == 6 - 1 - WARM_UP
    assert steps[1][0] >= 0.5
    for place in (0, 1):
        assert all(step[place] > 0 for step in steps)
        assert sum(step[place] for step in steps) < spent[place]
