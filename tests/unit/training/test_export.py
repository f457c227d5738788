"""Exports of real, tiny runs: whole or not there, and the model says what the trained one said."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import training.grpo.export
from agent import NOTICE
from principles.errors import ConfigError
from tests import needs
from tests.unit.training.tiny_run import command, grpo

needs.require("training")


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lora") / "run"
    assert grpo(out=out, lora_rank=2, steps=2) == 0
    _disturb(out / "checkpoint-2" / "adapter_model.safetensors")
    return out


def _disturb(adapter: Path) -> None:
    """Two steps change an adapter by too little to tell whether it was merged."""
    import torch
    from safetensors.torch import load_file, save_file

    torch.manual_seed(0)
    tensors = load_file(adapter)
    save_file({name: torch.randn_like(one) for name, one in tensors.items()}, adapter, metadata={"format": "pt"})


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


def test_lora_is_merged(adapted: Path, tmp_path: Path) -> None:
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM

    target = tmp_path / "mine"
    assert export(adapted, target) == 0
    assert not (target / "adapter_config.json").exists()
    base = AutoModelForCausalLM.from_pretrained(adapted / "untrained", dtype=torch.float32)
    trained = AutoPeftModelForCausalLM.from_pretrained(adapted / "checkpoint-2", dtype=torch.float32)
    merged = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    change = (logits(trained) - logits(base)).abs().max()
    assert (logits(merged) - logits(trained)).abs().max() < 0.05 * change  # bfloat16 against float32


def test_the_card(finished: Path, tmp_path: Path) -> None:
    assert export(finished / "checkpoint-2", tmp_path / "mine") == 0
    card = (tmp_path / "mine" / "README.md").read_text()
    data = json.loads((finished / "run.json").read_text())["data"]
    for part in (NOTICE, "step 2", data["sha256"], "learning_rate: 0.01", "| reward in training | lexical |", "Limits"):
        assert part in card


def test_the_card_names_the_judge_that_judged() -> None:
    asked = {"judge": "logprob", "judge_model": "qwen2.5-coder-1.5b", "judge_path": None}
    assert training.grpo.export._judge(asked, "judge") == "logprob qwen2.5-coder-1.5b"
    assert training.grpo.export._judge(asked | {"judge": "local", "judge_path": "judges/mine"}, "judge") == "local mine"


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
