"""The half of the local judge that reads: a cross-encoder over criterion and evidence.

It starts from the bundled MiniLM, which embeds sentences, and learns from verdicts whether a passage meets a
criterion. sentence-transformers trains and runs it.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pair = tuple[str, str]
"""Criterion and evidence."""

MAX_TOKENS = 176
BATCH = 32
LEARNING_RATE = 1.2e-4
WARMUP = 0.06
# GPT-4.1's verdicts are wrong about as often as physicians disagree: no verdict is learnt as certain.
CERTAINTY = 0.96


def fine_tuned(pairs: Sequence[Pair], met: npt.NDArray[np.bool_], folder: Path, epochs: float, seed: int = 0) -> Any:
    """A CrossEncoder trained on (n,) pairs and verdicts; unfinished training in `folder` is resumed."""
    from datasets import Dataset
    from sentence_transformers.cross_encoder import (
        CrossEncoder,
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
    from transformers.trainer_utils import get_last_checkpoint

    from retrieval.encoder import bundled_folder

    model = CrossEncoder(
        str(bundled_folder()),
        num_labels=1,
        max_length=MAX_TOKENS,
        device="cpu",
        model_kwargs={"attn_implementation": "eager"},  # with dropout the fused one takes half as long again on a CPU
    )
    labels = np.where(met, (1 + CERTAINTY) / 2, (1 - CERTAINTY) / 2)
    data = Dataset.from_dict(
        {"criterion": [a for a, _ in pairs], "evidence": [b for _, b in pairs], "label": labels.tolist()}
    )
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        warmup_steps=WARMUP,
        weight_decay=0.01,
        lr_scheduler_type="linear",
        bf16=fast_bf16(),
        use_cpu=True,
        seed=seed,
        save_strategy="steps",
        save_steps=100,
        save_total_limit=1,
        logging_steps=50,
        report_to="none",
    )
    trainer = CrossEncoderTrainer(model=model, args=arguments, train_dataset=data, loss=BinaryCrossEntropyLoss(model))
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None  # type: ignore[no-untyped-call]
    trainer.train(resume_from_checkpoint=last)
    return model


def read(model: Any, pairs: Sequence[Pair]) -> npt.NDArray[np.float32]:
    """The logit of "met" for each pair: (n,)."""
    import torch

    with half_precision():
        logits = model.predict(
            list(pairs), batch_size=2 * BATCH, activation_fn=torch.nn.Identity(), show_progress_bar=False
        )
    return np.asarray(logits, dtype=np.float32).reshape(-1)


def half_precision() -> AbstractContextManager[Any]:
    """bfloat16 where that is quicker: within 0.01 of the same logits."""
    import torch

    return torch.autocast("cpu", torch.bfloat16, enabled=fast_bf16())


def fast_bf16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    import torch

    has = torch.cpu.get_capabilities()
    return bool(has.get("amx_bf16") or has.get("avx512_bf16"))
