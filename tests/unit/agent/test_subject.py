"""When an emergency is over, and when another subject begins."""

import pytest

from agent.scenario.subject import in_hand, is_over, searched

PAIN = [
    {"role": "user", "content": "I have strong chest pain and sweat."},
    {"role": "assistant", "content": "Call an ambulance now."},
]


def asked(last: str) -> list[dict[str, str]]:
    return [*PAIN, {"role": "user", "content": last}]


@pytest.mark.parametrize(
    "last",
    [
        "They treated me in hospital, I am home and well now. What should I eat this week?",
        "That was a false alarm, all fine. Which shoes are good for running?",
        "It happened three weeks ago and I feel good again. Can I fly on Sunday?",
        "The doctor said it was a muscle and sent me home. How can I stretch it?",
        "He is well again, it was on Tuesday, and his GP has changed the tablets. Can he swim?",
        "That was in 2019 and I have led a normal life since. Is garlic good for me?",
    ],
)
def test_what_is_over_leaves_its_question(last: str) -> None:
    assert is_over(last)
    (kept,) = in_hand(asked(last))
    assert kept["content"].endswith("?")
    assert "hospital" not in kept["content"]


@pytest.mark.parametrize(
    "last",
    [
        "I feel fine now. What should I eat?",
        "They treated me and sent me home, but the pain is back. What should I eat?",
        "I refused to go with the ambulance and feel well. What is good for breakfast?",
        "Can I wait until tomorrow?",
        "ok",
        "By the way, it is a different question, but the pain is back, does it matter?",
        "What do I do now?",
        "Should he take an aspirin?",
    ],
)
def test_what_is_not_over_is_still_in_hand(last: str) -> None:
    turns = asked(last)
    assert in_hand(turns) is turns
    assert searched(turns) is turns


@pytest.mark.parametrize(
    "last",
    [
        "Thank you. Now please give me a recipe for lentil soup.",
        "By the way, which films are good for children?",
        "Quite unrelated: is brown rice better than white rice?",
        "lentil soup recipe",
    ],
)
def test_another_subject_inherits_nothing(last: str) -> None:
    assert [turn["content"] for turn in in_hand(asked(last))] == [last]
    assert [turn["content"] for turn in searched(asked(last))] == [last]


def test_the_only_question_is_in_hand_whatever_it_says() -> None:
    turns = [{"role": "user", "content": "They treated me, I am home. What should I eat?"}]
    assert in_hand(turns) is turns
