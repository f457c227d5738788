"""The reader of claims as it is shipped, over the bundled cards."""

import pytest

from agent.claims import Claims, load_claim_critic
from principles.schema import Label
from retrieval.encoder import load_encoder

QUESTION = "I have an H. pylori breath test on Friday and take omeprazole every day. Do I carry on with it?"
RIGHT = "Stop omeprazole two weeks before the breath test, since it can hide the infection."
WRONG = "You can keep taking omeprazole right up to the morning of the test, because it has no effect on the result."


@pytest.fixture(scope="module")
def claims() -> Claims:
    critic = load_claim_critic(load_encoder())
    assert critic
    return critic.about(QUESTION)


def test_a_common_error_is_found_with_the_card_that_corrects_it(claims: Claims) -> None:
    (found,) = claims.contradictions(f"It is good that you ask. {WRONG} Do not eat before it.")
    assert found.unit.text == WRONG
    assert "PPI" in found.fact.statement
    assert claims.verdict(WRONG, found.fact).label is Label.MET
    assert claims.verdict(RIGHT, found.fact).label is Label.NOT_MET


def test_what_is_right_is_left_alone(claims: Claims) -> None:
    assert claims.contradictions(RIGHT) == []


def test_a_sentence_that_only_repeats_the_question_is_no_error(claims: Claims) -> None:
    again = "If you have an H. pylori breath test on Friday and take omeprazole every day, it helps to ask early."
    assert claims.contradictions(again) == []


def test_a_flat_yes_to_what_a_card_is_against_is_found_and_a_flat_no_is_not() -> None:
    critic = load_claim_critic(load_encoder())
    assert critic
    about = critic.about("Can I take ibuprofen with warfarin?")
    (found,) = about.contradictions("Yes, you can take ibuprofen with warfarin. Watch for signs of bleeding.")
    assert found.fact.id == "fact.nsaid-with-warfarin"
    assert about.contradictions("No, you should not take ibuprofen with warfarin.") == []
