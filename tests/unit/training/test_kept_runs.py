"""What `evaluate` and `ablate` refuse alike: a folder that another run began or uses, damage, wrong options."""

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.unit.training.ablation_fakes import Maker, quick, served_by
from tests.unit.training.judged_runs import FakeJudge, judge_folder, write_answers, write_items
from training.__main__ import main

Run = Callable[..., int]
COMMANDS = ("evaluate", "ablate")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    quick(monkeypatch)
    return served_by(Maker(), monkeypatch)


@pytest.fixture
def run(tmp_path: Path, out: Path, judge: FakeJudge, maker: Maker) -> Run:
    """A command over four items, with the options that it cannot do without; those given come last, and win."""
    data = write_items(tmp_path / "bench.jsonl", 4, "x")
    answers = write_answers(tmp_path / "given.jsonl", 4)
    own = {
        "evaluate": ("--answers", str(answers)),
        "ablate": ("--rounds", "2", "--judge", "local", "--judge-path", str(judge_folder(tmp_path / "judge"))),
    }

    def give(command: str, *options: str) -> int:
        return main([command, "--data", str(data), "--out", str(out), *own[command], *options])

    return give


@pytest.mark.parametrize(
    ("command", "options", "named"),
    [
        *((command, ("--limit", "3"), "limit was null") for command in COMMANDS),
        *((command, ("--shuffle-seed", "1"), "shuffle_seed was null") for command in COMMANDS),
        ("evaluate", ("--judge", "json"), "judge was"),
        ("evaluate", ("--judge-model", "other"), "judge was"),
        ("ablate", ("--rounds", "3"), "rounds was 2"),
        ("ablate", ("--arms", "retrieved"), "arms was"),
        ("ablate", ("--model", "other"), "answers was"),
        ("ablate", ("--base-url", "http://host:1/v1"), "answers was"),
    ],
)
def test_other_settings_are_refused(
    run: Run, capsys: pytest.CaptureFixture[str], command: str, options: tuple[str, ...], named: str
) -> None:
    assert run(command) == 0
    assert run(command, *options) == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_judge_that_was_moved_is_the_same_and_one_trained_again_is_not(
    run: Run, tmp_path: Path, out: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def given(folder: Path) -> tuple[str, ...]:
        return "--judge", "local", "--judge-path", str(folder)

    folder = judge_folder(tmp_path / "small")
    (folder / "trees.txt").write_text("old")
    assert run(command, *given(folder)) == 0
    asked = len(judge.asked)
    assert run(command, *given(folder.rename(tmp_path / "moved"))) == 0
    assert len(judge.asked) == asked
    (tmp_path / "moved" / "trees.txt").write_text("new")
    if command == "ablate":  # another judge grades the answers that are there
        assert run(command, *given(tmp_path / "moved")) == 0
        assert len(judge.asked) == 2 * asked
    else:
        assert run(command, *given(tmp_path / "moved")) == 2
        assert "judge was" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_judges_folder_without_files_is_named(run: Run, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run(command, "--judge", "local", "--judge-path", "nowhere") == 2
    assert "nowhere: there is no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_two_runs_do_not_share_a_folder(run: Run, out: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run(command) == 0
    with FileLock(out / ".lock"):
        assert run(command) == 2
    assert "another run writes there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "name", "field", "line"),
    [("evaluate", "items.jsonl", '"key":"k1"', 2), ("ablate", "answers.jsonl", '"arm":"retrieved"', 3)],
)
def test_a_damaged_line_in_the_middle_is_named(
    run: Run, out: Path, capsys: pytest.CaptureFixture[str], command: str, name: str, field: str, line: int
) -> None:
    assert run(command) == 0
    path = out / name
    path.write_text(path.read_text().replace(field, f'"x{field[1:]}', 1))
    assert run(command) == 2
    assert f"{name}: line {line} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "options"),
    [
        *((command, ("--limit", "0")) for command in COMMANDS),
        *((command, ("--limit", "x")) for command in COMMANDS),
        *((command, ("--judge", "nobody")) for command in COMMANDS),
        ("ablate", ("--arms", "nothing")),
        ("ablate", ("--arms", "in_prompt")),
        ("ablate", ("--rounds", "0")),
        ("ablate", ("--rounds", "11")),
    ],
)
def test_wrong_options_end_with_2(run: Run, command: str, options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(command, *options)
    assert caught.value.code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_local_judge_needs_its_folder(
    tmp_path: Path, judge: FakeJudge, maker: Maker, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    data = write_items(tmp_path / "bench.jsonl", 4)
    assert main([command, "--data", str(data), "--out", str(tmp_path / "out"), "--judge", "local"]) == 2
    assert capsys.readouterr().err.startswith("clinalign: --judge local needs --judge-path")
    assert (maker.made, judge.made) == ([], [])
