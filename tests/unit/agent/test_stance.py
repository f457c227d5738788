"""What sentences allow and cards are against, by their words."""

import pytest

from agent.stance import allows, is_against, opposed
from principles.facts import Fact, load_facts


def card(key: str) -> Fact:
    found = load_facts().get(key)
    assert isinstance(found, Fact)
    return found


@pytest.mark.parametrize(
    "sentence",
    [
        "Yes, you can take ibuprofen with warfarin.",
        "It is generally safe to give honey to a baby.",
        "There is no interaction between the two.",
        "The two can safely be taken together.",
        "Grapefruit juice does not interact with simvastatin.",
        "That is a good choice for a child.",
    ],
)
def test_sentences_that_allow(sentence: str) -> None:
    assert allows(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "No, ibuprofen should not be taken with warfarin.",
        "Yes, it raises the risk of bleeding.",
        "You can take it only if your doctor agrees.",
        "Yes, you should avoid it.",
        "It is safe unless you have kidney disease.",
        "It isn't safe.",
        "Drink plenty of water.",
    ],
)
def test_sentences_that_warn_or_say_neither(sentence: str) -> None:
    assert not allows(sentence)


def test_what_cards_are_against() -> None:
    assert is_against(card("fact.nsaid-with-warfarin"))
    assert is_against(card("fact.child-honey-for-cough-over-one"))
    for allowing in (
        "fact.paracetamol-with-ibuprofen-adults",
        "fact.ibuprofen-breastfeeding",
        "fact.vacc-egg-allergy-mmr",
    ):
        assert not is_against(card(allowing)), allowing


def test_a_sentence_is_opposed_to_a_card_that_warns() -> None:
    assert opposed("Yes, you can take ibuprofen with warfarin.", card("fact.nsaid-with-warfarin"))
    assert not opposed("No, you should not.", card("fact.nsaid-with-warfarin"))
    assert not opposed("Yes, you can take both.", card("fact.paracetamol-with-ibuprofen-adults"))
