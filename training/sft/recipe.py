"""A recipe of supervised training: all that decides a run. Unknown or impossible fields raise.

Each field is also an option of `python -m training sft`, so its description is its help.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Files = Annotated[tuple[Path, ...], BeforeValidator(_several)]


class Learning(BaseModel):
    """What every training on given answers decides."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[\w.-]+$", description="names the run's folder")
    # Policy
    model: str = Field(min_length=1, description="tiny, a profile of the agent, a Hugging Face folder or a hub name")
    lora_rank: int | None = Field(None, ge=1, description="train an adapter of this rank instead of all weights")
    bf16: bool | None = Field(None, description="compute in bfloat16; null: where the device does so in hardware")
    gradient_checkpointing: bool = Field(True, description="compute activations twice to save memory")
    # Data
    data: Files = Field(min_length=1, description="one file or a list of them: docs/formats.md")
    test: Files = Field((), description="files of questions that are kept for measuring: the same in data is refused")
    held_out: int = Field(16, ge=1, description="questions kept from training, whose loss is watched")
    limit: int | None = Field(None, ge=2, description="use only so many examples")
    prompt: Literal["agent", "bare"] = Field("agent", description="with the agent's drafting prompt, or bare")
    max_prompt_tokens: int = Field(1024, ge=8, description="examples with a longer prompt are left out")
    max_answer_tokens: int = Field(1024, ge=8, description="examples with a longer answer are left out, none is cut")
    # Updates
    epochs: float = Field(2.0, gt=0, description="passes over the data")
    batch: int = Field(8, ge=1, description="examples an optimizer step")
    device_batch: int = Field(4, ge=1, description="examples a device takes at once")
    processes: int = Field(1, ge=1, description="training processes, one a GPU")
    learning_rate: float = Field(1e-4, gt=0, lt=1, description="at its highest; it falls to 0 with the last step")
    warmup_steps: int = Field(0, ge=0, description="steps over which the learning rate rises")
    # Run
    eval_every: int = Field(10, ge=1, description="steps between two looks at the held-out loss, each of them saved")
    patience: int = Field(3, ge=0, description="stop after so many looks in a row without a new best; 0: never")
    seed: int = Field(0, ge=0, description="of weights, order and the split")
    keep_checkpoints: int = Field(2, ge=2, description="checkpoints kept, the best one among them")

    @model_validator(mode="after")
    def _possible(self) -> "Learning":
        if self.batch % (self.device_batch * self.processes):
            raise ValueError(
                f"batch = {self.batch} examples a step cannot be split into device_batch x processes = "
                f"{self.device_batch * self.processes} at once: make it a multiple"
            )
        return self

    @property
    def accumulation(self) -> int:
        """Micro-batches an optimizer step."""
        return self.batch // (self.device_batch * self.processes)

    def steps(self, examples: int) -> int:
        """Optimizer steps over so many examples."""
        return math.ceil(self.epochs * examples / self.batch)


class Recipe(Learning):
    """The fields of a recipe file."""

    questions: Files = Field((), description="files of the questions, by key, where data has the answers alone")
