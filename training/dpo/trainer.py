"""TRL's DPOTrainer set up from a recipe. The reference's log-probabilities are computed once, before the first step."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from training.dpo.recipe import Recipe
from training.sft.corpus import Corpus, Sized, in_order
from training.sft.trainer import Stall, be_silent, loss_bar, made
from training.tuning.policy import adapted, base_model, lora_config


def make_trainer(recipe: Recipe, corpus: Corpus, tokenizer: Any, out: Path) -> Any:
    """The trainer of `recipe`, ready for `.train()`. Its log and checkpoints go to `out`."""
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    be_silent("trl.trainer.dpo_trainer")
    arguments = made(
        DPOConfig,
        recipe,
        out,
        recipe.steps(len(corpus.train)),
        beta=recipe.beta,
        max_length=None,  # what is too long was left out
        precompute_ref_log_probs=True,
        precompute_ref_batch_size=recipe.device_batch,
    )
    model: Any = base_model(recipe.model, recipe.seed, tokenizer, out)
    if recipe.init_adapter:
        model = adapted(model, recipe.init_adapter, recipe.lora_rank, arguments.model_init_kwargs["dtype"])
        arguments.model_init_kwargs = None
    trainer: Any = DPOTrainer(
        model=model,
        args=arguments,
        train_dataset=_rows(corpus.train),
        eval_dataset=_rows(corpus.held_out),
        processing_class=tokenizer,
        peft_config=lora_config(recipe.lora_rank) if recipe.lora_rank and not recipe.init_adapter else None,
        callbacks=[Stall(recipe.patience), loss_bar()],
    )
    # The reference has been asked about each pair by now, once; what follows are the pairs of all steps.
    place = {id(one): at for at, one in enumerate(corpus.train)}
    trainer.train_dataset = trainer.train_dataset.select([place[id(one)] for one in in_order(recipe, corpus.train)])
    trainer.remove_callback(PrinterCallback)
    return trainer


def _rows(examples: Iterable[Sized]) -> Any:
    from datasets import Dataset

    return Dataset.from_list(
        [{"prompt": one.prompt, "chosen": one.answer, "rejected": one.rejected} for one in examples]
    )
