"""What a review never takes away, and how a document is told from advice."""

from typing import Any

import pytest

from agent import keep
from agent.document import wants_document
from principles.schema import Scenario, Task
from tests.fakes import FixedClassifier, WordEncoder

CALM: Scenario = FixedClassifier().classify([])


@pytest.mark.parametrize(
    "sentence",
    [
        *("Call 911 now.", "Go to A&E straight away.", "Ring your poison control centre.", "Use the auto-injector."),
        *("Do not wait, drive to the hospital.", "Press firmly on the wound.", "Llame al 112 ahora."),
        *("Rufen Sie sofort den Notruf.", "Срочно звоните 103.", "请马上拨打120或去医院急诊。"),
        *("すぐに救急車を呼んでください。", "اتصل بالإسعاف فورًا.", "Zadzwoń na pogotowie.", "तुरंत अस्पताल जाएँ।"),
    ],
)
def test_what_tells_to_get_help(sentence: str) -> None:
    assert keep.is_urgent(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        *("Drink water and rest.", "This is not an emergency.", "There is no need to go to hospital."),
        *("You can wait until Monday.", "Your blood pressure of 120/80 is fine.", "Take 112 mg with food."),
        *("Ruhen Sie sich aus.", "Пейте больше воды."),
    ],
)
def test_what_does_not(sentence: str) -> None:
    assert not keep.is_urgent(sentence)


def test_stopping_a_culprit_is_told_by_the_reaction() -> None:
    assert keep.speaks_of_stopping("Stop taking lisinopril now.")
    assert keep.speaks_of_stopping("Nehmen Sie es nicht weiter.")
    assert keep.tells_of_a_reaction([{"role": "user", "content": "My lips are swollen."}])
    assert not keep.tells_of_a_reaction([{"role": "user", "content": "I want to quit sertraline."}])


def test_the_first_the_nearest_and_yes_or_no_answer_the_question() -> None:
    answer = "Here is my view. No, it does not. Soup is warm. The vaccine is safe for you. Eat well."
    kept = keep.answering(answer, "Is the vaccine safe?", WordEncoder().encode)
    assert {answer[start:].split(".")[0] for start in kept} == {
        "Here is my view",
        "No, it does not",
        "The vaccine is safe for you",
    }


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("Turn this into a structured clinic note: 'Hb stable, phone visit'", True),
        ("Translate into Polish: take with food", True),
        ("Summarise this leaflet in five bullet points.", True),
        ("Write a python function for the body mass index", True),
        ("Put this into Spanish: take with food", True),
        ("tl;dr of this leaflet", True),
        ("Fix the grammar: patient do well", True),
        ("How do I write a letter to my doctor?", False),
        ("What does my discharge summary mean?", False),
        ("Explain my discharge summary", False),
        ("Is my rash an allergy?", False),
    ],
)
def test_documents(question: str, document: bool) -> None:
    assert wants_document([{"role": "user", "content": question}], CALM) == document


def test_the_scenario_tells_a_document_too() -> None:
    asked: Any = [{"role": "user", "content": "Shorter, for the ward folder"}]
    assert wants_document(asked, CALM.model_copy(update={"task": Task.DOCUMENTATION}))
    assert not wants_document(asked, CALM)


def test_an_unsure_scenario_leaves_it_to_the_words() -> None:
    unsure = CALM.model_copy(update={"task": Task.DOCUMENTATION, "confidence": {"task": 0.3}})
    assert not wants_document([{"role": "user", "content": "My week in the garden, and my leg is numb."}], unsure)
    assert wants_document([{"role": "user", "content": "Translate into Polish: take with food"}], unsure)


@pytest.mark.parametrize(
    "sentence",
    [
        "Never wait to see if chest pain passes, call 999.",
        "Do not let the doctor say it's not urgent; call 911",
        "Have someone drive you to the nearest ED",
        "Contact Samaritans on 116 123",
        "You need medical attention today",
    ],
)
def test_urgent_whatever_else_the_sentence_says(sentence: str) -> None:
    assert keep.is_urgent(sentence)


@pytest.mark.parametrize(
    ("sentence", "calls"),
    [
        ("Never wait to see if it passes, call 999.", True),
        ("Local anaesthetic toxicity is known.", False),  # which has a Finnish word for "at once" in it
        ("A facility with vehement opinions.", False),
        ("If it gets worse, call 999.", False),
        ("There is no need to go to the ER.", False),
    ],
)
def test_what_calls_for_help(sentence: str, calls: bool) -> None:
    assert keep.calls_for_help(sentence) == calls


def test_a_foreign_word_within_an_english_one_does_not_speak_of_stopping() -> None:
    assert not keep.speaks_of_stopping("The body processes it in the liver.")


@pytest.mark.parametrize("said", ["My face is puffy since lisinopril", "My heart is beating funny since Ventolin"])
def test_a_reaction_by_its_time_alone(said: str) -> None:
    assert keep.tells_of_a_reaction([{"role": "user", "content": said}])
