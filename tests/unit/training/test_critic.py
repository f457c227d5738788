"""The labels that the critic learns from, and that what ships was learnt from them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.critic.belonging import load_belonging, mark
from agent.scenario.questions import load_questions
from principles.library import load_library
from retrieval.encoder import load_encoder
from training.__main__ import main
from training.critic import labels, measure

PRINCIPLES = load_library().principles


@pytest.mark.parametrize("name", ["learn.tsv", *labels.READERS])
def test_labels_name_principles_of_the_library_and_each_question_once(name: str) -> None:
    rows = [line.split("\t") for line in labels.text_of(name).splitlines()]
    known = {one.id for one in PRINCIPLES}
    assert {len(row) for row in rows} == {3}
    assert {one for _, yes, may in rows for one in (yes + " " + may).split()} - known == set()
    assert [row[0] for row in rows if set(row[1].split()) & set(row[2].split())] == []
    split = "tune" if name == "learn.tsv" else "blind"
    assert sorted(row[0] for row in rows) == sorted(one.id for one in load_questions(split))


def test_what_ships_was_learnt_from_these_labels_and_this_library() -> None:
    learnt = load_belonging(load_encoder())
    assert learnt is not None, "learn it anew: python -m training critic learn"
    assert learnt.made_for[2] == labels.data_digest(), "labels or questions have changed since: learn it anew"
    assert learnt.marks.tolist() == [mark(one) for one in PRINCIPLES], "principles have changed since: learn it anew"


def labelled(yes: Any, may: Any) -> labels.Labelled:
    return labels.Labelled([], [], [], np.array(yes, dtype=np.float32), np.array(may, dtype=np.float32))


def test_figures_are_of_what_would_be_picked() -> None:
    yes, may = np.zeros((6, 3)), np.zeros((6, 3))
    yes[:3, 0], yes[3:, 1], may[0, 2] = 1, 1, 1
    found = np.where(yes == 1, 0.9, 0.1)
    found[0, 2] = 0.8  # may
    found[0, 1] = 0.7  # wrong
    found[2, 0] = 0.45  # not safety-critical: not picked
    least, kinds = np.array([0.8, 0.6, 0.8]), {"second": np.array([False, True, False])}
    shown = measure.figures(found.astype(np.float32), labelled(yes, may), least, kinds)
    assert shown["picked"] == pytest.approx(7 / 6)
    assert shown["belong"] == pytest.approx(5 / 7)
    assert shown["belong_or_may"] == pytest.approx(6 / 7)
    assert shown["found"] == pytest.approx(5 / 6)
    assert shown["by_kind"]["second"] == {"picked": pytest.approx(4 / 6), "belong_or_may": 3 / 4, "found": 1}
    assert 0.9 < shown["auc"] < 1
    assert shown["interval"][0] <= shown["auc"] <= shown["interval"][1]


def test_two_readers_agree_or_not() -> None:
    one, other = labelled([[1, 0], [0, 1]], [[0, 0], [0, 0]]), labelled([[1, 0], [0, 0]], [[0, 0], [0, 1]])
    assert measure.agreement([one, one]) == {"kappa": 1, "kept": 1}
    assert measure.agreement([one, other]) == {"kappa": pytest.approx(0.5), "kept": 1}


def test_learning_writes_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Learnt:
        def written(self) -> bytes:
            return b"learnt"

    class Nothing:
        class retriever:
            class library:
                principles = PRINCIPLES

    monkeypatch.setattr("agent.resources.load_search", Nothing)
    monkeypatch.setattr("training.critic.learn.read", lambda search, turns: None)
    monkeypatch.setattr("training.critic.learn.learn", lambda search, labelled, read: Learnt())
    assert main(["critic", "learn", "--out", str(tmp_path / "new.npz")]) == 0
    assert (tmp_path / "new.npz").read_bytes() == b"learnt"
    assert "119 principles" in capsys.readouterr().err


def test_measuring_prints_figures_by_reader(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Nothing:
        class retriever:
            class library:
                principles = PRINCIPLES

    monkeypatch.setattr("agent.resources.load_search", Nothing)
    monkeypatch.setattr(measure, "RESAMPLES", 2)
    monkeypatch.setattr(measure, "chances", lambda search, labelled: labelled.yes)
    assert main(["critic", "measure"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["blind, reader 1"]["auc"] == 1
    assert report["readers"]["kappa"] > 0.8
