"""`python -m training synthesize`, from its files to its files."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.llm.endpoint import Endpoint
from principles.errors import ConfigError, ModelError
from tests.fakes import WordEncoder
from tests.unit.training.synthesis_fakes import NAMES, lines, synthesizer
from training.common.options import FAILURES_IN_A_ROW
from training.common.questions import Question
from training.synthesis import command as synthesize
from training.synthesis.pipeline import Synthesizer


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command over fakes; `make` replaces the step."""
    fake: Any = synthesizer()
    monkeypatch.setattr("training.synthesis.pipeline.make_synthesizer", lambda plan, endpoint: fake)
    monkeypatch.setattr("retrieval.encoder.load_encoder", lambda: WordEncoder())
    there = lambda plan, report: Endpoint("u", "m", "") if plan.needs_model else None  # noqa: E731
    monkeypatch.setattr("training.synthesis.pipeline.endpoint_of", there)

    def run(*arguments: str, make: Any = None) -> int:
        fake.line = make or Synthesizer.line.__get__(fake)
        parser = argparse.ArgumentParser()
        synthesize.add_arguments(parser)
        given = ["--questions", str(tmp_path / "q.jsonl"), "--out", str(tmp_path / "out.jsonl"), *arguments]
        return synthesize.run(parser.parse_args(given))

    lines(tmp_path / "q.jsonl", *({"question": f"Question {n}?"} for n in range(12)), {"question": "question 0?"})
    return run


def test_the_command_writes_rubrics_and_a_summary(command: Callable[..., int], tmp_path: Path) -> None:
    assert command() == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 12
    summary = json.loads((tmp_path / "out.jsonl.summary.json").read_text())
    assert (summary["questions"], summary["duplicate_questions"], summary["rubrics"]) == (12, 1, 12)
    assert summary["criteria"] == 12 * len(NAMES)
    assert summary["scenarios"]["task"] == {"medication": 12}
    assert "signal" not in summary


def test_an_interrupted_command_goes_on_without_doubling(command: Callable[..., int], tmp_path: Path) -> None:
    step, calls = synthesizer(), []

    def killed(one: Question) -> Any:
        calls.append(one.prompt_id)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return step.line(one)

    with pytest.raises(KeyboardInterrupt):
        command(make=killed)
    first = (tmp_path / "out.jsonl").read_bytes()
    assert first.count(b"\n") == 4
    assert command() == 0
    whole = (tmp_path / "out.jsonl").read_bytes()
    assert whole.startswith(first)
    names = [json.loads(line)["prompt_id"] for line in whole.splitlines()]
    assert len(names) == len(set(names)) == 12


def test_failed_questions_are_told_and_tried_again(command: Callable[..., int], tmp_path: Path, capsys: Any) -> None:
    step = synthesizer()

    def flaky(one: Question) -> Any:
        if one.text.startswith("Question 3"):
            raise ModelError("the endpoint failed")
        return step.line(one)

    assert command(make=flaky) == 1
    assert "1 of 12 questions failed: the endpoint failed" in capsys.readouterr().err
    assert command() == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 12


def test_an_endpoint_that_is_down_ends_the_run_early(command: Callable[..., int], tmp_path: Path, capsys: Any) -> None:
    asked = []

    def down(one: Question) -> Any:
        asked.append(one)
        raise ModelError("down")

    assert command(make=down) == 1
    assert len(asked) == FAILURES_IN_A_ROW
    assert "stopped" in capsys.readouterr().err


def test_refused_rubrics_are_kept_apart(command: Callable[..., int], tmp_path: Path) -> None:
    step = synthesizer()
    refuse = lambda one: step.line(one).model_copy(update={"refused": "no positive points"})  # noqa: E731
    assert command(make=refuse) == 0
    assert not (tmp_path / "out.jsonl").exists()
    assert len((tmp_path / "out.jsonl.refused.jsonl").read_text().splitlines()) == 12
    assert json.loads((tmp_path / "out.jsonl.summary.json").read_text())["refused"] == {"no positive points": 12}


@pytest.mark.parametrize(
    ("arguments", "environment", "writer"),
    [
        ((), {}, "templates"),
        ((), {"CLINALIGN_BASE_URL": "http://h/v1"}, "model"),
        (("--base-url", "http://h/v1"), {}, "model"),
        (("--model", "small"), {"CLINALIGN_BASE_URL": "http://h/v1"}, "templates"),
        (("--writer", "templates"), {"CLINALIGN_BASE_URL": "http://h/v1"}, "templates"),
    ],
)
def test_the_default_writer(
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    writer: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command(*arguments)
    assert json.loads((tmp_path / "out.jsonl.settings.json").read_text())["writer"] == writer


def test_other_options_on_the_same_output_are_refused(command: Callable[..., int]) -> None:
    command("--limit", "3")
    assert command() == 0  # more of the same questions is no other setting
    with pytest.raises(ConfigError, match="begun with other settings"):
        command("--writer", "model")
