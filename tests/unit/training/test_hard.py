"""HealthBench Hard stays out of training, whatever the file says of itself."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.scenario.questions import load_questions
from principles import hard
from principles.errors import ConfigError
from principles.schema import Criterion
from retrieval.__main__ import main as retrieval
from tests import needs
from tests.unit.training.judged_runs import read_lines, write_lines
from tests.unit.training.tiny_run import RECIPE, grpo
from training.__main__ import main
from training.common.questions import read_questions
from training.critic import labels
from training.grpo.command import judge_of
from training.grpo.corpus import read_items
from training.grpo.recipe import load_recipe

LONG = "My left ear has been ringing since Sunday, should I worry?"
TALK = [("user", "Hello"), ("assistant", "How can I help?"), ("user", LONG)]
RUBRICS = [{"criterion": "Asks about pain", "points": 5}]


def item(key: str, *turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    prompt = [{"role": role, "content": text} for role, text in turns]
    return {"key": key, "prompt": prompt, "rubrics": RUBRICS, **more}


def other(number: int) -> dict[str, Any]:
    return item(f"o{number}", ("user", f"May I eat {number} eggs a day?"))


@pytest.fixture(autouse=True)
def two_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of two prompts, made by the command."""
    found, path = (
        write_lines(tmp_path / "h.jsonl", [item("a", *TALK), item("b", ("user", "Fever?"))]),
        tmp_path / "list",
    )
    assert main(["hard", "add", str(found), "--out", str(path)]) == 0
    monkeypatch.setattr(hard, "LIST", path)
    return path


COPIES = {
    "as it is": TALK,
    "other roles and spaces": [("user", " hello \n"), ("assistant", "How can I help?"), ("user", f"{LONG}\u200b\r\n")],
    "other signs and case": [("user", "HELLO!"), ("assistant", "How can I help"), ("user", LONG.upper().strip("?"))],
    "line breaks of a web page": [("user", "Hello<br>"), ("assistant", "How can I help?"), ("user", LONG)],
    "full width": [("user", "\uff28ello"), ("assistant", "How can I help?"), ("user", LONG)],
    "the last message alone": [("user", LONG)],
    "cut short and told on": [("user", LONG), ("assistant", "Perhaps."), ("user", "And now?")],
    "a short one": [("user", "fever ?")],
    "behind a system turn": [("system", "Be kind.\n\nBe brief."), *TALK],
    "a short one behind a program's words": [("user", "Be kind.\n\nFever?")],
}


@pytest.mark.parametrize("turns", COPIES.values(), ids=COPIES)
def test_a_copy_is_known_by_its_text(turns: list[tuple[str, str]], tmp_path: Path) -> None:
    path = write_lines(tmp_path / "data.jsonl", [other(1), item("x", *turns, hard=False), other(2)])
    with pytest.raises(
        ConfigError, match=r"data\.jsonl: 1 of 3 prompts .*number 2\).*hard drop .*data\.jsonl"
    ) as caught:
        read_items(path)
    assert "ringing" not in str(caught.value)
    with pytest.raises(ConfigError, match="1 of 3 prompts"):
        read_questions(write_lines(path, [{"prompt": one["prompt"]} for one in read_lines(path)]))


@pytest.mark.parametrize(
    "turns", [[("user", "Hello")], [("user", "Fever and chills?")], [("user", f"{LONG} And pain?")]]
)
def test_what_only_resembles_is_not_refused(turns: list[tuple[str, str]], tmp_path: Path) -> None:
    assert len(read_items(write_lines(tmp_path / "data.jsonl", [item("x", *turns)]))) == 1


def test_the_flag_counts_too(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "data.jsonl", [{**other(n), "hard": True} for n in range(4)])
    with pytest.raises(ConfigError, match="4 of 4 prompts"):
        read_items(path)


def test_grpo_refuses_and_takes_what_drop_leaves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lines(tmp_path / "mixed.jsonl", [item("x", *TALK), *map(other, range(8))])
    with pytest.raises(ConfigError, match="1 of 9 prompts"):
        grpo("--data", path, "--dry-run")
    assert main(["hard", "drop", str(path), "--out", str(tmp_path / "rest.jsonl")]) == 0
    assert grpo("--data", tmp_path / "rest.jsonl", "--dry-run") == 0
    assert main(["hard", "drop", str(path)]) == 2
    assert "--out" in capsys.readouterr().err


def test_rubrics_and_what_is_asked_of_answers_are_not_learnt_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, rubrics = [other(1), item("x", *TALK)], str(tmp_path / "rubrics.jsonl")
    path = str(write_lines(tmp_path / "data.jsonl", lines))
    assert main(["synthesize", "--questions", path, "--out", rubrics, "--writer", "templates"]) == 2
    assert retrieval(["learn", "--data", path, "--out", str(tmp_path / "demand.npz")]) == 2
    assert capsys.readouterr().err.count("1 of 2 prompts") == 2
    nothing = np.zeros((2, 0), dtype=np.float32)
    asked = labels.Labelled([one["prompt"] for one in lines], [], [], nothing, nothing)
    monkeypatch.setattr(labels, "_labelled", lambda *names: asked)
    with pytest.raises(ConfigError, match="1 of 2 prompts"):
        labels.to_learn([])
    assert not list(tmp_path.glob("rubrics*"))


def trained(folder: Path, about: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "judge.json").write_text(json.dumps({"about": about}))
    return folder


@pytest.mark.parametrize("about", [{"measuring_only": True}, {}])
def test_a_judge_that_learnt_from_it_is_no_reward(about: dict[str, Any], tmp_path: Path) -> None:
    folder = str(trained(tmp_path / "judge", about))
    recipe = load_recipe(RECIPE, {"judge": "local", "judge_path": folder, "gold_judge": "null"})
    with pytest.raises(ConfigError, match=r"judge: this judge .* for measuring only"):
        judge_of(recipe, "judge")


def test_a_judge_that_learnt_from_it_may_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.judge.registry.make_judge", lambda name, **options: options["local"])
    bad, good = (
        trained(tmp_path / "bad", {"measuring_only": True}),
        trained(tmp_path / "good", {"measuring_only": False}),
    )
    watched = load_recipe(RECIPE, {"gold_judge": "local", "gold_judge_path": str(bad)})
    assert judge_of(watched, "gold_judge") == bad
    recipe = load_recipe(RECIPE, {"judge": "local", "judge_path": str(good), "gold_judge": "null"})
    assert judge_of(recipe, "judge") == good


def test_judge_train_wants_to_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs.require("training")
    items = write_lines(tmp_path / "items.jsonl", [item("x", *TALK), other(1)])
    verdicts = [{"key": key, "response": "r", "verdicts": [["Asks about pain", 5, True]]} for key in ("x", "o1")]
    given = ["--items", str(items), "--verdicts", str(write_lines(tmp_path / "v.jsonl", verdicts))]
    assert main(["judge-train", *given, "--out", str(tmp_path / "judge")]) == 2
    said = capsys.readouterr().err
    assert "1 of 2 prompts" in said
    assert "--measuring-only" in said
    assert main(["judge-train", *given, "--out", str(tmp_path / "judge"), "--measuring-only"]) == 2
    assert "too few to learn from" in capsys.readouterr().err


def test_the_list_grows_and_holds_no_text(two_are_known: Path, tmp_path: Path) -> None:
    before = hard.known(two_are_known)
    more = write_lines(tmp_path / "more.jsonl", [{**other(1), "hard": True}, {**other(2), "hard": False}])
    assert main(["hard", "add", str(more), "--out", str(two_are_known)]) == 0
    assert hard.known(two_are_known) == before | hard.digests(other(1)["prompt"])
    lines = two_are_known.read_text().splitlines()
    assert all(line.startswith("#") or (len(line) == 16 and int(line, 16) >= 0) for line in lines)


def test_the_list_that_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = hard.known(Path(hard.__file__).with_name("hard_prompts.txt"))
    assert len(shipped) > 1_000
    # What the repository itself learns from.
    questions = [one.turns for split in ("tune", "blind") for one in load_questions(split)]
    assert not any(hard.digests(turns) & shipped for turns in questions)


@needs.data("healthbench_hard_dev.jsonl")
def test_every_hard_item_is_known_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hard, "LIST", Path(hard.__file__).with_name("hard_prompts.txt"))

    def found(name: str) -> Sequence[bool]:
        return [hard.is_hard(one["prompt"]) for one in read_lines(needs.DATA / name)]

    assert all(found("healthbench_hard_dev.jsonl"))
    assert not any(found("healthbench_other_dev.jsonl"))


def test_measuring_is_allowed(tmp_path: Path, judge: Any) -> None:
    needs.require("training")
    items = write_lines(tmp_path / "items.jsonl", [item("x", *TALK)])
    answers = write_lines(tmp_path / "answers.jsonl", [{"key": "x", "response": "Does it hurt?"}])
    judge.decide = lambda answer, criterion: "MET" if isinstance(criterion, Criterion) else "NOT_MET"
    given = ["--data", str(items), "--answers", str(answers), "--out", str(tmp_path / "out")]
    assert main(["evaluate", *given]) == 0
