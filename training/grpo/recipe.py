"""A recipe: all that decides a training run, as a typed record read from YAML. Unknown or impossible fields raise.

Each field is also an option of `python -m training grpo`, so its description is its help.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from training.grpo.overlong import overlong_from
from training.grpo.reward import RewardOptions
from training.tuning.recipes import load

_ENGINE = ("", "_model", "_base_url", "_path")


class Recipe(BaseModel):
    """The fields of a recipe file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[\w.-]+$", description="names the run's folder")
    # Policy
    model: str = Field(min_length=1, description="tiny, a profile of the agent, a Hugging Face folder or a hub name")
    lora_rank: int | None = Field(None, ge=1, description="train an adapter of this rank instead of all weights")
    init_adapter: Path | None = Field(
        None,
        description="begin with this LoRA of the same rank, as export --as adapter makes it of an sft run",
    )
    bf16: bool = Field(True, description="compute in bfloat16")
    gradient_checkpointing: bool = Field(True, description="compute activations twice to save memory")
    # Data
    data: Path = Field(description="questions and their rubrics, as HealthBench has them: docs/formats.md")
    held_out: int = Field(16, ge=1, description="questions kept from training, for the gold judge")
    limit: int | None = Field(None, ge=2, description="use only so many questions")
    least_signal: float = Field(
        0.0, ge=0, le=1, description="leave out questions whose sampled answers spread less (synthesize --samples)"
    )
    prompt: Literal["agent", "bare"] = Field("agent", description="with the agent's drafting prompt, or bare")
    max_prompt_tokens: int = Field(1024, ge=8, description="questions with a longer prompt are left out")
    # Rollouts and updates
    steps: int = Field(ge=1, description="optimizer steps")
    group: int = Field(8, ge=2, description="completions a question")
    questions_per_step: int = Field(8, ge=1, description="questions an optimizer step")
    device_batch: int = Field(8, ge=1, description="completions a device takes at once")
    processes: int = Field(1, ge=1, description="training processes, one a GPU")
    max_completion_tokens: int = Field(512, ge=8, description="longest answer; give twice usual_tokens or more")
    usual_tokens: int | None = Field(
        None, ge=1, description="length of a usual answer: what lies far beyond it is penalised; null: nothing is"
    )
    temperature: float = Field(0.7, gt=0, le=2, description="of sampling")
    top_p: float = Field(1.0, gt=0, le=1, description="of sampling; with vLLM only 1")
    top_k: int = Field(0, ge=0, description="of sampling; 0: no limit; with vLLM only 0")
    learning_rate: float = Field(1e-6, gt=0, lt=1, description="constant, after warmup_steps")
    warmup_steps: int = Field(0, ge=0, description="steps over which the learning rate rises to its value")
    kl: float = Field(0.001, ge=0, description="weight of the divergence from the untrained model; 0: not measured")
    vllm: Literal["none", "colocate", "server"] = Field("none", description="who writes the completions")
    vllm_url: str | None = Field(None, description="the rollout server's address, for vllm: server")
    vllm_memory: float = Field(0.3, gt=0, lt=1, description="share of a GPU that vLLM takes, for vllm: colocate")
    # Reward
    judge: str = Field(description="lexical, similarity, logprob, json, simple or local")
    judge_model: str | None = Field(None, description="a profile, or the model's name at judge_base_url")
    judge_base_url: str | None = Field(None, description="the judge's OpenAI-compatible endpoint")
    judge_path: Path | None = Field(None, description="the trained judge's folder, for judge: local")
    judge_cache: Path | None = Field(None, description="keep verdicts in this file")
    judge_workers: int = Field(1, ge=1, description="answers judged at a time, where the judge has no batches")
    points: Literal["positive", "signed"] = Field("positive", description="reward wanted things only, or faults too")
    soft: bool = Field(False, description="weight criteria by the judge's probability")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of criteria that a group is not judged by")
    safety_weight: float = Field(1.0, gt=0, description="factor on the points of safety-critical criteria")
    least_coverage: float = Field(0.5, ge=0, le=1, description="reward None where less of the rubric was judged")
    least_spread: float = Field(
        0.01, ge=0, le=1, description="a group whose rewards spread less (standard deviation) teaches nothing"
    )
    scale_rewards: Literal["batch", "none", "group"] = Field(
        "batch",
        description="divide what an answer is better than its group by the spread of all rewards of a step, "
        "by nothing, or by that of its group, which makes noise as loud as signal",
    )
    overlong_weight: float = Field(0.1, gt=0, le=1, description="the largest penalty on length, see usual_tokens")
    # Guards
    gold_judge: str | None = Field(description="the judge that watches, of another backend than judge; null: none")
    gold_judge_model: str | None = Field(None, description="like judge_model")
    gold_judge_base_url: str | None = Field(None, description="like judge_base_url")
    gold_judge_path: Path | None = Field(None, description="like judge_path")
    gold_every: int = Field(10, ge=1, description="steps between two gold evaluations")
    gold_drop: float = Field(0.05, ge=0, le=1, description="stop where gold falls by so much, and beyond chance")
    least_length: float = Field(0.7, ge=0, lt=1, description="stop where answers get shorter than this times the first")
    most_length: float = Field(1.5, gt=1, description="stop where answers get longer than this times the first")
    alarm_none: float = Field(0.2, ge=0, le=1, description="alarm above this share of answers without a reward")
    alarm_no_signal: float = Field(0.5, ge=0, le=1, description="alarm above this share of groups that teach nothing")
    alarm_kl: float = Field(0.5, gt=0, description="alarm above this divergence (nats a token)")
    # Run
    seed: int = Field(0, ge=0, description="of weights, order, sampling and dropout")
    save_every: int = Field(10, ge=1, description="steps between two checkpoints")
    keep_checkpoints: int = Field(2, ge=2, description="checkpoints kept; two, so that one is always whole")
    log_text: bool = Field(False, description="write prompts, answers and verdicts beside the metrics")

    @model_validator(mode="after")
    def _possible(self) -> "Recipe":
        answers, at_once = self.group * self.questions_per_step, self.device_batch * self.processes
        if answers % at_once:
            raise ValueError(
                f"group x questions_per_step = {answers} answers a step cannot be split into device_batch x processes "
                f"= {at_once} at once: make it a multiple"
            )
        if self.questions_per_step % self.processes and self.least_spread:
            raise ValueError(
                f"questions_per_step = {self.questions_per_step} cannot be shared out to {self.processes} processes, "
                "and a group's spread is seen by one of them: make it a multiple, or least_spread 0"
            )
        if self.usual_tokens and overlong_from(self.usual_tokens, self.max_completion_tokens) is None:
            raise ValueError(
                f"max_completion_tokens = {self.max_completion_tokens} leaves an answer of usual_tokens = "
                f"{self.usual_tokens} no room: make it at least {2 * self.usual_tokens}"
            )
        if self.vllm != "none" and (self.top_p < 1 or self.top_k):
            raise ValueError(
                f"top_p {self.top_p:g} and top_k {self.top_k} cut the vocabulary, and the correction for vLLM's "
                "probabilities then shrinks the gradient of a long answer to nothing: use top_p 1 and top_k 0, and "
                "temperature to make sampling narrower"
            )
        if (self.vllm == "server") != (self.vllm_url is not None):
            raise ValueError("vllm: server and vllm_url belong together")
        for who in ("judge", "gold_judge"):
            if getattr(self, who) == "local" and getattr(self, f"{who}_path") is None:
                raise ValueError(f"{who}: local needs {who}_path")
        if self.gold_judge and all(getattr(self, f"judge{e}") == getattr(self, f"gold_judge{e}") for e in _ENGINE):
            raise ValueError("gold_judge must be of another backend than judge: else it cannot catch what judge misses")
        return self

    @property
    def accumulation(self) -> int:
        """Micro-batches an optimizer step."""
        return self.group * self.questions_per_step // (self.device_batch * self.processes)

    def reward_options(self) -> RewardOptions:
        """What the reward function takes of it."""
        return RewardOptions(
            points=self.points,
            soft=self.soft,
            dropout=self.dropout,
            safety_weight=self.safety_weight,
            least_coverage=self.least_coverage,
            group=self.group,
            least_spread=self.least_spread,
            workers=self.judge_workers,
            seed=self.seed,
            log_text=self.log_text,
        )


def load_recipe(path: Path, changes: dict[str, str] | None = None) -> Recipe:
    """The recipe at `path` with `changes` (field to YAML text) on top. Raises ConfigError that names the field."""
    return load(Recipe, path, changes)
