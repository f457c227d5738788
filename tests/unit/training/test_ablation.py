"""The command: order, what a crash may cost, who may judge, and the figures."""

import json
import os
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from agent import NOTICE
from tests.unit.training.ablation_fakes import Maker, quick, served_by
from tests.unit.training.judged_runs import (
    CANARY,
    FakeJudge,
    ManyJudge,
    installed,
    judge_folder,
    read_lines,
    write_items,
    write_lines,
)
from training.__main__ import main
from training.ablation.arms import ARMS
from training.ablation.command import answer_items
from training.ablation.log import working_in
from training.ablation.report import _picture as drawn
from training.common.items import load_items

ROOT = Path(__file__).parents[3]
JUDGED = ("--judge", "local", "--judge-path", "judge")


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quick(monkeypatch)
    monkeypatch.chdir(tmp_path)
    judge_folder(tmp_path / "judge")


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Maker:
    return served_by(Maker(), monkeypatch)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_items(tmp_path / "bench.jsonl", 4, "x")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def ablate(data: Path, out: Path, *more: str) -> int:
    return main(["ablate", "--data", str(data), "--out", str(out), "--rounds", "2", *(more or JUDGED)])


def lines(out: Path, name: str = "answers.jsonl") -> list[dict[str, Any]]:
    return read_lines(out / name)


def report(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "ablation.json").read_text())
    return found


def figures(out: Path, arm: str, number: int = 0) -> dict[str, Any]:
    (found,) = [one for one in report(out)["figures"] if (one["arm"], one["round"]) == (arm, number)]
    return found


def test_a_run_leaves_figures_page_and_picture_and_no_private_text(
    data: Path,
    out: Path,
    judge: FakeJudge,
    maker: Maker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.ablation.report._picture", drawn)
    assert ablate(data, out) == 0
    found = report(out)
    assert (found["items"], found["of"], found["notice"]) == (4, 4, NOTICE)
    assert found["canaries"] == [CANARY]
    ours = figures(out, "retrieved", 2)
    assert ours["score"]["mean"] == pytest.approx((2 * 5 / 20 + 2 * 15 / 20 - 4 * 2 / 20) / 4)
    assert ours["negatives"] == {"met": 4, "judged": 4, "rate": 1.0}
    assert (ours["words"], ours["changed"], ours["calls"], ours["seconds"]) == (4, 1, 3, 1)
    page = (out / "ablation.md").read_text()
    assert "| retrieved, round 2 | 0.400 ± " in page
    assert NOTICE in page
    assert CANARY in page
    assert (out / "ablation.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr()
    assert "private" not in printed.out + printed.err + page + json.dumps(found) + (out / "settings.json").read_text()
    kept = lines(out) + lines(out, "grades.jsonl")
    assert all(line["canary"] == CANARY for line in kept)


def test_differences_are_paired(data: Path, out: Path, judge: FakeJudge, maker: Maker) -> None:
    ablate(data, out)
    versus = {one["reference"]: one for one in figures(out, "retrieved", 1)["versus"]}
    assert list(versus) == [arm for arm in ARMS if arm != "retrieved"]
    assert (versus["self_refine"]["round"], versus["draft"]["round"]) == (1, 0)
    # Item by item -0.1, +0.4, -0.1, +0.4: resampled in pairs the interval is within these.
    assert versus["draft"]["score"]["difference"] == pytest.approx(0.15)
    assert -0.1 <= versus["draft"]["score"]["low"] < 0.15 < versus["draft"]["score"]["high"] <= 0.4
    # Unpaired, the spread of the scores themselves would be in it: equal answers differ by exactly nothing.
    same = {one["reference"]: one["score"] for one in figures(out, "random", 1)["versus"]}
    assert (same["draft"]["low"], same["draft"]["high"]) == (0, 0)
    longer = versus["draft"]["length_adjusted"]["difference"]
    assert longer < versus["draft"]["score"]["difference"]
    (last,) = [one["round"] for one in figures(out, "in_prompt")["versus"] if one["reference"] == "self_refine"]
    assert last == 2
    page = (out / "ablation.md").read_text()
    assert "| random, round 2 | +0.150 (" in page.split("rests on")[1]


def test_items_are_gone_through_one_by_one(data: Path, out: Path, judge: FakeJudge, maker: Maker) -> None:
    assert ablate(data, out) == 0
    assert maker.made == [(f"k{n}", arm) for n in range(4) for arm in ARMS]
    assert [(line["key"], line["arm"]) for line in lines(out)] == maker.made


def test_a_crash_loses_nothing_that_was_finished(
    data: Path, out: Path, judge: FakeJudge, maker: Maker, tmp_path: Path
) -> None:
    maker.crash_at = 10
    with pytest.raises(RuntimeError):
        ablate(data, out)
    assert len(lines(out)) == 10
    maker.crash_at, maker.made = None, []
    assert ablate(data, out) == 0
    assert maker.made == [(f"k{n}", arm) for n in range(4) for arm in ARMS][10:]
    assert ablate(data, tmp_path / "whole") == 0
    for name in ("answers.jsonl", "grades.jsonl", "ablation.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_after_a_kill_all_finished_lines_are_there(data: Path, out: Path) -> None:
    """A process that kills itself while it makes its sixth answer."""
    code = f"""
import os, signal
from pathlib import Path
from tests.unit.training.ablation_fakes import scripted
from training.ablation.command import answer_items
from training.ablation.arms import ARMS
from training.ablation.log import working_in
from training.ablation.report import _picture as drawn
from training.common.items import load_items
count = 0
def make(arm, item, before):
    global count
    count += 1
    if count == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return scripted(arm, item, before)
with working_in(Path({str(out)!r}), {{"a": 1}}) as log:
    answer_items(load_items(Path({str(data)!r})), ARMS, make, log)
"""
    died = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert died.returncode == -signal.SIGKILL
    with (out / "answers.jsonl").open("ab") as file:
        file.write(b'{"key":"k0","arm":"in_prom')  # as a kill in the middle of a write leaves it
    maker = Maker()
    with working_in(out, {"a": 1}) as log:
        answer_items(load_items(data), ARMS, maker, log)
    assert maker.made[0] == ("k0", ARMS[5])
    assert [(line["key"], line["arm"]) for line in lines(out)] == [(f"k{n}", arm) for n in range(4) for arm in ARMS]


def test_a_finished_run_only_reports_and_the_same_answers_are_graded_once(
    data: Path, out: Path, judge: FakeJudge, maker: Maker
) -> None:
    ablate(data, out)
    assert len(judge.asked) == len(set(judge.asked)) == 2 * 2 + 2 * 3
    before = (out / "ablation.md").read_bytes()
    (out / "ablation.md").unlink()
    judge.made.clear()
    assert ablate(data, out) == 0
    assert judge.made == []
    assert (out / "ablation.md").read_bytes() == before


def test_another_judge_grades_the_answers_that_are_there(data: Path, out: Path, judge: FakeJudge, maker: Maker) -> None:
    ablate(data, out)
    maker.made, judge.asked = [], []
    other = ("--judge", "json", "--judge-base-url", "http://host:1/v1", "--judge-model", "m")
    assert ablate(data, out, *other) == 0
    assert maker.made == []
    assert len(judge.asked) == 10
    assert report(out)["settings"]["judge"]["model"] == "m"


def test_a_local_judge_that_was_trained_again_is_another(
    data: Path, out: Path, judge: FakeJudge, maker: Maker, tmp_path: Path
) -> None:
    folder = judge_folder(tmp_path / "small")
    for content in ("1", "2", "2"):
        (folder / "trees.txt").write_text(content)
        assert ablate(data, out, "--judge", "local", "--judge-path", str(folder)) == 0
    assert len(judge.asked) == 20


def test_answers_of_arms_that_were_made_in_another_way_are_not_gone_on_with(
    data: Path,
    out: Path,
    judge: FakeJudge,
    maker: Maker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ablate(data, out) == 0
    monkeypatch.setattr("training.ablation.command.MADE_BY", ("workshop.py",))
    assert ablate(data, out) == 2
    assert "making was" in capsys.readouterr().err


def test_length_is_weighed_as_in_the_set_that_is_named(
    data: Path, out: Path, judge: FakeJudge, maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    def adjusted(*more: str) -> float:
        assert ablate(data, out, *JUDGED, *more) == 0
        found = figures(out, "draft")
        return float((found["length_adjusted"]["mean"] - found["score"]["mean"]) / (2_000 - found["characters"]) * 500)

    assert adjusted() == pytest.approx(0.0299)
    assert adjusted("--set", "professional") == pytest.approx(0.0147)
    assert "0.0147 for 500 characters, as in the professional set" in (out / "ablation.md").read_text()
    assert "| set | professional |" in (out / "ablation.md").read_text()


@pytest.mark.parametrize(
    "options",
    [
        ("--judge", "logprob"),
        ("--judge", "json"),
        ("--judge", "simple"),
        ("--judge", "logprob", "--base-url", "http://me:s@h:1/v1", "--judge-base-url", "http://h:1/v1"),
        ("--judge", "logprob", "--base-url", "http://h:1/v1", "--judge-base-url", "http://H:1/v1/"),
        (
            *("--judge", "json", "--base-url", "http://h:1/v1", "--model", "m"),
            *("--judge-base-url", "http://h:1/v1", "--judge-model", "m"),
        ),
    ],
)
def test_the_agents_own_judge_is_refused(
    data: Path,
    out: Path,
    judge: FakeJudge,
    maker: Maker,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
) -> None:
    assert ablate(data, out, *options) == 2
    assert "would be the model that revises" in capsys.readouterr().err
    assert (maker.made, judge.made) == ([], [])


def test_the_environments_endpoint_is_the_agents_own_too(
    data: Path, out: Path, judge: FakeJudge, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINALIGN_BASE_URL", "http://h:1/v1")
    monkeypatch.setenv("CLINALIGN_MODEL", "m")
    assert ablate(data, out, "--judge", "logprob") == 2
    assert ablate(data, out, "--judge", "logprob", "--judge-base-url", "http://other:1/v1") == 0


def test_another_model_on_the_same_endpoint_may_judge(data: Path, out: Path, judge: FakeJudge, maker: Maker) -> None:
    here = ("--base-url", "http://h:1/v1", "--judge-base-url", "http://h:1/v1")
    assert ablate(data, out, "--judge", "json", *here, "--model", "a", "--judge-model", "b") == 0


def test_a_part_can_be_reported_on_complete_items_only(
    data: Path, out: Path, judge: FakeJudge, maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    maker.crash_at = len(ARMS) + 3
    with pytest.raises(RuntimeError):
        ablate(data, out)
    before = (out / "answers.jsonl").read_bytes()
    assert ablate(data, out, *JUDGED, "--report-only") == 1
    assert (out / "answers.jsonl").read_bytes() == before
    assert (report(out)["items"], report(out)["of"]) == (1, 4)
    assert all(one["items"] == 1 for one in report(out)["figures"])
    assert "3 of 4 items are not complete" in capsys.readouterr().err


def test_there_must_be_something_to_report_on(data: Path, out: Path, judge: FakeJudge, maker: Maker) -> None:
    assert ablate(data, out, *JUDGED, "--report-only") == 2
    assert not out.exists()


def test_a_failed_arm_leaves_its_item_out_until_it_is_made(
    data: Path, out: Path, judge: FakeJudge, maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    maker.failing = {("k1", "retrieved")}
    assert ablate(data, out) == 1
    made = [arm for key, arm in maker.made if key == "k1"]
    assert made == ["draft", "self_refine", "retrieved", "random", "all"]  # what is made from it has to wait
    assert report(out)["items"] == 3
    assert "1 answers failed: the endpoint failed" in capsys.readouterr().err
    maker.failing, maker.made = set(), []
    assert ablate(data, out) == 0
    assert maker.made == [("k1", "retrieved"), ("k1", "in_prompt"), ("k1", "length_matched")]
    assert report(out)["items"] == 4


def test_a_judge_that_fails_leaves_the_item_out_until_it_answers(
    data: Path, out: Path, judge: FakeJudge, maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    judge.failing = {"2"}
    assert ablate(data, out) == 1
    assert report(out)["items"] == 3
    assert "the judge failed on 1 items: no verdict" in capsys.readouterr().err
    judge.failing, judge.asked = set(), []
    assert ablate(data, out) == 0
    assert {key for key, _ in judge.asked} == {"2"}


def test_a_dead_endpoint_ends_the_run(data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads(data.read_text().splitlines()[0])
    write_lines(data, [record | {"key": f"k{n}"} for n in range(15)])
    maker = Maker()
    maker.failing = {(f"k{n}", "draft") for n in range(15)}
    with working_in(out, {}) as log:
        answer_items(load_items(data), ARMS, maker, log)
    assert len(maker.made) == 10
    assert "stopped" in capsys.readouterr().err


def test_a_judge_that_takes_many_answers_gets_those_of_an_item_at_once(
    data: Path, out: Path, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = ManyJudge()
    installed(many, monkeypatch)
    assert ablate(data, out) == 0
    assert (many.passes, len(many.asked)) == (4, 10)
    assert figures(out, "retrieved", 2)["score"]["mean"] == pytest.approx(0.4)


def test_some_arms(data: Path, out: Path, judge: FakeJudge, maker: Maker) -> None:
    assert ablate(data, out, *JUDGED, "--arms", "retrieved, self_refine") == 0
    assert maker.made[:3] == [("k0", "draft"), ("k0", "self_refine"), ("k0", "retrieved")]
    assert {one["arm"] for one in report(out)["figures"]} == {"draft", "self_refine", "retrieved"}


def test_the_workshop_is_made_of_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.llm.endpoint import Endpoint
    from tests.fakes import FixedRetriever
    from training.ablation.command import _workshop

    asked: list[Any] = []

    def resolve(*given: Any) -> Endpoint:
        asked.append(given[:2])
        return Endpoint("http://127.0.0.1:1/v1", "m", "", 4_096)

    monkeypatch.setattr("agent.llm.endpoint.resolve_endpoint", resolve)
    monkeypatch.setattr("retrieval.retriever.load_retriever", FixedRetriever)
    shop = _workshop(Namespace(model="m", base_url="u", rounds=2)).__self__  # type: ignore[attr-defined]
    assert asked == [("m", "u")]
    assert (shop.rounds, shop.context_tokens) == (2, 4_096)
