"""Tiny Qwens on disk and LoRAs that were really trained on them, in a second or two."""

from pathlib import Path
from typing import Any

from training.tuning.policy import TINY_CONTEXT, tiny_config, tiny_tokenizer

TEXTS = ("Rest, drink enough, and see a doctor if the fever stays.", "Take it with food, twice a day.")


def tiny_base(folder: Path, kind: str = "qwen3") -> Path:
    """A random `kind` (qwen2 or qwen3) of two layers, and its tokenizer, in `folder`."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(TEXTS)
    config = tiny_config(len(tokenizer))
    if kind == "qwen2":
        shared = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        sizes = {name: getattr(config, name) for name in (*shared, "num_key_value_heads", "tie_word_embeddings")}
        config = Qwen2Config(**sizes, max_position_embeddings=TINY_CONTEXT)
    config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model: Any = AutoModelForCausalLM
    model = model.from_config(config)
    for name, parameter in model.named_parameters():  # they begin as zero and one: a mistake with them would not show
        if name.endswith(("bias", "norm.weight")):
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def train(model: Any, tokenizer: Any, learning_rate: float, steps: int = 20) -> Any:
    """`model`, a PEFT one, after some steps towards the texts."""
    import torch

    torch.manual_seed(0)
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=learning_rate)
    for step in range(steps):
        ids = tokenizer(TEXTS[step % len(TEXTS)], return_tensors="pt")["input_ids"]
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def adapted(base: Path, rank: int = 4, learning_rate: float = 1e-2) -> Any:
    """The PEFT model of a LoRA that was trained on the model in `base`, in float32."""
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from training.tuning.policy import lora_config

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return train(get_peft_model(model, lora_config(rank)), AutoTokenizer.from_pretrained(base), learning_rate)
