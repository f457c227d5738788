"""The warning signs that are named are those of the complaint."""

import pytest

from principles.rubric import advising, fill_slots
from principles.signs import ANY, all_signs, signs_of
from tests.fakes import principle


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("question", "sign"),
    [
        ("I've had a headache since yesterday, should I worry?", "stiff neck"),
        ("My lower back hurts after gardening", "numbness between the legs"),
        ("Burning when I pee, is it a UTI?", "pain in the side"),
        ("My stomach has been cramping for a week", "black, tarry stool"),
        ("I'm 30 weeks pregnant and have a headache", "the baby moves less"),
        ("My son bumped his head at nursery this morning", "clear fluid"),
        ("Our 2-week-old has a runny nose", "hard to wake"),
        ("An itchy rash on my arms for three days", "do not fade when pressed"),
    ],
)
def test_signs_are_those_of_the_complaint(question: str, sign: str) -> None:
    assert sign in signs_of(question)


@pytest.mark.parametrize("question", ["Is a yeast infection passed on by sex?", "What should I eat this week?"])
def test_a_question_without_a_known_complaint_gets_none(question: str) -> None:
    assert signs_of(question) == ""
    assert fill_slots(user(question))["signs"] == ANY


def test_an_earlier_turn_tells_the_complaint_where_the_last_does_not() -> None:
    turns = [*user("I have a migraine"), {"role": "assistant", "content": "I see."}, *user("When should I worry?")]
    assert "stiff neck" in fill_slots(turns)["signs"]


def test_advice_is_worded_for_the_question() -> None:
    warning = principle("warn", advice="Go to an emergency department if {signs}.")
    [worded] = advising([warning], user("My back hurts"))
    assert worded.advice.startswith("Go to an emergency department if there is numbness between the legs")
    assert worded.id == warning.id


def test_every_list_follows_an_if() -> None:
    assert [signs for signs in all_signs() if not signs[0].islower() or signs.endswith(".")] == []
