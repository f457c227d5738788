"""The model that is trained, and its tokenizer.

`tiny` is a random Qwen3 (hidden 64, 2 layers). Its tokenizer is made on the spot from the recipe's own texts,
so that it needs no download: byte-level BPE of 512 tokens with the chat form of Qwen. A profile of the agent
is the bundled GGUF, turned once into a Hugging Face folder in the cache. Else a folder or a hub name.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from agent.llm.profiles import PROFILES, Profile
from principles.errors import ConfigError, WeightsError
from principles.files import cache_dir

TINY = "tiny"
TINY_VOCABULARY = 512
TINY_CONTEXT = 4096
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_config(vocabulary: int = TINY_VOCABULARY) -> Any:
    """The tiny Qwen3's transformers configuration."""
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=TINY_CONTEXT,
        tie_word_embeddings=True,
    )


def tiny_tokenizer(texts: Iterable[str]) -> Any:
    """Byte-level BPE over `texts`, the same for the same texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=TINY_VOCABULARY, special_tokens=marks, initial_alphabet=alphabet, show_progress=False
        ),
    )
    named = {"eos_token": marks[2], "pad_token": marks[0]}
    make: Any = PreTrainedTokenizerFast
    fast = make(tokenizer_object=core, **named)
    fast.chat_template = CHAT
    return fast


def load_tokenizer(model: str, texts: Iterable[str]) -> Any:
    """The tokenizer of a recipe's `model`, padding on the left. Raises WeightsError."""
    if model == TINY:
        return tiny_tokenizer(texts)
    from transformers import AutoTokenizer

    source = model_source(model)
    try:
        return AutoTokenizer.from_pretrained(source, padding_side="left")
    except (OSError, ValueError) as error:
        raise _unloadable(model, error) from None


def base_model(model: str, seed: int, tokenizer: Any, out: Path) -> str:
    """What `from_pretrained` takes for the untrained policy. The tiny one is made in `out`, by the recipe's seed.

    TRL loads it twice, as policy and as the reference for the divergence; a resumed run must find the same.
    """
    if model != TINY:
        return model_source(model)
    from transformers import AutoModelForCausalLM, set_seed

    folder = out / "untrained"
    with FileLock(out / ".untrained.lock"):  # several processes of one run
        if not folder.exists():
            set_seed(seed)
            config = tiny_config(len(tokenizer))
            config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
            half = Path(tempfile.mkdtemp(dir=out, prefix=".untrained."))
            maker: Any = AutoModelForCausalLM
            maker.from_config(config).save_pretrained(half)
            tokenizer.save_pretrained(half)
            os.replace(half, folder)
    return str(folder)


def lora_config(rank: int) -> Any:
    """LoRA on all linear layers, scaled by two, without dropout (a rollout must not differ from its update)."""
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def adapted(base: str, adapter: Path, rank: int | None, dtype: str) -> Any:
    """The base model with a trained LoRA on it, to be trained further. Raises ConfigError."""
    from peft import PeftConfig, PeftModel
    from transformers import AutoModelForCausalLM

    try:
        config = PeftConfig.from_pretrained(str(adapter))
        if not adapter.is_dir() or getattr(config, "r", None) != rank:
            raise ConfigError(
                f"init_adapter: {adapter} is of rank {getattr(config, 'r', None)}, and lora_rank is {rank}: make them "
                "the same"
            )
        model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
        return PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ConfigError(
            f"init_adapter: {adapter} cannot be put on the model ({type(error).__name__}): give the folder of a LoRA "
            "that was trained on it, as `python -m training export RUN TARGET --as adapter` makes it"
        ) from None


def model_source(model: str) -> str:
    """What `from_pretrained` takes for a recipe's `model`: a profile becomes its folder."""
    return str(profile_folder(PROFILES[model])) if model in PROFILES else model


def profile_folder(profile: Profile) -> Path:
    """The profile's weights as a Hugging Face folder, made once (a minute, and three times the file's size)."""
    folder = cache_dir("policies") / f"{profile.name}-{profile.sha256[:8]}"
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            _convert(profile, folder)
    return folder


def _convert(profile: Profile, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from agent.llm.progress import rich_progress
    from agent.llm.weights import ensure_weights

    with rich_progress() as report:
        weights = ensure_weights(profile, report)
    half = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        # Without dequantize=True the weights cannot be saved.
        model = AutoModelForCausalLM.from_pretrained(
            str(weights.parent),
            gguf_file=weights.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
        )
        model.save_pretrained(half)
        AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name).save_pretrained(half)
        os.replace(half, folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _unloadable(model: str, error: Exception) -> WeightsError:
    return WeightsError(
        f"the model {model!r} cannot be loaded ({type(error).__name__}): give tiny, a profile "
        f"({', '.join(PROFILES)}), the folder of a Hugging Face model, or a name on a hub that can be reached"
    )
