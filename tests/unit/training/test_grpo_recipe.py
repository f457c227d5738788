"""Recipes, their data and their plan: what is wrong is said before compute is spent."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.conversation import as_messages
from agent.prompts import prompt
from principles.errors import ConfigError
from principles.schema import Rubric
from tests import needs
from tests.unit.training.judged_runs import judge_folder
from tests.unit.training.tiny_run import DATA, RECIPE, TINY, grpo
from training.common.items import Item
from training.grpo import plan
from training.grpo.command import describe
from training.grpo.corpus import prompt_messages, read_items, split
from training.grpo.recipe import load_recipe
from training.grpo.trainer import _arguments as trainer_arguments
from training.grpo.trainer import in_order
from training.judge.registry import RULES
from training.tuning.run_folder import start_of
from training.tuning.shapes import GIB, SHAPES, from_config, shape_of

RECIPES = sorted(RECIPE.parent.glob("*.yaml"))
QUESTION = {
    "key": "one",
    "prompt": [{"role": "user", "content": "How do I treat a burn?"}],
    "rubrics": [{"criterion": "Says to cool it", "points": 5.0}],
}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_that_are_shipped_are_valid(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.gold_judge is not None
    assert (recipe.top_p, recipe.top_k) == (1, 0)
    assert not recipe.soft or recipe.scale_rewards != "group" or recipe.judge in RULES
    assert not recipe.usual_tokens or recipe.max_completion_tokens >= 2 * recipe.usual_tokens
    plan.check(recipe, shape_of(recipe.model))


def test_an_option_wins_over_the_file() -> None:
    recipe = load_recipe(RECIPE, {"learning_rate": "1e-6", "lora_rank": "4", "gold_judge": "null"})
    assert (recipe.learning_rate, recipe.lora_rank, recipe.gold_judge) == (1e-6, 4, None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"stepz": "3"}, "stepz: there is no such field"),
        ({"steps": "many"}, "steps: .*integer"),
        ({"steps": "0"}, "steps: .*greater than or equal to 1"),
        ({"group": "1"}, "group: .*greater than or equal to 2"),
        ({"group": "3"}, "3 x questions_per_step|6 answers a step cannot be split"),
        ({"points": "negative"}, "points: "),
        ({"dropout": "1.0"}, "dropout: .*less than 1"),
        ({"gold_judge": "lexical"}, "gold_judge must be of another backend"),
        ({"judge": "local"}, "judge: local needs judge_path"),
        ({"vllm": "server"}, "vllm: server and vllm_url belong together"),
        ({"least_length": "1.0"}, "least_length: .*less than 1"),
        ({"most_length": "1.0"}, "most_length: .*greater than 1"),
        ({"usual_tokens": "40"}, "leaves an answer of usual_tokens = 40 no room: make it at least 80"),
        ({"vllm": "colocate", "top_p": "0.8"}, "top_p 0.8 and top_k 0 cut the vocabulary.*use top_p 1 and top_k 0"),
        ({"vllm": "server", "vllm_url": "http://a:1", "top_k": "20"}, "top_p 1 and top_k 20 cut the vocabulary"),
        (
            {"processes": "4", "device_batch": "4", "least_spread": "0.01"},
            "2 cannot be shared out to 4 processes.*make it a multiple, or least_spread 0",
        ),
    ],
)
def test_unknown_and_impossible_fields(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_recipe(RECIPE, fields)


@pytest.mark.parametrize(("text", "said"), [("- a", "a list of"), ("a: [", "not YAML"), (None, "No such file")])
def test_a_file_that_is_no_recipe(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "recipe.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_recipe(path)


def test_an_unknown_option_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        grpo("--no-such-field", "3")
    assert leaving.value.code == 2
    assert "--no-such-field" in capsys.readouterr().err


def broken(**changes: object) -> Callable[[], str]:
    return lambda: json.dumps(QUESTION | {"key": "two"} | changes)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (lambda: "{", "line 2: it is not JSON"),
        (lambda: "[]", "line 2: it is not a JSON object"),
        (broken(rubrics=[]), "line 2: rubrics"),
        (broken(rubrics=[{"criterion": "SECRET", "points": -5.0}]), "line 2: the rubric has no positive points"),
        (broken(prompt=[{"role": "user", "content": "  "}]), "line 2: prompt: the question is empty"),
    ],
)
def test_bad_lines_are_named_and_not_quoted(tmp_path: Path, second: Callable[[], str], said: str) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(f"{json.dumps(QUESTION)}\n{second()}\n")
    with pytest.raises(ConfigError, match=said) as refused:
        grpo("--dry-run", data=data)
    assert "SECRET" not in str(refused.value)


def test_missing_data_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match=f"no file absent.jsonl.*{tmp_path}.*CLINALIGN_DATA"):
        grpo("--dry-run", data="absent.jsonl")
    monkeypatch.delenv("CLINALIGN_DATA")
    beside = RECIPE.parent / "absent.jsonl"
    with pytest.raises(ConfigError, match=rf"\(looked at absent.jsonl, {beside}\): set CLINALIGN_DATA"):
        grpo("--dry-run", data="absent.jsonl")


@pytest.mark.parametrize("form", ["agent", "bare"])
def test_the_policy_is_asked_what_the_agents_model_is_asked(form: str) -> None:
    said = [("user", "I burnt it.<|im_end|>"), ("assistant", "Cool it.</s>"), ("user", "[INST]For how long?")]
    turns = tuple({"role": role, "content": text} for role, text in said)
    item = Item(key="k", turns=turns, rubric=Rubric(criteria=()))
    sent = [{"role": role, "content": m.text} for (role, _), m in zip(said, as_messages(turns), strict=True)]
    system = [{"role": "system", "content": prompt("draft")}] if form == "agent" else []
    assert prompt_messages(load_recipe(RECIPE, {"prompt": form}), item) == [*system, *sent]
    assert all(mark not in str(sent) for mark in ("<|im_end|>", "</s>", "[INST]"))


def test_prompts_that_are_too_long_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps(QUESTION | {"key": str(number)}) for number in range(6)]
    long = QUESTION | {"key": "long", "prompt": [{"role": "user", "content": "why " * 400}]}
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join([*lines, json.dumps(long)]))
    assert grpo("--dry-run", data=data) == 0
    assert "4 to train on, 2 held out, 1 left out" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="0 of 7 questions have a prompt of at most 8"):
        grpo("--dry-run", data=data, max_prompt_tokens=8)


def test_questions_whose_answers_hardly_differed_are_left_out_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`synthesize --samples` says how much the scores of sampled answers differ."""
    lines = [json.loads(line) | {"signal": {"mean": 0.4, "spread": 0.1}} for line in DATA.open()]
    lines[0]["signal"] |= {"spread": 0.0, "zero_spread": True}
    lines[1].pop("signal")  # not sampled: kept
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    assert grpo("--dry-run", data=data, least_signal=0.05) == 0
    assert "3 to train on, 2 held out, 0 left out" in (told := capsys.readouterr().out)
    assert ", 1 for want of signal" in told
    assert grpo("--dry-run", data=data) == 0
    assert "4 to train on" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="or least_signal, which leaves out 5"):
        grpo("--dry-run", data=data, least_signal=0.2)
    with pytest.raises(ConfigError, match=r"no line has a `signal`.*synthesize --samples"):
        grpo("--dry-run", least_signal=0.05)


def test_what_the_plan_says_of_length_and_signal(capsys: pytest.CaptureFixture[str]) -> None:
    assert grpo("--dry-run", max_completion_tokens=100, usual_tokens=40, scale_rewards="batch", least_spread=0.01) == 0
    told = capsys.readouterr().out
    assert "cut at 100 tokens (a usual one has 40); none is penalised up to 80, then up to -0.1 at 100" in told
    assert "spread less than 0.01 teach nothing; advantages are scaled by the spread of a whole step" in told
    assert grpo("--dry-run", max_completion_tokens=100, usual_tokens=60, scale_rewards="group") == 0
    told = capsys.readouterr().out
    assert "LESS THAN TWICE A USUAL 60" in told
    assert "scaled by each group's own spread" in told
    assert grpo("--dry-run") == 0
    told = capsys.readouterr().out
    assert "no reward keeps them from growing" in told
    assert "groups whose rewards are equal teach nothing" in told


def test_the_plan_counts_tiles_of_logits_and_vllms_share() -> None:
    recipe = load_recipe(RECIPE.with_name("qwen3_4b.yaml"))
    shape = shape_of(recipe.model)
    taken = plan.memory(recipe, shape)
    assert taken["logits"] == pytest.approx(4096 * 32_768 * 2 / GIB)  # not 4 x 1,024 x 151,936 of ten bytes: 5.8
    half = recipe.model_copy(update={"vllm_memory": 0.5})
    assert plan.device_gib(half, shape) == pytest.approx(sum(taken.values()) / 0.5)
    small = recipe.model_copy(update={"vllm_memory": 0.02})
    assert plan.device_gib(small, shape) == pytest.approx(shape.parameters() * 2 / GIB / 0.02)


def test_the_questions_of_each_step_are_the_seeds_alone() -> None:
    items = [Item(key=str(n), turns=(), rubric=Rubric(criteria=())) for n in range(5)]
    recipe = load_recipe(RECIPE, {"steps": "10"})
    asked = [item.key for item in in_order(recipe, items)]
    assert len(asked) == 20
    passes = [asked[start : start + 5] for start in range(0, 20, 5)]
    assert all(sorted(one) == list("01234") for one in passes)
    assert len(set(map(tuple, passes))) > 1
    assert [item.key for item in in_order(recipe.model_copy(update={"steps": 4}), items)] == asked[:8]


def test_a_context_that_is_too_small() -> None:
    with pytest.raises(ConfigError, match=r"max_prompt_tokens \+ max_completion_tokens = 5010.*4096 tokens"):
        grpo("--dry-run", max_prompt_tokens=5000)


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert grpo("--dry-run") == 0
    told = capsys.readouterr().out
    for part in ("0.13 M parameters", "2 questions x 4 = 8 answers", "gold judge     NONE", "GiB on paper"):
        assert part in told
    assert list(tmp_path.iterdir()) == []


def plan_of(capsys: pytest.CaptureFixture[str], **fields: object) -> str:
    assert grpo("--dry-run", data=TINY, held_out=8, **fields) == 0
    return capsys.readouterr().out


def test_a_plan_says_what_the_guards_would_see(capsys: pytest.CaptureFixture[str]) -> None:
    given = {"gold_judge": "similarity", "steps": 40, "gold_drop": 0.05, "least_length": 0.6}
    told = plan_of(capsys, **given)
    assert re.search(r"gold guard     stops .* by 0.05 or more, .* on 8 questions most falls of 0\.\d\d are seen", told)
    assert "leave 0.6 to" in told
    assert "gold guard     NONE: gold_every is more than steps" in plan_of(capsys, **given, gold_every=50)
    assert grpo("--dry-run", **given) == 0  # of two questions
    assert "gold guard     NONE: on fewer than 8 questions" in capsys.readouterr().out


def test_a_plan_warns_of_a_gold_judge_that_cannot_see_padding(capsys: pytest.CaptureFixture[str]) -> None:
    warning = "THE GOLD JUDGE CANNOT SEE PADDING"
    assert warning in plan_of(capsys, gold_judge="similarity")
    assert warning in plan_of(capsys, gold_judge="lexical", judge="similarity")
    assert warning not in plan_of(capsys, gold_judge="json")
    assert warning not in plan_of(capsys, gold_judge="null")
    # The tiny recipe's rubrics have faults, which padding may come to meet.
    assert warning not in plan_of(capsys, gold_judge="similarity", points="signed")


def test_a_model_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not found"):
        grpo("--dry-run", model=tmp_path / "nowhere")


def test_processes_that_were_not_started(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="accelerate launch --num_processes 2"):
        grpo(out=tmp_path / "run", processes=2, device_batch=2)


def test_a_disk_that_is_too_small_is_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.tuning import run_folder

    monkeypatch.setattr(run_folder.shutil, "disk_usage", lambda path: type("U", (), {"free": 1000})())
    with pytest.raises(ConfigError, match="GiB are free, the checkpoints need"):
        grpo(out=tmp_path / "run")


def test_parameters_of_the_shapes_agree_with_the_models() -> None:
    """Counted on the meta device, so no weight is made."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3MoeConfig

    shape = SHAPES["Qwen/Qwen3-4B-Instruct-2507"]
    dense = {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_width,
        "intermediate_size": shape.width,
        "tie_word_embeddings": True,
    }
    mixture = SHAPES["Qwen/Qwen3-30B-A3B-Instruct-2507"]
    sparse = {
        "vocab_size": mixture.vocabulary,
        "hidden_size": mixture.hidden,
        "num_hidden_layers": 2,
        "num_attention_heads": mixture.heads,
        "num_key_value_heads": mixture.kv_heads,
        "head_dim": mixture.head_width,
        "moe_intermediate_size": mixture.width,
        "num_experts": mixture.experts,
        "num_experts_per_tok": mixture.active,
        "tie_word_embeddings": False,
    }
    for config in (Qwen3Config(**dense), Qwen3MoeConfig(**sparse)):
        with torch.device("meta"):
            counted = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
        assert from_config(config).parameters() == pytest.approx(counted, rel=1e-3)
    assert shape.parameters() == pytest.approx(4.02e9, rel=0.01)
    assert (mixture.parameters(), mixture.parameters(active_only=True)) == (
        pytest.approx(30.5e9, rel=0.01),
        pytest.approx(3.3e9, rel=0.05),
    )


def test_lora_weights_are_counted_as_peft_makes_them() -> None:
    needs.require("training")
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from training.tuning.policy import lora_config, tiny_config

    model = get_peft_model(AutoModelForCausalLM.from_config(tiny_config()), lora_config(4))
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert from_config(tiny_config()).lora(4) == trained


def test_what_trl_is_told(tmp_path: Path) -> None:
    needs.require("training")
    arguments = trainer_arguments(load_recipe(RECIPE), tmp_path, gpu=False)
    assert arguments.generation_batch_size == 16
    assert (arguments.num_generations, arguments.num_generations_eval) == (8, 1)
    assert arguments.report_to == []
    assert not arguments.log_completions
    assert (arguments.scale_rewards, arguments.multi_objective_aggregation) == ("group", "sum_then_normalize")


class Letters:
    """Stands for a tokenizer: a token a letter, eight at most."""

    def apply_chat_template(self, messages: Any, **options: Any) -> dict[str, str]:
        return {"input_ids": "".join(one["content"] for one in messages)[:8]}


def test_a_run_does_not_go_on_with_a_judge_that_was_trained_again(tmp_path: Path) -> None:
    folder = judge_folder(tmp_path / "judge", "old")
    recipe = load_recipe(RECIPE, {"judge": "local", "judge_path": str(folder), "gold_judge": "null"})
    data = RECIPE.with_name("tiny.jsonl")
    corpus = split(recipe, data, read_items(data), Letters())
    start_of(tmp_path, describe(recipe, corpus), resume=False)
    assert start_of(tmp_path, describe(recipe, corpus), resume=True) is None
    judge_folder(folder, "new")
    with pytest.raises(ConfigError, match="begun with other files in the judge's folder"):
        start_of(tmp_path, describe(recipe, corpus), resume=True)
