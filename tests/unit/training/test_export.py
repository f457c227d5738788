"""Exports of real, tiny runs: whole or not there, and the model says what the trained one said."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import training.grpo.card
import training.grpo.export
from agent import NOTICE
from principles.errors import ConfigError
from tests import needs
from tests.tiny_lora import train
from tests.unit.training.tiny_run import command, grpo
from training.grpo.forms import BFLOAT16, MOST_LOST, Exported

needs.require("training")


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA run whose adapter changes nothing yet."""
    out = tmp_path_factory.mktemp("lora") / "run"
    assert grpo(out=out, lora_rank=2, steps=1, save_every=1, learning_rate=1e-12) == 0
    return out


@pytest.fixture(scope="module")
def well_taught(untaught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return taught(untaught, tmp_path_factory.mktemp("well") / "run", 1e-2)


@pytest.fixture(scope="module")
def little_taught(untaught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return taught(untaught, tmp_path_factory.mktemp("little") / "run", 2e-5)


def taught(run: Path, to: Path, learning_rate: float) -> Path:
    """A copy of the run with its adapter trained for twenty steps more."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    shutil.copytree(run, to)
    checkpoint = to / "checkpoint-1"
    model = AutoPeftModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, is_trainable=True)
    train(model, AutoTokenizer.from_pretrained(checkpoint), learning_rate, steps=20).save_pretrained(checkpoint)
    return to


def export(*arguments: object) -> int:
    return command(training.grpo.export, *arguments)


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(torch.tensor([[5, 6, 7, 8]])).logits.float()


def test_a_trained_checkpoint_becomes_a_folder(finished: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target = tmp_path / "models" / "mine"
    assert export(finished, target) == 0
    assert [path.name for path in target.parent.iterdir()] == ["mine"]
    before = AutoModelForCausalLM.from_pretrained(finished / "checkpoint-4", dtype=torch.bfloat16)
    after = AutoModelForCausalLM.from_pretrained(target, dtype=torch.bfloat16)
    assert torch.equal(logits(before), logits(after))
    asked = AutoTokenizer.from_pretrained(target).apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False
    )
    assert asked == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def lost_of(run: Path, exported: Any) -> float:
    """The share of what the run's adapter changes that `exported` does not do, both in float32."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(run / "untrained", dtype=torch.float32)
    trained = AutoPeftModelForCausalLM.from_pretrained(run / "checkpoint-1", dtype=torch.float32)
    return float((logits(exported) - logits(trained)).norm() / (logits(trained) - logits(base)).norm())


def load(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def test_lora_is_merged(well_taught: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    assert export(well_taught, target) == 0
    assert not (target / "adapter_config.json").exists()
    assert json.loads((target / "config.json").read_text())["dtype"] == "bfloat16"
    assert (target / "adapter.gguf").read_bytes()[:4] == b"GGUF"
    assert 0 < lost_of(well_taught, load(target)) < MOST_LOST
    card = (target / "README.md").read_text()
    assert "A LoRA of rank 2, merged into weights that are rounded to bfloat16" in card
    assert "adapter.gguf" in card


def test_what_bfloat16_would_lose_is_kept_in_float32(
    little_taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(little_taught, tmp_path / "whole") == 0
    told = capsys.readouterr().err
    assert export(little_taught, tmp_path / "rounded", "--as", "bfloat16") == 0
    kept = {name: json.loads((tmp_path / name / "config.json").read_text())["dtype"] for name in ("whole", "rounded")}
    assert kept == {"whole": "float32", "rounded": "bfloat16"}
    assert lost_of(little_taught, load(tmp_path / "whole")) < 1e-2
    assert lost_of(little_taught, load(tmp_path / "rounded")) > MOST_LOST
    assert "as bfloat16" in told
    assert "as float32" in told
    assert "kept in float32" in (tmp_path / "whole" / "README.md").read_text()
    assert "In bfloat16" in (tmp_path / "whole" / "README.md").read_text()
    assert "That is more than 10%" in (tmp_path / "rounded" / "README.md").read_text()


def test_an_adapter_is_exported_unmerged(little_taught: Path, tmp_path: Path) -> None:
    import torch
    from peft import AutoPeftModelForCausalLM

    target = tmp_path / "mine"
    assert export(little_taught, target, "--as", "adapter") == 0
    assert not (target / "model.safetensors").exists()
    assert lost_of(little_taught, AutoPeftModelForCausalLM.from_pretrained(target, dtype=torch.float32)) < 1e-6
    assert "not merged" in (target / "README.md").read_text()


def test_without_an_adapter_there_is_none_to_export(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no adapter"):
        export(finished, tmp_path / "mine", "--as", "adapter")
    assert not (tmp_path / "mine").exists()


def test_an_adapter_that_is_not_finite_is_not_exported(little_taught: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    run = shutil.copytree(little_taught, tmp_path / "run")
    weights = run / "checkpoint-1" / "adapter_model.safetensors"
    tensors = load_file(weights)
    next(iter(tensors.values()))[:] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    for form in ("auto", "float32", "adapter"):
        with pytest.raises(ConfigError, match="not finite"):
            export(run, tmp_path / "mine", "--as", form)
    assert not (tmp_path / "mine").exists()


def test_the_card(finished: Path, tmp_path: Path) -> None:
    assert export(finished / "checkpoint-2", tmp_path / "mine") == 0
    card = (tmp_path / "mine" / "README.md").read_text()
    data = json.loads((finished / "run.json").read_text())["data"]
    for part in (NOTICE, "step 2", data["sha256"], "learning_rate: 0.01", "| reward in training | lexical |", "Limits"):
        assert part in card


def test_the_card_names_the_judge_that_judged() -> None:
    asked = {"judge": "logprob", "judge_model": "qwen2.5-coder-1.5b", "judge_path": None}
    assert training.grpo.card._judge(asked, "judge") == "logprob qwen2.5-coder-1.5b"
    assert training.grpo.card._judge(asked | {"judge": "local", "judge_path": "judges/mine"}, "judge") == "local mine"


def test_a_target_that_exists_is_refused(finished: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        export(finished, target)
    assert list(target.iterdir()) == []


def test_a_folder_without_a_whole_checkpoint(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no whole checkpoint"):
        export(tmp_path, tmp_path / "mine")
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "checkpoint-4" / "trainer_state.json").unlink()
    with pytest.raises(ConfigError, match="not wholly written"):
        export(run / "checkpoint-4", tmp_path / "mine")
    (run / "run.json").unlink()
    with pytest.raises(ConfigError, match=r"run.json is missing"):
        export(run, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_full_disk_leaves_nothing(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(training.grpo.export, "_sync", full)
    with pytest.raises(ConfigError, match="the disk is full"):
        export(finished, tmp_path / "there" / "mine")
    assert list((tmp_path / "there").iterdir()) == []


def test_ctrl_c_leaves_nothing(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from principles.interrupt import at_exit

    before, left = list(at_exit), []

    def interrupted(folder: Path) -> None:
        for last_act in at_exit[len(before) :]:  # as a process does that ends at once
            last_act()
        left.extend((tmp_path / "there").iterdir())
        raise ConfigError("interrupted")

    monkeypatch.setattr(training.grpo.export, "_sync", interrupted)
    with pytest.raises(ConfigError, match="interrupted"):
        export(finished, tmp_path / "there" / "mine")
    assert left == []
    assert at_exit == before


@pytest.mark.parametrize(
    ("model", "said"),
    [("qwen2.5-coder-0.5b", "--model qwen2.5-coder-0.5b --adapter mine/adapter.gguf"), ("tiny", "no profile")],
)
def test_how_an_adapter_is_run_is_said(model: str, said: str) -> None:
    exported = Exported(BFLOAT16, 8, "base", {BFLOAT16: 0.05})
    told = "\n".join(training.grpo.export._told(Path("checkpoint-4"), Path("mine"), exported, model))
    assert "5.0% as bfloat16" in told
    assert said in told


def test_weights_that_are_not_finite_are_not_exported(finished: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    run = shutil.copytree(finished, tmp_path / "run")
    weights = run / "checkpoint-4" / "model.safetensors"
    tensors = load_file(weights)
    tensors["model.norm.weight"][:] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(ConfigError, match="not finite"):
        export(run, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
