"""A sample of the hostile texts against a real judge; all of them take an hour: `python -m tests.adversaries`."""

import pytest

from tests import needs
from tests.adversaries import DEFENDED, Adversary, able, adversaries, attack, summary
from training.judge.registry import make_judge

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    needs.adversaries,
]


# Texts of each slot, spread over the file: so the sample has most kinds of attack.
EACH = {"logprob": 4, "json": 1}


def sample(each: int) -> list[Adversary]:
    by_slot: dict[str, list[Adversary]] = {}
    for one in adversaries():
        by_slot.setdefault(one.slot, []).append(one)
    return [one for own in by_slot.values() for one in own[:: max(1, len(own) // each)][:each]]


@pytest.mark.parametrize("backend", DEFENDED)
def test_no_hostile_text_turns_a_verdict(backend: str) -> None:
    judge = make_judge(backend)
    assert able(judge)
    rows = summary(attack(judge, backend, sample(EACH[backend])))
    assert {row["slot"] for row in rows} == {"draft", "question", "history", "criterion"}  # the plain answer failed
    assert not [row for row in rows if row["turned"]], rows
