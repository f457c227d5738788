"""The guards, on logs made up for them; and the page that a run leaves."""

from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.unit.training.tiny_run import RECIPE
from training.grpo.guards import GOLD, KL, LENGTH, NONE, PROXY, REWARD, WINDOW, ZERO_SPREAD, Alarm, alarms, gamed
from training.grpo.recipe import load_recipe

CHANGES = {"gold_drop": "0.02", "alarm_kl": "0.5"}
BOUNDS = load_recipe(RECIPE, CHANGES)


def steps(name: str, *values: float | None) -> list[dict[str, Any]]:
    return [{"step": number, name: value} for number, value in enumerate(values, 1)]


def evaluations(*pairs: tuple[float, float]) -> list[dict[str, Any]]:
    return [{"step": 10 * n, GOLD: gold, PROXY: proxy} for n, (gold, proxy) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("name", "fine", "alarming", "kind"),
    [
        (NONE, 0.2, 0.3, "none"),
        (ZERO_SPREAD, 0.5, 0.6, "zero spread"),
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


def test_answers_that_grow() -> None:
    assert alarms(steps(LENGTH, *[100] * 5, *[140] * 9), BOUNDS) == []
    (found,) = alarms(steps(LENGTH, *[100] * 5, *[200] * 9), BOUNDS)
    assert (found.kind, found.message) == ("length", "answers are 1.6 times as long as at the start")


def test_answers_that_shrink() -> None:
    assert alarms(steps(LENGTH, *[100] * 5, *[70] * 9), BOUNDS) == []
    (found,) = alarms(steps(LENGTH, *[100] * 5, *[30] * 9), BOUNDS)
    assert (found.kind, found.message) == ("shortness", "answers are 0.58 times as long as at the start")


def test_a_reward_that_climbs_while_gold_falls_stops_the_run() -> None:
    found = gamed(evaluations((0.5, 0.5), (0.6, 0.55), (0.57, 0.6), (0.55, 0.7)), BOUNDS)
    assert found is not None
    assert found.step == 30
    assert "from 0.600 (step 10) to 0.550" in found.message
    assert "nearest to step 10" in found.message


@pytest.mark.parametrize(
    "pairs",
    [
        [(0.5, 0.5), (0.4, 0.6)],  # one fall is not enough
        [(0.5, 0.5), (0.4, 0.6), (0.49, 0.7)],  # it came back
        [(0.5, 0.5), (0.4, 0.4), (0.3, 0.3)],  # both fall: bad, but nothing is gamed
        [(0.5, 0.5), (0.49, 0.6), (0.485, 0.7)],  # within gold_drop
        [(0.5, 0.5), (0.6, 0.6), (0.7, 0.7)],
        [],
    ],
)
def test_what_does_not_stop_it(pairs: list[tuple[float, float]]) -> None:
    assert gamed(evaluations(*pairs), BOUNDS) is None


def test_the_trainer_is_told_to_stop_and_to_save(capsys: pytest.CaptureFixture[str]) -> None:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from training.grpo.trainer import Guards

    guards, control = Guards(BOUNDS), TrainerControl()
    state = TrainerState(log_history=evaluations((0.6, 0.5), (0.5, 0.6), (0.4, 0.7)) + steps(NONE, *[0.9] * 9))
    arguments = TrainingArguments(use_cpu=True)
    guards.on_log(arguments, state, control)
    guards.on_log(arguments, state, control)
    guards.on_evaluate(arguments, state, control)
    assert control.should_training_stop
    assert control.should_save
    assert guards.stopped is not None
    assert capsys.readouterr().err.count("alarm at step 5: 90% of answers got no reward") == 1


def test_trl_keeps_prompts_out_of_its_log(caplog: pytest.LogCaptureFixture) -> None:
    import logging

    from training.grpo.trainer import _without_prompts_in_the_log

    _without_prompts_in_the_log()
    log = logging.getLogger("trl.trainer.grpo_trainer")
    log.warning("All reward functions returned None for the following kwargs:\n{'prompt': 'SECRET'}")
    log.warning("another thing")
    assert [record.getMessage() for record in caplog.records] == ["another thing"]


def test_the_page_and_the_picture(tmp_path: Path) -> None:
    needs.require("training")
    from training.grpo.curves import write_curves

    run = {
        "version": "1",
        "recipe": {"name": "short"},
        "data": {"file": "d.jsonl", "sha256": "abc", "train": 3, "held_out": 1, "canaries": ["canary-1"]},
    }
    log = [*steps(REWARD, 0.25, None, 0.75), *evaluations((0.5, 0.4), (0.6, 0.5))]
    page = write_curves(tmp_path, log, run, [Alarm(7, "KL", "too far")], "Trained to the end.").read_text()
    for part in ("| reward (`reward`) | 0.250 | 0.750 |", "step 7, KL: too far", "SHA-256 `abc`", "canary-1"):
        assert part in page
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
