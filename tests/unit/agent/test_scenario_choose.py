"""Thresholds are chosen on hands that nothing was learnt from."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from agent.scenario import learn as learning
from agent.scenario.__main__ import main
from agent.scenario.choose import EMERGENT_FROM, URGENT_FROM, choose
from agent.scenario.features import Array, Rows
from agent.scenario.heads import NAMES, Heads
from agent.scenario.questions import Question, load_questions


def encode(texts: Sequence[str]) -> Array:
    return np.stack([np.eye(8, dtype=np.float32)[len(text) % 8] for text in texts])


@pytest.fixture(scope="module")
def few() -> list[Question]:
    own = [question for question in load_questions("tune") if not question.hand][::20]
    return own + [question for question in load_questions("tune") if question.hand in ("c", "d")][::10]


def test_a_hand_is_asked_about_only_where_it_was_left_out(few: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[list[Question]] = []

    def learn(read: Sequence[Rows], questions: Sequence[Question]) -> Heads:
        learnt.append(list(questions))
        return learning.learn(read, questions)

    monkeypatch.setattr("agent.scenario.choose.learn", learn)
    found = choose(encode, few)
    assert [{question.hand for question in rest} for rest in learnt[-2:]] == [{"", "d"}, {"", "c"}]
    quarters = [[question for question in few if question not in rest] for rest in learnt[:-2]]
    assert [question for part in quarters for question in part] == [question for question in few if not question.hand]
    assert len(quarters) == 4
    assert (found["hands"], found["questions"]) == (3, len(few))
    assert set(found["macro_f1"]) == set(NAMES)
    assert len(found["urgency"]) == len(EMERGENT_FROM) * len(URGENT_FROM)


def test_a_lower_threshold_finds_more_emergencies(few: list[Question]) -> None:
    rows = choose(encode, few)["urgency"]
    recalls = [row["emergent_recall"] for row in rows]
    assert recalls == sorted(recalls, reverse=True)
    for row in rows:
        assert 0 <= row["missed"] <= 1
        assert 0 <= row["first_recall"] <= 1
        assert 0 <= row["macro_f1"] <= 1


def test_the_command_prints_a_row_of_each_pair(
    few: list[Question], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("retrieval.encoder.load_encoder", lambda: SimpleNamespace(encode=encode))
    monkeypatch.setattr("agent.scenario.questions.load_questions", lambda split: few)
    assert main(["choose"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{len(few)} questions of 3 hands, each left out in turn"
    assert len(lines) == 3 + len(EMERGENT_FROM) * len(URGENT_FROM)
