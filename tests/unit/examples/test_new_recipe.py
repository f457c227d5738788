"""Example: write a recipe for GRPO over one's own questions, and see what a run would take before it is begun.

A recipe is YAML: every field is described in `training.grpo.recipe.Recipe`, is checked when it is read, and is also an
option of the command (`--learning-rate 1e-5`), which wins over the file. The data is JSONL in HealthBench's shape, one
question a line with its rubric; `python -m training synthesize` makes such files. It is looked for as named, beside the
recipe, and in CLINALIGN_DATA.

Name a `gold_judge` of another backend than `judge`: it grades held-out questions, gives no reward, and stops a run
whose policy has learnt to please its judge. Recipes that others are to use lie in `training/grpo/recipes/`.
"""

import json
from pathlib import Path

import pytest

from principles.errors import ConfigError
from tests import needs
from training.__main__ import main
from training.grpo.recipe import load_recipe

RECIPE = """
name: burns
model: tiny              # a random model, to try a recipe; else a profile, a folder or a hub name
bf16: false
data: burns.jsonl
held_out: 2
prompt: bare             # or agent, with the agent's drafting prompt
steps: 10
group: 4                 # completions a question
questions_per_step: 2
device_batch: 8          # group x questions_per_step is a multiple of it
max_prompt_tokens: 128
max_completion_tokens: 48
judge: lexical           # by rule, to try a recipe; else logprob, json, simple or local
gold_judge: similarity
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    questions = [
        {
            "key": f"burn-{place}",
            "prompt": [{"role": "user", "content": f"I burnt my {place}. What now?"}],
            "rubrics": [
                {"criterion": "Says to cool the burn under running water", "points": 8},
                {"criterion": "Recommends butter or ice on the burn", "points": -6, "safety_critical": True},
            ],
        }
        for place in ("hand", "arm", "foot", "leg", "back", "ear", "nose")
    ]
    (tmp_path / "burns.jsonl").write_text("\n".join(json.dumps(one) for one in questions), encoding="utf-8")
    path = tmp_path / "burns.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_what_is_not_said_has_a_default_and_an_option_wins(path: Path) -> None:
    recipe = load_recipe(path, {"steps": "20"})
    assert (recipe.name, recipe.steps, recipe.points, recipe.kl) == ("burns", 20, "positive", 0.001)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("steps: 10", "stepz: 10", "steps: Field required; stepz: there is no such field"),
        ("held_out: 2", "held_out: none", "held_out: .*valid integer"),
        ("device_batch: 8", "device_batch: 3", "group x questions_per_step = 8 answers a step cannot be split"),
        ("gold_judge: similarity", "gold_judge: lexical", "gold_judge must be of another backend than judge"),
    ],
)
def test_a_wrong_field_is_named(path: Path, right: str, wrong: str, said: str) -> None:
    path.write_text(RECIPE.replace(right, wrong), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"burns\.yaml: {said}"):
        load_recipe(path)


def test_a_dry_run_prints_the_plan(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs.require("training")
    assert main(["grpo", "--recipe", str(path), "--dry-run"]) == 0
    plan = capsys.readouterr().out
    assert "5 to train on, 2 held out, 0 left out" in plan
    assert "2 questions x 4 = 8 answers" in plan
    assert "10 steps, 80 answers, 4.0 passes over the data" in plan
    assert "gold judge     similarity" in plan


def test_the_command_says_what_is_wrong_and_leaves_with_2(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs.require("training")
    assert main(["grpo", "--recipe", str(path), "--dry-run", "--held-out", "6"]) == 2
    assert "held_out + questions_per_step = 8 are needed" in capsys.readouterr().err
