"""TRL's GRPOTrainer set up from a recipe, with the guards as a callback."""

import logging
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from principles.errors import ConfigError
from principles.grader import Judge
from training.common.items import Item
from training.grpo.corpus import Corpus, prompt_messages
from training.grpo.guards import Alarm, alarms, gold_stop, length_stop
from training.grpo.log import GOLD, LENGTH, REWARD
from training.grpo.overlong import Overlong, overlong_from
from training.grpo.recipe import Recipe
from training.grpo.reward import RubricReward
from training.tuning.bar import Bar
from training.tuning.policy import adapted, base_model, lora_config

# Whether an adapter is trained: its base needs no more than bfloat16; weights that are trained do.
DTYPE = {True: "bfloat16", False: "float32"}


def make_trainer(recipe: Recipe, corpus: Corpus, tokenizer: Any, judge: Judge, gold: Judge | None, out: Path) -> Any:
    """The trainer of `recipe`, ready for `.train()`. Its log and checkpoints go to `out`."""
    items = {item.key: item for item in (*corpus.train, *corpus.held_out)}
    rubric = RubricReward(items, judge, recipe.reward_options(), gold)
    return grpo_trainer(recipe, corpus, tokenizer, rewards(recipe, rubric), out)


def rewards(recipe: Recipe, rubric: RubricReward) -> list[Any]:
    """The recipe's reward functions: the rubric's, and after it the one on length that looks at what it gave."""
    limit = recipe.max_completion_tokens
    start = overlong_from(recipe.usual_tokens, limit) if recipe.usual_tokens else None
    return [rubric] if start is None else [rubric, Overlong(rubric, start, limit, recipe.overlong_weight)]


def in_order(recipe: Recipe, items: Sequence[Item]) -> list[Item]:
    """The questions of all steps, one pass after the other, each shuffled by the recipe's seed and its number.

    TRL's own shuffling begins anew where a run is gone on with: from its second pass on that would be another run.
    """
    wanted, asked = recipe.steps * recipe.questions_per_step, list[Item]()
    while len(asked) < wanted:
        asked += random.Random(f"{recipe.seed} {len(asked)}").sample(items, len(items))
    return asked[:wanted]


def grpo_trainer(recipe: Recipe, corpus: Corpus, tokenizer: Any, reward: Any, out: Path) -> Any:
    """The same with any reward function in TRL's form, or a list of them."""
    import torch
    from datasets import Dataset, disable_progress_bars
    from transformers.utils import logging as transformers_logging
    from trl.trainer.grpo_trainer import GRPOTrainer

    _without_prompts_in_the_log()
    disable_progress_bars()
    quiet: Any = transformers_logging.disable_progress_bar
    quiet()

    def rows(items: Any, held_out: bool) -> Any:
        return Dataset.from_list(
            [{"prompt": prompt_messages(recipe, item), "key": item.key, "held_out": held_out} for item in items]
        )

    trainer = GRPOTrainer(
        model=_untrained(recipe, tokenizer, out),
        reward_funcs=reward,
        args=_arguments(recipe, out, torch.cuda.is_available()),
        train_dataset=rows(in_order(recipe, corpus.train), False),
        eval_dataset=rows(corpus.held_out, True) if recipe.gold_judge else None,
        processing_class=tokenizer,
        peft_config=lora_config(recipe.lora_rank) if recipe.lora_rank and recipe.init_adapter is None else None,
        callbacks=[Guards(recipe), _bar()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(recipe: Recipe, out: Path, gpu: bool) -> Any:
    from trl.trainer.grpo_config import GRPOConfig

    watched = recipe.gold_judge is not None
    try:
        return GRPOConfig(
            output_dir=str(out),
            model_init_kwargs=None if recipe.init_adapter else {"dtype": DTYPE[bool(recipe.lora_rank)]},
            seed=recipe.seed,
            max_steps=recipe.steps,
            per_device_train_batch_size=recipe.device_batch,
            gradient_accumulation_steps=recipe.accumulation,
            num_generations=recipe.group,
            max_completion_length=recipe.max_completion_tokens,
            temperature=recipe.temperature,
            top_p=recipe.top_p,
            top_k=recipe.top_k,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="constant_with_warmup",
            warmup_steps=recipe.warmup_steps,
            beta=recipe.kl,
            shuffle_dataset=False,
            scale_rewards=recipe.scale_rewards,
            multi_objective_aggregation="sum_then_normalize",
            # An answer that is cut stays in the loss: else the penalty on length would never reach the longest ones.
            mask_truncated_completions=False,
            bf16=recipe.bf16,
            use_cpu=not gpu,
            gradient_checkpointing=recipe.gradient_checkpointing,
            use_vllm=recipe.vllm != "none",
            vllm_mode="server" if recipe.vllm == "server" else "colocate",
            vllm_server_base_url=recipe.vllm_url,
            vllm_gpu_memory_utilization=recipe.vllm_memory,
            eval_strategy="steps" if watched else "no",
            eval_steps=recipe.gold_every,
            eval_on_start=watched,
            per_device_eval_batch_size=min(recipe.held_out, recipe.device_batch),
            num_generations_eval=1,
            logging_steps=1,
            save_steps=recipe.save_every,
            save_total_limit=recipe.keep_checkpoints,
            log_completions=recipe.log_text,
            report_to="none",
            disable_tqdm=True,
            push_to_hub=False,
        )
    except ValueError as error:  # sizes that only TRL can judge, e.g. of processes that were started
        raise ConfigError(f"recipe: {error}") from None


class Guards(TrainerCallback):
    """Says each alarm once, on stderr, and ends a run whose answers or gold scores have left their bounds."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._said: set[Alarm] = set()
        self.stopped: Alarm | None = None

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Say what alarms the log gives, and end the run where lengths tell it; the trainer calls it."""
        for alarm in alarms(state.log_history, self._recipe):
            if state.is_world_process_zero and alarm not in self._said:
                print(f"clinalign: alarm at step {alarm.step}: {alarm.message}", file=sys.stderr)
            self._said.add(alarm)
        if LENGTH in state.log_history[-1]:
            self._stop(length_stop(state.log_history, self._recipe), control)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """End the run where the gold scores tell it; the trainer calls it."""
        self._stop(gold_stop(state.log_history, self._recipe), control)

    def _stop(self, why: Alarm | None, control: TrainerControl) -> None:
        if why and self.stopped is None:
            self.stopped = why
            control.should_training_stop = control.should_save = True


def _bar() -> Bar:
    return Bar(
        {REWARD: ".3f", GOLD: ".3f", LENGTH: ".0f"},
        lambda reward, gold, length: f"reward {reward}, gold {gold}, {length} tokens an answer",
    )


def _untrained(recipe: Recipe, tokenizer: Any, out: Path) -> Any:
    """What TRL begins with: a name, or a model with the recipe's init_adapter. TRL then copies the adapter once more,
    as the reference for the divergence."""
    base = base_model(recipe.model, recipe.seed, tokenizer, out)
    if recipe.init_adapter is None:
        return base
    return adapted(base, recipe.init_adapter, recipe.lora_rank, DTYPE[bool(recipe.lora_rank)])


def _without_prompts_in_the_log() -> None:
    """TRL prints prompt and completion where a reward is None; the share of None is in the metrics."""
    log = logging.getLogger("trl.trainer.grpo_trainer")
    if not any(isinstance(one, _NoText) for one in log.filters):
        log.addFilter(_NoText())


class _NoText(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("All reward functions returned None")
