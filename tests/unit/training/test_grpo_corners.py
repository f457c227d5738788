"""What TRL makes of odd rewards, lengths and samplings, in numbers on the random model: advantages and gradients."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.unit.training.tiny_run import DATA, RECIPE, SHORT
from training.grpo.corpus import read_items, split
from training.grpo.overlong import Overlong
from training.grpo.recipe import load_recipe
from training.grpo.trainer import grpo_trainer
from training.tuning.policy import load_tokenizer

needs.require("training")

LIMIT = 10
TOLD = SHORT | {"kl": "0", "device_batch": "8", "max_completion_tokens": str(LIMIT), "scale_rewards": "none"}


class Given:
    """Rewards and answers by hand, instead of a judge's and a model's."""

    __name__ = "rubric"
    newest: Sequence[float | None] = ()

    def __call__(self, **columns: Any) -> Sequence[float | None]:
        return self.newest


class Bench:
    """A trainer whose answers and rewards are given."""

    def __init__(self, out: Path) -> None:
        import torch

        torch.set_num_threads(1)
        recipe = load_recipe(RECIPE, TOLD)
        items = read_items(DATA)
        self.tokenizer = load_tokenizer("tiny", [turn["content"] for item in items for turn in item.turns])
        corpus = split(recipe, DATA, items, self.tokenizer)
        self.rubric = Given()
        both: list[Any] = [self.rubric, Overlong(self.rubric, 5, LIMIT, 0.1)]  # type: ignore[arg-type]
        self.trainer = grpo_trainer(recipe, corpus, self.tokenizer, both, out)
        self.trainer.current_gradient_accumulation_steps = 1
        self.trainer.model.train()
        self.rows = [
            {"prompt": [{"role": "user", "content": question}], "key": "k", "held_out": False}
            for question in ("What helps my foot?", "What helps my back and my neck and my knee?")
            for _ in range(4)
        ]

    def scored(self, answers: Sequence[Sequence[int]], rewards: Sequence[float | None]) -> dict[str, Any]:
        """What TRL makes of them before the loss."""
        self.rubric.newest = rewards
        self.trainer._generate_single_turn = lambda *given: ([list(ids) for ids in answers], None)
        scored: dict[str, Any] = self.trainer._generate_and_score_completions(self.rows)
        return scored

    def gradient(self, scored: dict[str, Any]) -> Any:
        """Of the loss by all weights, in one row."""
        import torch

        self.trainer.model.zero_grad()
        self.trainer._compute_loss(self.trainer.model, scored).backward()
        return torch.cat([weight.grad.flatten() for weight in self.trainer.model.parameters()])

    def answer(self, number: int, length: int, ends: bool = True) -> list[int]:
        """`length` tokens of its own, the last of them the end unless it is cut."""
        ids = [20 + (37 * number + 13 * place) % 200 for place in range(length)]
        return [*ids[:-1], self.tokenizer.eos_token_id] if ends else ids

    def answers(self) -> list[list[int]]:
        return [self.answer(number, 3 + number % 3) for number in range(8)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def bench(made: Bench) -> Iterator[Bench]:
    trainer = made.trainer
    before = {name: getattr(trainer, name) for name in ("use_vllm", "mask_truncated_completions", "scale_rewards")}
    aggregation = trainer.multi_objective_aggregation
    yield made
    trainer.multi_objective_aggregation = aggregation
    for name, value in before.items():
        setattr(trainer, name, value)


REWARDS = (0.2, 0.4, 0.6, 0.8)


@pytest.mark.parametrize("scale", ["batch", "none", "group"])
def test_answers_without_a_reward_move_nothing(bench: Bench, scale: str) -> None:
    """Neither a group of them nor a single one, though the penalty on length has an opinion on each."""
    bench.trainer.scale_rewards = scale
    answers = [bench.answer(0, LIMIT), *bench.answers()[1:]]
    given = bench.scored(answers, [None] * 4 + [None, 0.4, 0.6, 0.8])
    assert given["advantages"][:5].tolist() == [0] * 5
    assert given["advantages"][5:].sum().abs() < 1e-5
    assert given["advantages"][7] > 0.1
    others = [[*answers[0][::-1]], *(bench.answer(n + 11, len(answers[n])) for n in range(1, 5)), *answers[5:]]
    moved, same = bench.gradient(given), bench.gradient(bench.scored(others, [None] * 4 + [None, 0.4, 0.6, 0.8]))
    assert moved.norm() > 1e-3
    assert (moved - same).norm() < 1e-6 * moved.norm()


def test_a_step_without_any_reward_leaves_the_weights_finite(bench: Bench) -> None:
    for scale in ("batch", "none", "group"):
        bench.trainer.scale_rewards = scale
        assert bench.gradient(bench.scored(bench.answers(), [None] * 8)).abs().max() == 0


def test_the_loss_is_the_answers_alone_whatever_stands_before_them(bench: Bench) -> None:
    """Against a gradient made by hand from each question and answer by itself, without padding.

    So neither the question's tokens nor the padding is learnt from, and padding on the left moves no position.
    """
    import torch

    rewards = [*REWARDS, *reversed(REWARDS)]
    answers = bench.answers()
    scored = bench.scored(answers, rewards)
    lengths = scored["prompt_mask"].sum(1)
    assert lengths[0] < lengths[7] - 5
    found = bench.gradient(scored)
    model = bench.trainer.model
    model.zero_grad()
    counted = sum(map(len, answers))
    for row, answer in enumerate(answers):
        prompt = scored["prompt_ids"][row][scored["prompt_mask"][row].bool()]
        ids = torch.cat([prompt, torch.tensor(answer)])[None]
        logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1] / bench.trainer.temperature
        chosen = logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None])
        (-scored["advantages"][row] * chosen.sum() / counted).backward()
    by_hand = torch.cat([weight.grad.flatten() for weight in model.parameters()])
    assert by_hand.norm() > 1e-3
    assert (found - by_hand).norm() < 1e-4 * by_hand.norm()


def test_an_answer_that_is_cut_is_penalised_and_stays_in_the_loss(bench: Bench) -> None:
    answers = [bench.answer(0, LIMIT, ends=False), *bench.answers()[1:]]
    scored = bench.scored(answers, [0.5] * 8)
    assert scored["completion_mask"][0].sum() == LIMIT
    assert scored["advantages"].tolist() == pytest.approx([-0.075, *[0.025] * 3, *[0] * 4], abs=1e-6)
    assert bench.gradient(scored).norm() > 1e-3
    bench.trainer.mask_truncated_completions = True  # what we leave alone: nothing would keep it from running on
    masked = bench.scored([answers[0], *[answers[1]] * 3, *answers[4:]], [0.5] * 8)
    assert masked["completion_mask"][0].sum() == 0
    assert bench.gradient(masked).isfinite().all()


def test_normalised_before_they_are_added_a_token_too_many_outweighs_the_rubric(bench: Bench) -> None:
    """Why the two rewards are added as they are: the best answer of four, a token beyond the free length."""
    answers = [bench.answer(number, 6 if number == 3 else 5) for number in range(8)]
    rewards = [*REWARDS, *REWARDS]
    added = bench.scored(answers, rewards)["advantages"][:4].tolist()
    assert added == pytest.approx([-0.295, -0.095, 0.105, 0.285], abs=1e-6)
    bench.trainer.multi_objective_aggregation = "normalize_then_sum"
    normalised = bench.scored(answers, rewards)["advantages"][:4].tolist()
    assert normalised[3] < normalised[2]


@pytest.mark.parametrize(("top_p", "top_k", "lowest", "highest"), [(1.0, 0, 0.9, 1.1), (0.8, 20, 0, 1e-6)])
def test_a_cut_vocabulary_leaves_nothing_of_the_gradient_under_vllm(
    bench: Bench, top_p: float, top_k: int, lowest: float, highest: float
) -> None:
    """vLLM's log-probabilities are of what it sampled from; transformers, told the same, stands for it here.

    All answers are made equally long, so that the end may not be sampled before: hence not quite 1 with plain sampling.
    """
    import torch

    trainer = bench.trainer
    trainer.use_vllm, trainer._last_loaded_step = True, 0
    torch.manual_seed(0)

    def sampled(prompt_ids: Sequence[Sequence[int]], *others: Any) -> tuple[list[list[int]], list[list[float]]]:
        longest = max(map(len, prompt_ids))
        pad = trainer._tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (longest - len(one)) + list(one) for one in prompt_ids])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in prompt_ids])
        options = {"do_sample": True, "top_p": top_p, "top_k": top_k, "temperature": trainer.temperature}
        options |= {"min_new_tokens": LIMIT, "max_new_tokens": LIMIT, "output_scores": True}
        made = trainer.model.generate(ids, attention_mask=mask, return_dict_in_generate=True, **options)
        answers = made.sequences[:, longest:]
        scores = torch.stack(made.scores, 1).log_softmax(-1)
        return answers.tolist(), scores.gather(2, answers[..., None])[..., 0].tolist()

    bench.rubric.newest = [*REWARDS, *REWARDS]
    trainer._generate_single_turn = sampled
    scored = trainer._generate_and_score_completions(bench.rows)
    assert (scored["importance_sampling_ratio"] >= lowest).all()
    assert (scored["importance_sampling_ratio"] <= highest).all()
    size = bench.gradient(scored).norm()
    assert size > 1e-3 if top_p == 1 else size < 1e-6
