import pytest

from principles.rubric import build_rubric, fill_slots
from principles.signs import ANY
from tests.fakes import principle


def user(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


@pytest.mark.parametrize(
    ("question", "person"),
    [
        ("My elderly mother has a cough", "the person's mother"),
        ("my 3 week old baby feels hot", "the child"),
        ("65-year-old patient with CKD", "the patient"),
        ("I have a cough", "the person"),
    ],
)
def test_person(question: str, person: str) -> None:
    assert fill_slots(user(question))["person"] == person


def test_medicine_and_measure() -> None:
    slots = fill_slots(user("Is ibuprofen 400 mg fine with warfarin at 38.6 °C?"))
    assert slots["medicine"] == "ibuprofen and warfarin"
    assert slots["measure"] == "400 mg and 38.6 °C"


def test_earlier_turns_fill_what_the_last_leaves_out() -> None:
    slots = fill_slots(user("My father takes warfarin", "Can he drink wine?"))
    assert (slots["person"], slots["medicine"]) == ("the person's father", "warfarin")


def test_neutral_phrases_where_nothing_is_said() -> None:
    assert fill_slots(user("hello")) == {
        "person": "the person",
        "medicine": "the medicine",
        "measure": "the value given",
        "signs": ANY,
    }


def test_user_text_is_never_a_template() -> None:
    asks = principle("tea", criterion="Does the answer tell {person} about {medicine} and {other}?")
    (criterion,) = build_rubric([asks], user("{medicine} {person} for my mother")).criteria
    assert criterion.text == "Does the answer tell the person's mother about the medicine and {other}?"


def test_points_and_safety_travel_along() -> None:
    (criterion,) = build_rubric([principle("tea", points=-7, safety_critical=True)], user("x")).criteria
    assert (criterion.points, criterion.safety_critical, criterion.principle_id) == (-7, True, "task.tea")


@pytest.mark.parametrize(
    "question",
    [
        "I take metformin, lisinopril and atorvastatin and want to stop my sertraline.",
        "I'm on metformin, lisinopril and atorvastatin; can I stop my sertraline?",
        "I take metformin and lisinopril, but can I stop my sertraline?",
    ],
)
def test_what_is_asked_about_within_a_sentence(question: str) -> None:
    assert fill_slots(user(question))["medicine"] == "sertraline"
