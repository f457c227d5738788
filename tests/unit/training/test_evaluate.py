import json
from pathlib import Path
from typing import Any

import pytest

from agent import NOTICE
from principles.errors import ConfigError, ModelError
from principles.schema import Criterion, Label
from tests.unit.training.judged_runs import (
    CANARY,
    FakeJudge,
    judge_folder,
    read_lines,
    stands_there,
    write_answers,
    write_items,
    write_lines,
)
from training.__main__ import main
from training.common.items import load_items
from training.healthbench.answers import read_answers
from training.healthbench.errata import digest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five items; the answer to item n has n of the four wanted words."""
    return write_items(tmp_path / "bench.jsonl", 5)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return write_answers(tmp_path / "given.jsonl", 5)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def evaluate(data: Path, answers: Path | str, out: Path, *more: str) -> int:
    return main(["evaluate", "--data", str(data), "--answers", str(answers), "--out", str(out), *more])


def lines(out: Path) -> list[dict[str, Any]]:
    return read_lines(out / "items.jsonl")


def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    return found


def test_a_run_leaves_scores_report_and_picture(
    data: Path, given: Path, out: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(data, given, out, "--judge-base-url", "http://me:secret@host:1/v1") == 0
    found = result(out)
    assert found["summary"]["overall"]["score"] == pytest.approx((0 + 0.25 + 0.5 + 0.75 + 1) / 5)
    assert found["summary"]["example_tags"]["theme:odd"]["score"] == pytest.approx(0.5)
    assert found["summary"]["positives"] == {"met": 10, "judged": 20, "rate": 0.5}
    assert (found["notice"], found["canaries"]) == (NOTICE, [CANARY])
    assert [line["canary"] for line in lines(out)] == [CANARY] * 5
    assert found["settings"]["judge"] == {"name": "logprob", "model": None, "endpoint": "http://host:1/v1"}
    page = (out / "report.md").read_text()
    assert "**Score 0.500 ± " in page
    assert NOTICE in page
    assert "logprob" in page
    assert found["settings"]["data"]["sha256"] in page
    assert "| odd | 2 | 0.500" in page
    assert (out / "report.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr()
    assert "score 0.500" in printed.out
    assert "5 items, 20 criteria" in printed.err
    shown = printed.out + printed.err + page + json.dumps(found) + (out / "settings.json").read_text()
    assert "private" not in shown
    assert "secret" not in shown


def test_the_judge_is_made_as_asked(data: Path, given: Path, out: Path, judge: FakeJudge, tmp_path: Path) -> None:
    folder = judge_folder(tmp_path / "j")
    options = (
        "--judge",
        "local",
        "--judge-path",
        str(folder),
        "--judge-cache",
        "c",
        "--judge-model",
        "m",
        "--limit",
        "1",
    )
    assert evaluate(data, given, out, *options) == 0
    local = {"name": "local", "base_url": None, "model": "m", "local": folder, "cache": Path("c")}
    assert judge.made == [local]


def test_a_crash_loses_nothing_that_was_finished(data: Path, given: Path, out: Path, judge: FakeJudge) -> None:
    def crash(answer: str, criterion: Criterion) -> Label:
        if len(judge.asked) == 3:
            raise RuntimeError("crash")
        return stands_there(answer, criterion)

    judge.decide = crash
    with pytest.raises(RuntimeError):
        evaluate(data, given, out)
    assert [line["key"] for line in lines(out)] == ["k0", "k1"]
    judge.decide, judge.asked = stands_there, []
    assert evaluate(data, given, out) == 0
    assert len(judge.asked) == 3
    assert [line["key"] for line in lines(out)] == ["k0", "k1", "k2", "k3", "k4"]
    whole = result(out)
    assert evaluate(data, given, out.with_name("again")) == 0
    assert result(out.with_name("again")) == whole


def test_a_finished_run_only_reports(data: Path, given: Path, out: Path, judge: FakeJudge) -> None:
    evaluate(data, given, out)
    before = (out / "items.jsonl").read_bytes()
    (out / "result.json").unlink()
    assert evaluate(data, given, out) == 0
    assert len(judge.made) == 1
    assert (out / "items.jsonl").read_bytes() == before
    assert result(out)["failed"] == 0


@pytest.mark.parametrize("cut", [1, 20])
def test_a_torn_last_line_is_dropped_and_done_again(
    data: Path, given: Path, out: Path, judge: FakeJudge, cut: int
) -> None:
    evaluate(data, given, out)
    path = out / "items.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    judge.asked = []
    assert evaluate(data, given, out) == 0
    assert len(judge.asked) == 1
    assert [line["key"] for line in lines(out)] == ["k0", "k1", "k2", "k3", "k4"]


def test_a_last_line_of_zeros_is_dropped(data: Path, given: Path, out: Path, judge: FakeJudge) -> None:
    evaluate(data, given, out)
    with (out / "items.jsonl").open("ab") as file:
        file.write(b"\0" * 50 + b"\n")
    assert evaluate(data, given, out) == 0
    assert len(lines(out)) == 5


def test_other_answers_data_or_environment_are_refused(
    data: Path, given: Path, out: Path, judge: FakeJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(data, given, out)
    with monkeypatch.context() as patch:
        patch.setenv("CLINALIGN_BASE_URL", "http://host:1/v1")  # the judge would be another
        assert evaluate(data, given, out) == 2
    given.write_text(given.read_text() + "\n")
    assert evaluate(data, given, out) == 2
    given.write_text(given.read_text()[:-1])
    data.write_text(data.read_text() + "\n")
    assert evaluate(data, given, out) == 2


def test_a_failed_item_loses_no_sibling_and_is_tried_again(
    data: Path, given: Path, out: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    judge.failing = {"1"}
    assert evaluate(data, given, out) == 1
    assert [line["error"] for line in lines(out)] == [None, "no verdict", None, None, None]
    assert (result(out)["failed"], result(out)["summary"]["overall"]["examples"]) == (1, 4)
    assert "1 of 5 items failed: no verdict" in capsys.readouterr().err
    judge.failing, judge.asked = set(), []
    assert evaluate(data, given, out) == 0
    assert [key for key, _ in judge.asked] == ["1"]
    assert result(out)["failed"] == 0


def test_an_answer_that_was_made_is_not_made_again(
    data: Path, out: Path, judge: FakeJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.healthbench.answers import Answer

    made: list[str] = []

    def source(item: Any) -> Answer:
        made.append(item.key)
        if item.key == "k1" and made.count("k1") == 1:
            raise ModelError("no answer")
        return Answer("w0", reviewed=item.key != "k2")

    monkeypatch.setattr("training.healthbench.evaluate.model_answers", lambda *names: source)
    judge.failing = set("01234")
    assert evaluate(data, "agent", out) == 1
    assert not (out / "result.json").exists()  # nothing is graded, so there is nothing to report
    assert [line["response"] for line in lines(out)] == ["w0", None, "w0", "w0", "w0"]
    judge.failing, made[:] = set(), ["k1"]
    assert evaluate(data, "agent", out) == 0
    assert made == ["k1", "k1"]
    assert result(out)["not_reviewed"] == 1
    assert result(out)["settings"]["answers"]["source"] == "agent"


def test_a_dead_endpoint_ends_the_run(
    data: Path, out: Path, tmp_path: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads(data.read_text().splitlines()[0])
    many = write_lines(tmp_path / "many.jsonl", [record | {"key": f"m{n}"} for n in range(15)])
    answers = write_lines(tmp_path / "a.jsonl", [{"key": f"m{n}", "response": ""} for n in range(15)])

    def dead(answer: str, criterion: Criterion) -> Label:
        if len(judge.asked) > 2:
            raise ModelError("gone")
        return stands_there(answer, criterion)

    judge.decide = dead
    assert evaluate(many, answers, out) == 1
    assert len(judge.asked) == 12
    assert "stopped" in capsys.readouterr().err
    assert result(out)["failed"] == 13


def test_answers_of_an_earlier_run_can_be_graded_again(data: Path, given: Path, out: Path, judge: FakeJudge) -> None:
    evaluate(data, given, out)
    again = out.with_name("again")
    assert evaluate(data, out / "items.jsonl", again, "--judge", "json") == 0
    assert result(again)["summary"] == result(out)["summary"]


def test_items_without_an_answer_are_left_out_and_said(
    data: Path, given: Path, out: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    given.write_text("".join(given.read_text().splitlines(keepends=True)[2:]))
    assert evaluate(data, given, out, "--limit", "2") == 0
    assert [line["key"] for line in lines(out)] == ["k2", "k3"]
    assert result(out)["unanswered"] == 2
    assert "2 items have no answer" in capsys.readouterr().err


def test_the_difference_to_an_earlier_run(data: Path, given: Path, out: Path, judge: FakeJudge) -> None:
    evaluate(data, given, out)
    answers = [{"key": f"k{n}", "response": "w0 w1 w2 w3"} for n in range(5)]
    better = write_lines(given.with_name("better.jsonl"), answers)
    torn = (out / "items.jsonl").read_bytes() + b'{"key":"k'  # perhaps that run is at work
    (out / "items.jsonl").write_bytes(torn)
    assert evaluate(data, better, out.with_name("better"), "--against", str(out)) == 0
    assert (out / "items.jsonl").read_bytes() == torn
    assert result(out.with_name("better"))["difference"]["difference"] == pytest.approx(0.5)
    assert "Difference to the earlier run: +0.500" in (out.with_name("better") / "report.md").read_text()


def test_only_runs_of_one_judge_compare(
    data: Path, given: Path, out: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(data, given, out)
    assert evaluate(data, given, out.with_name("b"), "--judge", "json", "--against", str(out)) == 2
    assert "other judge" in capsys.readouterr().err
    assert evaluate(data, given, out.with_name("b"), "--against", str(data.parent)) == 2


def test_a_judge_that_was_trained_again_does_not_compare(
    data: Path, given: Path, out: Path, judge: FakeJudge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = ("--judge", "local", "--judge-path", str(judge_folder(tmp_path / "j", "old")))
    assert evaluate(data, given, out, *local) == 0
    judge_folder(tmp_path / "j", "new")
    assert evaluate(data, given, out.with_name("b"), *local, "--against", str(out)) == 2
    assert "other judge" in capsys.readouterr().err


def test_at_the_floor_the_score_before_clipping_has_an_interval(
    tmp_path: Path, out: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_items(tmp_path / "bad.jsonl", 5, "w0", "w1", *("private" for _ in range(3)))
    assert evaluate(data, write_answers(tmp_path / "a.jsonl", 5), out) == 0
    overall = result(out)["summary"]["overall"]
    assert overall["mean_low"] < overall["mean"] < overall["mean_high"]
    told = f"before clipping {overall['mean']:.3f} (95% {overall['mean_low']:.3f} to {overall['mean_high']:.3f})"
    assert told in capsys.readouterr().out
    assert told in (out / "report.md").read_text()


@pytest.mark.parametrize(
    ("flags", "options", "name", "slope"),
    [
        ((), (), "full", 0.0299),
        ((True, True, None, None, None), (), "hard", 0.0392),
        ((True, None, None, None, None), (), "full", 0.0299),
        ((True,) * 5, ("--set", "consensus"), "consensus", 0.0020),
    ],
)
def test_length_is_adjusted_as_in_the_set(
    data: Path, given: Path, out: Path, judge: FakeJudge, flags: Any, options: Any, name: str, slope: float
) -> None:
    write_lines(
        data, [line | {"hard": hard} for line, hard in zip(read_lines(data), flags, strict=False)] or read_lines(data)
    )
    assert evaluate(data, given, out, *options) == 0
    summary = result(out)["summary"]
    moved = summary["length_adjusted"]["mean"] - summary["overall"]["mean"]
    assert moved == pytest.approx(slope / 500 * (2_000 - summary["characters"]))
    assert summary["benchmark"] == name
    assert f"({name} set: {slope:.4f} for 500 characters)" in (out / "report.md").read_text()


def test_errata_change_the_rubrics_and_are_counted(
    data: Path, given: Path, out: Path, judge: FakeJudge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {"criterion": " w0\n", "points": -5, "why": "the sign is wrong"},
        {"criterion_sha256": digest("w3")[:16], "drop": True, "key": "k4"},
        {"criterion": "w9", "drop": True},
    ]
    errata = write_lines(tmp_path / "errata.jsonl", lines)
    assert evaluate(data, given, out, "--errata", str(errata)) == 0
    # Of items 0 to 3 15 points can be had, of item 4 10; w0, which all but the first have, takes 5.
    assert result(out)["summary"]["overall"]["mean"] == pytest.approx((0 - 5 / 15 + 0 + 5 / 15 + 5 / 10) / 5)
    found = result(out)["corrections"]
    assert (found["changed"], found["dropped"], found["items"], found["unknown"]) == (5, 1, 5, ["line 3"])
    told = "5 criteria with new points and 1 dropped in 5 items; 1 entries match no criterion (line 3)"
    assert told in capsys.readouterr().err
    page = (out / "report.md").read_text()
    assert f"| errata | errata.jsonl, sha256 {result(out)['settings']['errata']['sha256']}: {told} |" in page


def test_runs_with_other_errata_neither_go_on_nor_compare(
    data: Path, given: Path, out: Path, judge: FakeJudge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errata = ("--errata", str(write_lines(tmp_path / "errata.jsonl", [{"criterion": "w0", "drop": True}])))
    assert evaluate(data, given, out, *errata) == 0
    assert evaluate(data, given, out) == 2
    assert evaluate(data, given, out.with_name("b"), "--against", str(out)) == 2
    assert "other errata" in capsys.readouterr().err
    assert evaluate(data, given, out.with_name("b"), *errata, "--against", str(out)) == 0


def test_answers_that_no_judge_could_judge_have_no_score(data: Path, given: Path, out: Path, judge: FakeJudge) -> None:
    judge.decide = lambda answer, criterion: Label.UNKNOWN
    assert evaluate(data, given, out) == 0
    assert result(out)["summary"]["overall"] is None
    assert "none: no example could be scored" in (out / "report.md").read_text()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"response": "a"}', "neither key nor prompt_id"),
        ('{"key": "a"}', "no response"),
        ('{"key": "a", "response": 3}', "not text"),
        ('{"key": "a", "response": "b"}\n{"key": "a", "response": "c"}', "line 2: an earlier record"),
    ],
)
def test_answers_files_that_do_not_fit(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigError, match=reason):
        read_answers(path)


@pytest.mark.parametrize("options", [("--data", "missing.jsonl"), ("--answers", "missing.jsonl")])
def test_bad_input_ends_with_2(
    data: Path, given: Path, out: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert evaluate(data, given, out, *options) == 2
    assert capsys.readouterr().err.startswith("clinalign: ")
    assert not judge.made


def test_answers_of_other_items_are_refused(
    data: Path, given: Path, out: Path, judge: FakeJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    given.write_text('{"key": "z", "response": "a"}')
    assert evaluate(data, given, out) == 2
    assert "answers no item" in capsys.readouterr().err


def test_an_item_is_read_as_it_is_written(data: Path) -> None:
    assert load_items(data)[0].example_tags == ("theme:even",)
