"""A GGUF adapter, tensor by tensor: what llama.cpp adds to each weight is what PEFT merges into it."""

from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError
from tests import needs
from tests.tiny_lora import adapted, tiny_base

needs.require("training")

from gguf import GGUFReader  # noqa: E402

from training.grpo.gguf_adapter import write_gguf  # noqa: E402

LAYERS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_what_llama_cpp_adds_is_what_is_merged(tmp_path: Path, kind: str) -> None:
    import torch

    model = adapted(tiny_base(tmp_path / kind, kind))
    write_gguf(model, tmp_path / "adapter.gguf")
    read = GGUFReader(tmp_path / "adapter.gguf")
    said = {key: field.contents() for key, field in read.fields.items()}
    assert said["general.type"] == "adapter"
    assert said["adapter.type"] == "lora"
    assert said["general.architecture"] == kind
    assert said[f"{kind}.block_count"] == 2
    alpha = said["adapter.lora.alpha"]
    assert alpha == 8  # twice the rank
    tensors = {one.name: one for one in read.tensors}
    base = {name.removeprefix("base_model.model."): one for name, one in model.state_dict().items()}
    before = {name.replace(".base_layer", ""): one.clone() for name, one in base.items() if "base_layer" in name}
    merged = model.merge_and_unload().state_dict()
    changed = set()
    for block in range(2):
        for short, full in LAYERS.items():
            a, b = (tensors.pop(f"blk.{block}.{short}.weight.lora_{half}") for half in "ab")
            weight = f"model.layers.{block}.{full}.weight"
            out, into = before[weight].shape
            assert list(a.shape) == [into, 4]  # innermost first
            assert list(b.shape) == [4, out]
            # As llama.cpp does: the rank is what B has innermost.
            added = alpha / int(b.shape[0]) * (torch.tensor(b.data) @ torch.tensor(a.data))
            assert added.abs().max() > 1e-3
            torch.testing.assert_close(before[weight] + added, merged[weight], rtol=0, atol=1e-6)
            changed.add(weight)
    assert not tensors
    for name, weight in before.items():
        if name not in changed:
            assert torch.equal(weight, merged[name])


def test_what_a_gguf_adapter_cannot_hold_is_refused(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, LlamaConfig

    base = tiny_base(tmp_path / "base")

    def refused(model: Any, why: str) -> None:
        with pytest.raises(ConfigError, match=why):
            write_gguf(model, tmp_path / "adapter.gguf")
        assert not (tmp_path / "adapter.gguf").exists()

    def with_(**config: Any) -> Any:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        return get_peft_model(model, LoraConfig(r=2, task_type="CAUSAL_LM", **config))

    refused(with_(target_modules=["q_proj"], modules_to_save=["lm_head"]), "plain LoRA")
    refused(with_(target_modules=["q_proj", "embed_tokens"]), "plain LoRA")
    refused(with_(target_modules=["q_proj"], use_dora=True), "plain LoRA")
    refused(with_(target_modules=["q_proj", "k_proj"], alpha_pattern={"k_proj": 3}), "different alphas")
    sizes = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    loader: Any = AutoModelForCausalLM
    llama = loader.from_config(LlamaConfig(**sizes, num_attention_heads=2))
    refused(get_peft_model(llama, LoraConfig(r=2, target_modules=["q_proj"])), "qwen3_moe only, not for llama")
