"""Real runs of seconds with TRL on a random model: saving, going on, and everything that can cut a run."""

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError, ModelError
from principles.grader import Turns
from principles.schema import Criterion, Verdict
from tests import needs
from tests.fakes import WordEncoder
from tests.unit.training.tiny_run import RECIPE, grpo
from training.grpo.checkpoints import checkpoints, last_whole, state_of
from training.judge import batch as grading
from training.judge.rules import LexicalJudge

needs.require("training")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(finished, tmp_path / "run")


def test_what_a_run_leaves(finished: Path) -> None:
    assert [path.name for path in checkpoints(finished)] == ["checkpoint-4", "checkpoint-2"]
    assert last_whole(finished) == finished / "checkpoint-4"
    page = (finished / "report.md").read_text()
    assert "Trained to the end." in page
    assert "| reward (`reward`) |" in page
    described = json.loads((finished / "run.json").read_text())
    assert (described["data"]["train"], described["data"]["held_out"]) == (22, 2)
    log = state_of(finished / "checkpoint-4")["log_history"]
    assert all(
        {"reward", "reward/none", "reward/coverage", "met/wanted", "kl"} <= set(one) for one in log if "loss" in one
    )


def test_the_same_recipe_trains_the_same(finished: Path, tmp_path: Path) -> None:
    assert grpo(out=tmp_path / "again") == 0
    rewards = [
        [one["reward"] for one in state_of(out / "checkpoint-4")["log_history"] if "reward" in one]
        for out in (finished, tmp_path / "again")
    ]
    assert rewards[0] == rewards[1]
    assert len(rewards[0]) == 4


def test_a_folder_that_is_in_use_or_full_is_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not empty: give --resume"):
        grpo(out=finished)
    with pytest.raises(ConfigError, match="no run to go on with"):
        grpo("--resume", out=tmp_path / "new")


def test_another_recipe_does_not_go_on(run: Path) -> None:
    with pytest.raises(ConfigError, match="begun with other learning_rate, seed"):
        grpo("--resume", out=run, learning_rate=0.5, seed=7)


def test_going_on_further_continues_the_log(run: Path) -> None:
    assert grpo("--resume", out=run, steps=6) == 0
    steps = [one["step"] for one in state_of(run / "checkpoint-6")["log_history"] if "reward" in one]
    assert steps == [1, 2, 3, 4, 5, 6]


def _no_state(folder: Path) -> None:
    (folder / "trainer_state.json").unlink()


def _cut_state(folder: Path) -> None:
    path = folder / "trainer_state.json"
    path.write_text(path.read_text()[:50])


def _cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _cut_optimizer(folder: Path) -> None:
    path = folder / "optimizer.pt"
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize("damage", [_no_state, _cut_state, _cut_weights, _no_weights, _cut_optimizer])
def test_a_checkpoint_that_is_not_whole_is_passed_over(run: Path, damage: Any) -> None:
    damage(run / "checkpoint-4")
    assert last_whole(run) == run / "checkpoint-2"


def test_a_resumed_run_ends_where_an_uncut_one_does(
    finished: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _no_state(run / "checkpoint-4")
    assert grpo("--resume", out=run) == 0
    told = capsys.readouterr().err
    assert "checkpoint-4 was not wholly written and is removed" in told
    assert "going on from checkpoint-2" in told
    for out in (finished, run):
        assert last_whole(out) == out / "checkpoint-4"
    weights = [(out / "checkpoint-4" / "model.safetensors").read_bytes() for out in (finished, run)]
    assert weights[0] == weights[1]


KILLED = """
import os, signal, sys
import torch
from tests.unit.training.tiny_run import grpo

save = torch.save
def killed(obj, file, *args, **options):
    save(obj, file, *args, **options)
    if "checkpoint-4" in str(file):
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = killed
grpo(out=sys.argv[1])
"""


def test_kill_9_in_the_middle_of_a_save(tmp_path: Path) -> None:
    out = tmp_path / "run"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(out)], cwd=RECIPE.parents[3], capture_output=True, check=False
    )
    assert killed.returncode == -9, killed.stderr.decode()
    assert (out / "checkpoint-4" / "model.safetensors").exists()
    assert last_whole(out) == out / "checkpoint-2"
    assert grpo("--resume", out=out) == 0
    assert last_whole(out) == out / "checkpoint-4"


class DyingJudge(LexicalJudge):
    """Fails from its thirteenth answer on."""

    answers = 0

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        self.answers += 1
        if self.answers > 12:
            raise ModelError("the endpoint is gone")
        return super().verdicts(turns, answer, criteria)


def test_a_judge_that_dies_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    monkeypatch.setattr(grading, "PAUSES_S", ())
    with monkeypatch.context() as dying:
        dying.setattr("training.judge.rules.LexicalJudge", DyingJudge)
        with pytest.raises(ModelError, match=r"failed on all 4 answers.*--resume"):
            grpo(out=out)
    assert last_whole(out) == out / "checkpoint-3"  # saved for this, since save_every is 2
    assert "Stopped at step 3: the judge failed" in (out / "report.md").read_text()
    assert grpo("--resume", out=out) == 0
    steps = [one["step"] for one in state_of(out / "checkpoint-4")["log_history"] if "reward" in one]
    assert steps == [1, 2, 3, 4]


def test_a_full_disk_is_a_message_and_the_run_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    out = tmp_path / "run"
    save = torch.save

    def full(obj: Any, file: Any, *args: Any, **options: Any) -> None:
        if "checkpoint-4" in str(file):
            raise OSError(errno.ENOSPC, "No space left on device")
        save(obj, file, *args, **options)

    with monkeypatch.context() as disk:
        disk.setattr(torch, "save", full)
        with pytest.raises(ConfigError, match=r"the disk is full: make room.*--resume"):
            grpo(out=out)
    assert last_whole(out) == out / "checkpoint-2"
    assert "Cut short." in (out / "report.md").read_text()
    assert grpo("--resume", out=out) == 0


def test_the_gold_judge_watches_and_its_fall_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import training.grpo.command
    import training.grpo.trainer
    from training.grpo.guards import GOLD, PROXY, Alarm, series

    monkeypatch.setattr("training.judge.rules.SimilarityJudge", lambda encoder: LexicalJudge())
    monkeypatch.setattr("retrieval.encoder.load_encoder", WordEncoder)
    monkeypatch.setattr(
        training.grpo.trainer, "gamed", lambda log, recipe: Alarm(2, "gold", "x") if len(log) > 2 else None
    )
    out = tmp_path / "run"
    assert grpo(out=out, gold_judge="similarity", gold_every=2, save_every=50) == 1
    log = state_of(out / "checkpoint-2")["log_history"]
    assert [step for step, _ in series(log, GOLD)] == [step for step, _ in series(log, PROXY)] == [0, 2]
    assert series(log, GOLD) == series(log, PROXY)  # the same judge here
    assert "clinalign: x" in capsys.readouterr().err


def test_no_text_is_written_unless_asked_for(finished: Path, tmp_path: Path) -> None:
    questions = [json.loads(line)["prompt"][0]["content"] for line in (RECIPE.parent / "tiny.jsonl").open()]

    def holds_text(folder: Path) -> bool:
        files = [path for path in folder.rglob("*") if path.is_file() and "tokenizer" not in path.name]
        return any(question.encode() in path.read_bytes() for path in files for question in questions)

    assert not holds_text(finished)
    assert grpo(out=tmp_path / "run", steps=1, log_text=True) == 0
    assert holds_text(tmp_path / "run" / "completions")


def test_lora_trains_the_adapter_alone(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert grpo(out=out, lora_rank=2, steps=2) == 0
    assert (out / "checkpoint-2" / "adapter_model.safetensors").exists()
    assert not (out / "checkpoint-2" / "model.safetensors").exists()
    assert last_whole(out) == out / "checkpoint-2"
