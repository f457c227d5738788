"""The command over fakes: which judges it makes, and how often."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.judged_runs import FakeJudge, write_lines
from training.__main__ import main
from training.judge.local.judge import LocalJudge

CLAIM = {"question": "Is it safe?", "answer": "Take w0.", "majority_label": "Entailment"}


class Trained(FakeJudge):
    def shallow(self) -> FakeJudge:
        return FakeJudge()


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that a trained judge was loaded from."""
    folders: list[Path] = []

    def load(folder: Path) -> Any:
        folders.append(folder)
        return Trained()

    monkeypatch.setattr(LocalJudge, "load", load)
    return folders


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "kqa.jsonl", [CLAIM | {"claim": f"w{n}"} for n in range(3)])


def report(claims: Path, *options: str) -> int:
    return main(["judge-report", "--claims", str(claims), "--json", *options])


def test_local_and_shallow_are_loaded_once(
    claims: Path, loaded: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(claims, "--judges", "shallow", "local", "shallow", "--judge-path", "small") == 0
    assert loaded == [Path("small")]
    rows = json.loads(capsys.readouterr().out)
    assert [(row["judge"], row["data"], row["count"]) for row in rows] == [
        (name, "kqa", 3) for name in ("shallow", "local", "shallow")
    ]


def test_a_judge_with_a_model_is_made_as_asked(claims: Path, loaded: list[Path], judge: FakeJudge) -> None:
    options = ("--judge-base-url", "http://h:1/v1", "--judge-model", "m", "--limit", "2")
    assert report(claims, "--judges", "json", *options) == 0
    assert judge.made == [{"name": "json", "base_url": "http://h:1/v1", "model": "m"}]
    assert len(judge.asked) == 2
    assert loaded == []


@pytest.mark.parametrize("name", ["local", "shallow"])
def test_a_trained_judge_needs_its_folder(
    claims: Path, loaded: list[Path], judge: FakeJudge, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert report(claims, "--judges", "json", name) == 2
    assert "--judge-path" in capsys.readouterr().err
    assert (loaded, judge.made) == ([], [])


@pytest.mark.parametrize("options", [("--judges", "best"), ("--limit", "0"), ("--limit", "-1")])
def test_wrong_options_end_with_2(claims: Path, options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        report(claims, *options)
    assert caught.value.code == 2


def test_there_must_be_something_to_compare_with(
    claims: Path, loaded: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge-report", "--judge-path", "small"]) == 2
    assert "nothing to compare with" in capsys.readouterr().err
    assert main(["judge-report", "--judge-path", "small", "--data", str(claims)]) == 2
    assert "--items" in capsys.readouterr().err
