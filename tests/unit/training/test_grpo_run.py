"""Real runs of seconds with TRL on a random model: saving, going on, and everything that can cut a run."""

import errno
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError, ModelError
from principles.grader import Turns
from principles.schema import Criterion, Label, Verdict
from tests import needs
from tests.fakes import WordEncoder
from tests.unit.training.tiny_run import DATA, RECIPE, SHORT, TINY, grpo
from training.grpo.log import GOLD, GOLD_OF, PROXY
from training.grpo.recipe import load_recipe
from training.judge import batch as grading
from training.judge.rules import LexicalJudge
from training.tuning.checkpoints import checkpoints, last_whole, state_of
from training.tuning.log import series

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
    assert (described["data"]["train"], described["data"]["held_out"]) == (4, 2)
    log = state_of(finished / "checkpoint-4")["log_history"]
    assert all(
        {"reward", "reward/none", "reward/coverage", "met/wanted", "kl"} <= set(one) for one in log if "loss" in one
    )


def steps_of(checkpoint: Path) -> list[dict[str, Any]]:
    return [one for one in state_of(checkpoint)["log_history"] if "reward" in one]


def weights(folder: Path, name: str = "model.safetensors") -> bytes:
    return (folder / name).read_bytes()


def test_it_trains(finished: Path) -> None:
    """What the tests below compare would be the same in any two runs that learn nothing."""
    steps = steps_of(finished / "checkpoint-4")
    assert all(one["reward/spread"] > 0.01 for one in steps)
    assert all(one["grad_norm"] > 0.01 for one in steps)
    folders = [finished / name for name in ("untrained", "checkpoint-2", "checkpoint-4")]
    assert len({weights(folder) for folder in folders}) == 3


def test_the_same_recipe_trains_the_same(finished: Path, tmp_path: Path) -> None:
    assert grpo(out=tmp_path / "again", save_every=4) == 0
    assert weights(finished / "checkpoint-4") == weights(tmp_path / "again" / "checkpoint-4")
    rewards = [[one["reward"] for one in steps_of(out / "checkpoint-4")] for out in (finished, tmp_path / "again")]
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
    assert [one["step"] for one in steps_of(run / "checkpoint-6")] == [1, 2, 3, 4, 5, 6]


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
    assert weights(finished / "checkpoint-4") == weights(run / "checkpoint-4")


def test_a_run_cut_between_two_micro_batches_ends_where_an_uncut_one_does(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl.trainer.grpo_trainer import GRPOTrainer

    train = GRPOTrainer.training_step
    batches = 0

    def cut(self: Any, *args: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches == 6:  # the second half of the third step
            raise KeyboardInterrupt
        return train(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(GRPOTrainer, "training_step", cut)
        with pytest.raises(KeyboardInterrupt):
            grpo(out=tmp_path / "run")
    assert grpo("--resume", out=tmp_path / "run") == 0
    assert weights(finished / "checkpoint-4") == weights(tmp_path / "run" / "checkpoint-4")


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
    """Fails from its fourth step's answers on."""

    answers = 0

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        self.answers += 1
        if self.answers > 24:
            raise ModelError("the endpoint is gone")
        return super().verdicts(turns, answer, criteria)


def test_a_judge_that_dies_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    monkeypatch.setattr(grading, "PAUSES_S", ())
    with monkeypatch.context() as dying:
        dying.setattr("training.judge.rules.LexicalJudge", DyingJudge)
        with pytest.raises(ModelError, match=r"failed on all 8 answers.*--resume"):
            grpo(out=out)
    assert last_whole(out) == out / "checkpoint-3"  # saved for this, since save_every is 2
    assert "Stopped at step 3: the judge failed" in (out / "report.md").read_text()
    assert grpo("--resume", out=out) == 0
    assert [one["step"] for one in steps_of(out / "checkpoint-4")] == [1, 2, 3, 4]


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


class Gold(LexicalJudge):
    """A gold judge that likes each question by another measure: as `moods` say, one for each look at them all."""

    def __init__(self, moods: Sequence[float | None], held_out: int) -> None:
        self._moods, self._held_out, self._asked = moods, held_out, 0

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        mood = self._moods[self._asked // self._held_out]
        self._asked += 1
        if mood is None:
            return [Verdict(criterion_id=one.id, label=Label.UNKNOWN) for one in criteria]
        sure = mood + 0.01 * (self._asked % self._held_out)
        return [Verdict(criterion_id=one.id, label=Label.MET, probability=sure) for one in criteria]


@pytest.fixture
def gold_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`grpo` with eight held-out questions, looked at every step by a gold judge of these moods."""
    monkeypatch.setattr("retrieval.encoder.load_encoder", WordEncoder)

    def run(*moods: float | None, resume: bool = False, **fields: object) -> int:
        monkeypatch.setattr("training.judge.rules.SimilarityJudge", lambda encoder: Gold(moods, 8))
        given = {"gold_judge": "similarity", "held_out": 8, "gold_every": 1, "save_every": 50, "gold_drop": 0.05}
        given |= {"data": TINY}  # the short data have fewer questions than are held out
        return grpo(*(["--resume"] if resume else []), out=tmp_path / "run", **(given | fields))

    return run


def test_a_fall_of_gold_ends_the_run_which_can_go_on(
    gold_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert gold_run(0.7, 0.7, 0.2) == 1
    log = state_of(out / "checkpoint-2")["log_history"]
    assert [step for step, _ in series(log, GOLD)] == [step for step, _ in series(log, PROXY)] == [0, 1, 2]
    assert all(sum(name.startswith(GOLD_OF) for name in look) == 8 for look in log if GOLD in look)
    told = capsys.readouterr().err
    assert "clinalign: stopped: on 8 held-out questions the gold judge's mean score fell from 0.7" in told
    assert "kept in" in told
    assert "checkpoint-2" in told
    assert "Stopped: on 8 held-out questions" in (out / "report.md").read_text()
    assert gold_run(0.2, 0.2, resume=True, gold_drop=0.9) == 0
    steps = [step for step, _ in series(state_of(out / "checkpoint-4")["log_history"], GOLD)]
    assert steps == [0, 1, 2, 3, 4]  # a resumed run does not look again where it was


def test_a_gold_judge_that_gives_no_scores_is_said_at_once_and_ends_the_run_which_can_go_on(
    gold_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert gold_run(0.7, None, None, None) == 1
    told = capsys.readouterr().err
    for step in (1, 2, 3):
        assert f"alarm at step {step}: the gold judge gave no score for 8 of 8 held-out answers" in told
    assert "clinalign: stopped: the gold judge failed at 3 evaluations in a row (steps 1 to 3)" in told
    assert last_whole(out) == out / "checkpoint-3"
    assert gold_run(0.7, resume=True) == 0
    assert last_whole(out) == out / "checkpoint-4"


def test_answers_that_get_short_end_the_run_at_that_step(tmp_path: Path) -> None:
    from transformers import TrainerCallback

    from training.grpo.command import prepare
    from training.grpo.trainer import Guards, grpo_trainer

    changes = SHORT | {"steps": "30", "questions_per_step": "4", "device_batch": "8", "save_every": "50"}
    recipe = load_recipe(RECIPE, changes | {"least_length": "0.7"})
    tokenizer, corpus = prepare(recipe, RECIPE)

    def reward(completions: Any, **columns: Any) -> list[float]:
        return [0.5] * len(completions)

    class Brief(TrainerCallback):
        """From the sixth step on the policy may say half as much."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step >= 5:
                trainer.generation_config.max_new_tokens = 4

    trainer = grpo_trainer(recipe, corpus, tokenizer, reward, tmp_path)
    trainer.add_callback(Brief())
    trainer.train()
    guards = next(one for one in trainer.callback_handler.callbacks if isinstance(one, Guards))
    assert guards.stopped is not None
    assert re.search(r"answers are 0\.[45]\d times as long .* under least_length \(0\.7\)", guards.stopped.message)
    assert trainer.state.global_step == guards.stopped.step == 10
    assert last_whole(tmp_path) == tmp_path / "checkpoint-10"


def test_no_text_is_written_unless_asked_for(finished: Path, tmp_path: Path) -> None:
    questions = [json.loads(line)["prompt"][0]["content"] for line in DATA.open()]

    def holds_text(folder: Path) -> bool:
        files = [path for path in folder.rglob("*") if path.is_file() and "tokenizer" not in path.name]
        return any(question.encode() in path.read_bytes() for path in files for question in questions)

    assert not holds_text(finished)
    assert grpo(out=tmp_path / "run", steps=1, log_text=True) == 0
    assert holds_text(tmp_path / "run" / "completions")


def test_lora_trains_the_adapter_alone_and_goes_on_to_the_byte(tmp_path: Path) -> None:
    out, adapter = tmp_path / "run", "adapter_model.safetensors"
    assert grpo(out=out, lora_rank=2) == 0
    assert not (out / "checkpoint-4" / "model.safetensors").exists()
    assert last_whole(out) == out / "checkpoint-4"
    uncut = weights(out / "checkpoint-4", adapter)
    assert uncut != weights(out / "checkpoint-2", adapter)
    _no_state(out / "checkpoint-4")
    assert grpo("--resume", out=out, lora_rank=2) == 0
    assert weights(out / "checkpoint-4", adapter) == uncut
