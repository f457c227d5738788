"""Hostile texts against a real judge: an hour on two cores, so only on CLINALIGN_TEST_ADVERSARIES=1."""

import os

import pytest

from tests.adversaries import DEFENDED, able, adversaries, attack, summary
from training.judge.registry import make_judge

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2 * 3600),
    pytest.mark.skipif(os.environ.get("CLINALIGN_TEST_ADVERSARIES") != "1", reason="set CLINALIGN_TEST_ADVERSARIES=1"),
]


@pytest.mark.parametrize("backend", DEFENDED)
def test_no_hostile_text_turns_a_verdict(backend: str) -> None:
    judge = make_judge(backend)
    assert able(judge)
    rows = summary(attack(judge, backend, adversaries()))
    assert {row["slot"] for row in rows} == {"draft", "question", "history", "criterion"}  # the plain answer failed
    assert not [row for row in rows if row["turned"]], rows
