"""The guards, on logs made up for them; and the page that a run leaves."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.unit.training.gold_runs import recipe_of, run_log
from training.grpo.guards import WINDOW, Alarm, alarms, length_stop, length_window
from training.grpo.log import GOLD, KL, LENGTH, NO_SIGNAL, NONE, PROXY, REWARD

needs.require("training")
# Two questions a step, eight held out.
BOUNDS = recipe_of(8, least_length=0.7, most_length=1.5)


def steps(name: str, *values: float | None) -> list[dict[str, Any]]:
    return [{"step": number, name: value} for number, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("name", "fine", "alarming", "kind"),
    [
        (NONE, 0.2, 0.3, "none"),
        (NO_SIGNAL, 0.5, 0.6, "no signal"),
        (KL, 0.5, 0.9, "KL"),
    ],
)
def test_an_alarm_rings_once_when_the_mean_passes_its_limit(name: str, fine: float, alarming: float, kind: str) -> None:
    assert alarms(steps(name, *[fine] * 20), BOUNDS) == []
    found = alarms(steps(name, *[fine] * 5, *[alarming] * 20), BOUNDS)
    assert [alarm.kind for alarm in found] == [kind]
    assert 5 < found[0].step <= 5 + WINDOW


def test_one_bad_step_is_no_alarm() -> None:
    assert alarms(steps(NONE, 0, 0, 0, 0.9, 0, 0, 0), BOUNDS) == []


# Mean tokens an answer, by fives, of the two runs in docs/experiments.md that taught nothing but to be brief.
BRIEF = {"physicians": (96, 101, 60, 32), "synthesised": (96, 92, 53, 40)}


def noisy(*blocks: float, spread: float = 0.2, seed: int = 0) -> list[dict[str, Any]]:
    """Five steps a block, with lengths that differ from step to step as of few questions."""
    chance = random.Random(seed)
    return steps(LENGTH, *(block * (1 + chance.gauss(0, spread)) for block in blocks for _ in range(5)))


@pytest.mark.parametrize(("now", "times"), [(160, "1.60"), (60, "0.60")])
def test_answers_whose_length_leaves_its_bounds_stop_the_run(now: float, times: str) -> None:
    recipe = BOUNDS.model_copy(update={"questions_per_step": 4})
    log = steps(LENGTH, *[100] * 5, *[now] * 5)
    assert length_stop(log[:-1], recipe) is None
    found = length_stop(log, recipe)
    assert found is not None
    assert (found.step, found.kind) == (10, "length")
    assert f"answers are {times} times as long as at the start (100 tokens at first, {now:.0f} now" in found.message
    assert f"--resume with another {'--most-length' if now > 100 else '--least-length'}" in found.message


@pytest.mark.parametrize("now", [75, 100, 145])
def test_lengths_within_the_bounds_are_left_alone(now: float) -> None:
    assert length_stop(steps(LENGTH, *[100] * 30, *[now] * 30), BOUNDS) is None


def test_only_the_newest_lengths_count() -> None:
    assert length_stop(steps(LENGTH, *[100] * 20, *[30] * 20, *[100] * 20), BOUNDS) is None
    assert length_stop(steps(LENGTH, *[0] * 30), BOUNDS) is None


def test_the_bounds_are_the_recipes() -> None:
    log = steps(LENGTH, *[100] * 20, *[50] * 20)
    assert length_stop(log, BOUNDS) is not None
    assert length_stop(log, BOUNDS.model_copy(update={"least_length": 0.4})) is None


@pytest.mark.parametrize("arm", BRIEF)
def test_the_runs_that_taught_brevity_would_have_been_stopped(arm: str) -> None:
    """Nearly always: how much their lengths differed from step to step was not kept; a fifth is assumed."""
    recipe = BOUNDS.model_copy(update={"steps": 60})
    assert sum(length_stop(noisy(*BRIEF[arm], seed=seed), recipe) is not None for seed in range(20)) >= 17


def test_steady_answers_of_few_questions_are_seldom_stopped() -> None:
    """Two questions a step whose answers' lengths differ by half: at most one run of 100 steps in ten is stopped."""

    def stopped(seed: int) -> bool:
        log = noisy(*[100] * 20, spread=0.35, seed=seed)
        return any(length_stop(log[:end], recipe) for end in range(16, 101))

    recipe = BOUNDS.model_copy(update={"steps": 100})
    assert sum(stopped(seed) for seed in range(40)) <= 4


def told(log: list[dict[str, Any]], evaluated: bool = False) -> tuple[Any, Any]:
    """The real guards after `log`, and what they told the trainer."""
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from training.grpo.trainer import Guards

    guards, control = Guards(BOUNDS), TrainerControl()
    state, arguments = TrainerState(log_history=log), TrainingArguments(use_cpu=True)
    for _ in range(2):
        guards.on_log(arguments, state, control)
    if evaluated:
        guards.on_evaluate(arguments, state, control)
    return guards, control


def test_the_trainer_is_told_to_stop_and_to_save(capsys: pytest.CaptureFixture[str]) -> None:
    gold = run_log(8, [0.5, 0.5, 0.1, 0.1, 0.1, 0.1], seed=0)
    guards, control = told([*steps(NONE, *[0.9] * 9), *gold], evaluated=True)
    assert control.should_training_stop
    assert control.should_save
    assert guards.stopped is not None
    assert guards.stopped.kind == "gold"
    assert capsys.readouterr().err.count("alarm at step 5: 90% of answers got no reward") == 1


def test_lengths_stop_the_trainer_at_the_step_itself() -> None:
    guards, control = told(steps(LENGTH, *[100] * 20, *[30] * 20))
    assert control.should_training_stop
    assert control.should_save
    assert guards.stopped.kind == "length"


def test_all_is_well_and_the_trainer_goes_on() -> None:
    guards, control = told([*steps(LENGTH, *[100] * 40), *run_log(8, [0.5] * 3, seed=0)], evaluated=True)
    assert not control.should_training_stop
    assert guards.stopped is None


def test_the_alarm_for_groups_without_signal_rings_with_soft_verdicts_and_scaling_by_the_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """TRL's own share is 0 there: no two rewards are equal, and the whole step has a spread."""
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from training.grpo.trainer import Guards

    guards, state = Guards(BOUNDS), TrainerState()
    for step in range(1, 8):
        state.log_history.append({"step": step, "frac_reward_zero_std": 0.0, NO_SIGNAL: 0.9})
        guards.on_log(TrainingArguments(use_cpu=True), state, TrainerControl())
    assert [alarm.kind for alarm in alarms(state.log_history, BOUNDS)] == ["no signal"]
    assert "alarm at step 5: 90% of groups" in capsys.readouterr().err


def test_trl_keeps_prompts_out_of_its_log(caplog: pytest.LogCaptureFixture) -> None:
    import logging

    from training.grpo.trainer import _without_prompts_in_the_log

    _without_prompts_in_the_log()
    log = logging.getLogger("trl.trainer.grpo_trainer")
    log.warning("All reward functions returned None for the following kwargs:\n{'prompt': 'SECRET'}")
    log.warning("another thing")
    assert [record.getMessage() for record in caplog.records] == ["another thing"]


def test_the_page_and_the_picture(tmp_path: Path) -> None:
    from training.grpo.curves import write_curves

    run = {
        "version": "1",
        "recipe": {"name": "short"},
        "data": {"file": "d.jsonl", "sha256": "abc", "train": 3, "held_out": 1, "canaries": ["canary-1"]},
    }
    evaluations = [{"step": 0, GOLD: 0.5, PROXY: 0.4}, {"step": 10, GOLD: 0.6, PROXY: 0.5}]
    log = [*steps(REWARD, 0.25, None, 0.75), *steps(LENGTH, *[100] * 8, *[80] * 8), *evaluations]
    page = write_curves(tmp_path, log, BOUNDS, run, [Alarm(7, "KL", "too far")], "Trained to the end.").read_text()
    assert length_window(BOUNDS) == 8
    for part in (
        "| reward (`reward`) | 0.250 | 0.750 |",
        "| tokens an answer (`completions/mean_length`) | 100.000 | 80.000 |",
        "| length, times that of the first 8 steps | 1.00 | 0.80 | 0.80 | 1.00 |",
        "step 7, KL: too far",
        "SHA-256 `abc`",
        "canary-1",
    ):
        assert part in page
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
