"""Training on preferences with a random model: what is learnt, once computed references, and going on."""

import json
import shutil
from pathlib import Path

import pytest

from principles.errors import ConfigError
from tests import needs
from tests.unit.training.tiny_run import command
from training.tuning.checkpoints import state_of

needs.require("training")

import training.dpo.command  # noqa: E402
import training.grpo.export  # noqa: E402

RECIPE = Path(training.dpo.command.__file__).parent / "recipes" / "tiny_cpu.yaml"


def dpo(*arguments: object, **fields: object) -> int:
    import torch

    torch.set_num_threads(1)
    given = {"epochs": 2, "eval_every": 5} | fields
    options = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", value)]
    return command(training.dpo.command, "--recipe", RECIPE, *options, *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dpo") / "run"
    assert dpo("--out", out) == 0
    return out


def test_it_learns_which_is_better(finished: Path) -> None:
    log = state_of(finished / "checkpoint-10")["log_history"]
    losses = [one["loss"] for one in log if "loss" in one]
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)  # the reference is the policy itself before the first step
    assert losses[-1] < 0.5
    held_out = [one["eval_rewards/accuracies"] for one in log if "eval_loss" in one]
    assert (held_out[0], held_out[-1]) == (0.0, 1.0)
    assert "| held-out pairs told apart |" in (finished / "report.md").read_text()


def test_going_on_ends_in_the_same_weights(finished: Path, tmp_path: Path) -> None:
    out = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(out / "checkpoint-10")
    assert dpo("--out", out, "--resume") == 0
    first, second = (folder / "checkpoint-10" / "model.safetensors" for folder in (out, finished))
    assert first.read_bytes() == second.read_bytes()


def test_an_adapter_is_begun_with_and_exported(tmp_path: Path) -> None:
    assert dpo("--out", tmp_path / "run", lora_rank=4, learning_rate=0.02) == 0
    assert command(training.grpo.export, tmp_path / "run", tmp_path / "adapter", "--as", "adapter") == 0
    assert "trained with DPO on preferred answers" in (tmp_path / "adapter" / "README.md").read_text()
    assert dpo("--out", tmp_path / "more", lora_rank=4, init_adapter=tmp_path / "adapter", learning_rate=0.02) == 0
    log = state_of(tmp_path / "more" / "checkpoint-10")["log_history"]
    assert next(one["loss"] for one in log if "loss" in one) == pytest.approx(0.6931, abs=1e-3)


def test_bad_pairs_are_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"question": "Is it?", "chosen": "Yes."}) + "\n")
    with pytest.raises(ConfigError, match="only one answer of a pair"):
        dpo("--out", tmp_path / "run", data=path)
    path.write_text(json.dumps({"question": "Is it?", "answer": "Yes."}) + "\n")
    with pytest.raises(ConfigError, match="it has no pair"):
        dpo("--out", tmp_path / "run", data=path)
    path.write_text(json.dumps({"question": "Is it?", "chosen": "Yes.", "rejected": "No.", "hard": True}) + "\n")
    with pytest.raises(ConfigError, match="HealthBench Hard"):
        dpo("--out", tmp_path / "run", data=path)
