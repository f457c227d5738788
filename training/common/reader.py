"""Cross-encoders that read two texts: whether a passage meets a criterion, whether a sentence gets a fact wrong.

They start from the bundled MiniLM, which embeds sentences, and learn from pairs that are labelled yes or no.
sentence-transformers trains and runs them.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pair = tuple[str, str]
"""What is asked or said, and the text beside which it is read."""

MAX_TOKENS = 176
BATCH = 32
LEARNING_RATE = 1.2e-4
WARMUP = 0.06
# GPT-4.1's verdicts are wrong about as often as physicians disagree: no verdict is learnt as certain.
CERTAINTY = 0.96
# Batches whose pairs are sorted by length among each other.
POOL = 40


@dataclass(frozen=True)
class Training:
    """How a reader learns: `frozen` are the parts of the encoder that stay as they are (all-MiniLM's own names),
    `certainty` how far a label is believed."""

    max_tokens: int = MAX_TOKENS
    learning_rate: float = LEARNING_RATE
    epochs: float = 1
    certainty: float = CERTAINTY
    frozen: tuple[str, ...] = ()
    seed: int = 0


def fine_tuned(
    pairs: Sequence[Pair], met: npt.NDArray[np.bool_], folder: Path, how: Training, begin: Path | None = None
) -> Any:
    """A CrossEncoder trained on (n,) pairs and verdicts, from the bundled encoder or the model in `begin`; unfinished
    training in `folder` is resumed."""
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
        str(begin or bundled_folder()),
        num_labels=1,
        max_length=how.max_tokens,
        device="cpu",
        model_kwargs={"attn_implementation": "eager"},  # with dropout the fused one takes half as long again on a CPU
    )
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not any(f".{part}." in name for part in how.frozen)
    labels = np.where(met, (1 + how.certainty) / 2, (1 - how.certainty) / 2)
    data = Dataset.from_dict(
        {"criterion": [a for a, _ in pairs], "evidence": [b for _, b in pairs], "label": labels.tolist()}
    )
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=how.epochs,
        per_device_train_batch_size=BATCH,
        batch_sampler=_by_length,
        learning_rate=how.learning_rate,
        warmup_steps=WARMUP,
        weight_decay=0.01,
        lr_scheduler_type="linear",
        bf16=fast_bf16(),
        use_cpu=True,
        seed=how.seed,
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


def _by_length(dataset: Any, batch_size: int, seed: int = 0, **_: Any) -> Any:
    """Batches of pairs of about one length, in an order of chance: else a third of the work is padding."""
    from sentence_transformers.base.sampler import DefaultBatchSampler

    rng = np.random.default_rng(seed)
    mixed = rng.permutation(len(dataset))
    lengths = np.array([len(row["criterion"]) + len(row["evidence"]) for row in dataset])
    pools = [mixed[at : at + POOL * batch_size] for at in range(0, len(mixed), POOL * batch_size)]
    batches = [
        pool[at : at + batch_size].tolist()
        for pool in (one[np.argsort(lengths[one])] for one in pools)
        for at in range(0, len(pool), batch_size)
    ]

    class ByLength(DefaultBatchSampler):
        def __iter__(self) -> Iterator[list[int]]:
            return (batches[at] for at in np.random.default_rng([seed, self.epoch]).permutation(len(batches)))

    return ByLength(dataset, batch_size=batch_size, drop_last=False, seed=seed)


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
