"""TRL's SFTTrainer set up from a recipe: the loss is on the answer alone, in the order that the corpus gives."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from principles.errors import ConfigError
from training.common.reader import fast_bf16
from training.sft.corpus import Corpus, Sized, in_order
from training.sft.losses import HELD_OUT, LOSS, has_stalled
from training.sft.recipe import Learning
from training.tuning.bar import Bar
from training.tuning.policy import base_model, lora_config


def make_trainer(recipe: Learning, corpus: Corpus, tokenizer: Any, out: Path) -> Any:
    """The trainer of `recipe`, ready for `.train()`. Its log and checkpoints go to `out`."""
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    be_silent("trl.trainer.sft_trainer")
    steps = recipe.steps(len(corpus.train))
    arguments = made(
        SFTConfig,
        recipe,
        out,
        steps,
        max_length=None,  # what is too long was left out: a cut answer would teach to stop anywhere
        completion_only_loss=True,
        packing=False,
    )
    trainer = SFTTrainer(
        model=base_model(recipe.model, recipe.seed, tokenizer, out),
        args=arguments,
        train_dataset=_rows(in_order(recipe, corpus.train)),
        eval_dataset=_rows(corpus.held_out),
        processing_class=tokenizer,
        peft_config=lora_config(recipe.lora_rank) if recipe.lora_rank else None,
        callbacks=[Stall(recipe.patience), loss_bar()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def made(kind: Any, recipe: Learning, out: Path, steps: int, **own: Any) -> Any:
    """TRL's arguments of `kind`, with what all trainings on given answers share. Raises ConfigError."""
    import torch

    gpu = torch.cuda.is_available()
    half = recipe.bf16 if recipe.bf16 is not None else (torch.cuda.is_bf16_supported() if gpu else fast_bf16())
    try:
        return kind(
            output_dir=str(out),
            # LoRA's base needs no more than bfloat16; weights that are trained do.
            model_init_kwargs={"dtype": "bfloat16" if recipe.lora_rank and half else "float32"},
            seed=recipe.seed,
            max_steps=steps,
            per_device_train_batch_size=recipe.device_batch,
            per_device_eval_batch_size=recipe.device_batch,
            gradient_accumulation_steps=recipe.accumulation,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=recipe.warmup_steps,
            train_sampling_strategy="sequential",
            bf16=half,
            use_cpu=not gpu,
            gradient_checkpointing=recipe.gradient_checkpointing,
            eval_strategy="steps",
            eval_steps=recipe.eval_every,
            eval_on_start=True,
            save_strategy="steps",
            save_steps=recipe.eval_every,
            save_total_limit=recipe.keep_checkpoints,
            metric_for_best_model=HELD_OUT,
            greater_is_better=False,
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            push_to_hub=False,
            **own,
        )
    except ValueError as error:  # sizes that only TRL can judge, e.g. of processes that were started
        raise ConfigError(f"recipe: {error}") from None


class Stall(TrainerCallback):
    """Ends a run whose held-out loss has stopped falling."""

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self.stopped = False

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Look at the losses so far; the trainer calls it."""
        if has_stalled(state.log_history, self._patience):
            self.stopped = True
            control.should_training_stop = control.should_save = True


def loss_bar() -> Bar:
    """The bar of a training on given answers."""
    return Bar({LOSS: ".3f", HELD_OUT: ".3f"}, lambda loss, held_out: f"loss {loss}, held out {held_out}")


def be_silent(logger: str) -> None:
    """No bars of libraries, and no text of prompts in the log: TRL quotes one where a chat form is unusual."""
    from datasets import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    logging.getLogger(logger).setLevel(logging.ERROR)
    disable_progress_bars()
    quiet: Any = transformers_logging.disable_progress_bar
    quiet()


def _rows(examples: Sequence[Sized] | Iterable[Sized]) -> Any:
    from datasets import Dataset

    return Dataset.from_list([{"prompt": one.prompt, "completion": one.answer} for one in examples])
