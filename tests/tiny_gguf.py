"""A tiny Qwen as the GGUF file that llama.cpp runs, so that its server can be tested in seconds without a download."""

from pathlib import Path

from training.grpo.gguf_adapter import ARCHITECTURES, llama_names


def write_tiny_gguf(folder: Path, path: Path) -> Path:
    """Write the Hugging Face model in `folder` to `path`, float32. Qwen2 and Qwen3, with a byte-level tokenizer."""
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = model.config
    architecture = ARCHITECTURES[config.model_type]
    weights = dict(model.state_dict())
    if config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    _add_tokenizer(writer, AutoTokenizer.from_pretrained(folder))
    stems = {name: name.rsplit(".", 1)[0] for name in weights}
    names = llama_names(architecture, config.num_hidden_layers, [f"{stem}.weight" for stem in stems.values()])
    for name, tensor in weights.items():
        kind = name.rsplit(".", 1)[1]
        written = names[f"{stems[name]}.weight"].removesuffix("weight") + kind
        writer.add_tensor(written, tensor.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: "gguf.GGUFWriter", tokenizer: object) -> None:  # noqa: F821
    import json

    import gguf

    core = json.loads(tokenizer.backend_tokenizer.to_str())  # type: ignore[attr-defined]
    special = {one["content"] for one in core["added_tokens"]}
    vocabulary = core["model"]["vocab"] | {one["content"]: one["id"] for one in core["added_tokens"]}
    tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if one in special else gguf.TokenType.NORMAL for one in tokens])
    merges = core["model"]["merges"]
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    writer.add_eos_token_id(tokenizer.eos_token_id)  # type: ignore[attr-defined]
    writer.add_pad_token_id(tokenizer.pad_token_id)  # type: ignore[attr-defined]
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)  # type: ignore[attr-defined]
