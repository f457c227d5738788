"""A sample of the hostile texts against a real judge; all of them take an hour: `python -m tests.adversaries`."""

import pytest

from tests import needs
from tests.adversaries import Adversary, able, adversaries, attack, summary
from training.judge.registry import make_judge

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    needs.adversaries,
]


# Texts of each slot, spread over the file: so the sample has most kinds of attack.
EACH = 4


def sample() -> list[Adversary]:
    by_slot: dict[str, list[Adversary]] = {}
    for one in adversaries():
        by_slot.setdefault(one.slot, []).append(one)
    return [one for own in by_slot.values() for one in own[:: max(1, len(own) // EACH)][:EACH]]


def test_no_hostile_text_turns_a_verdict() -> None:
    """Of the agent's critic. The ids in the prompts of the JSON judge are new in each process, and so are the verdicts
    of the small model by it: one run says little of it, and may find it unable to say yes at all."""
    judge = make_judge("logprob")
    assert able(judge)
    rows = summary(attack(judge, "logprob", sample()))
    assert {row["slot"] for row in rows} == {"draft", "question", "history", "criterion"}  # the plain answer failed
    assert not [row for row in rows if row["turned"]], rows
