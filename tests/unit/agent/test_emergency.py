"""Fixed words for emergencies, and the verdict that needs no judge."""

import pytest

from agent import Context
from agent.emergency import CALL, call_in, is_called, texts, verdict_by_words
from agent.language import LANGUAGES
from agent.text import REMARKS
from principles.schema import Label
from tests.fakes import ScriptedChat, principle
from tests.unit.agent.test_agent import ask

pytestmark = pytest.mark.usefixtures("fixed_classifier")

CALLING = principle(
    "call-emergency-now",
    dimension="urgency",
    points=10,
    safety_critical=True,
    always=True,
    placement="opening",
    advice="Call your emergency number now.",
)


def test_there_are_words_in_every_language_that_is_told() -> None:
    assert set(texts()) == set(LANGUAGES)
    assert len({one["call"] for one in texts().values()}) == len(LANGUAGES)
    assert [code for code in texts() if not is_called(call_in(code, CALLING))] == []


def test_only_the_call_is_translated() -> None:
    assert CALLING.id == CALL
    assert call_in("da", CALLING).startswith("Dette kan være en nødsituation.")
    assert call_in("eu", CALLING).startswith("This may be an emergency.")
    assert call_in("da", principle("rest", dimension="urgency")) == ""


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Call 112 now. Rest.", Label.MET),
        ("Rest. Go to A&E. Sleep.", Label.MET),
        ("Rest. Sleep. Eat. Call 112.", None),
        ("Rest. Sleep well.", Label.NOT_MET),
        ("Take her to the doctor as soon as possible.", Label.NOT_MET),
        ("You don't have to rush to the hospital. Rest.", Label.NOT_MET),
        ("Do not worry, this rarely needs a hospital.", Label.NOT_MET),
        ("If it gets worse, go to the hospital.", Label.NOT_MET),
        ("You can go and see your GP today. It will pass.", Label.NOT_MET),
        ("Take two aspirin immediately.", Label.NOT_MET),
        ("If you think that it is a stroke, call 911 at once.", Label.MET),
        ("Go to the emergency department now, do not drive yourself.", Label.MET),
    ],
)
def test_the_words_decide_where_they_are_plain(answer: str, label: Label | None) -> None:
    found = verdict_by_words(answer, CALLING)
    assert (found.label if found else None) == label
    assert verdict_by_words(answer, principle("rest")) is None


@pytest.mark.parametrize("says", [0.9, 0.1])
def test_an_emergency_is_called_for_whatever_the_judge_says(says: float) -> None:
    result = ask(ScriptedChat(draft="Rest a while. Sleep well.", chance=lambda prompt: says), CALLING)
    assert result["answer"] == "Call your emergency number now.\n\nRest a while. Sleep well."


def test_a_call_is_not_repeated() -> None:
    chat = ScriptedChat(draft="Call 112 now. Rest.", chance=lambda prompt: 0.1)
    assert ask(chat, CALLING, context=Context())["answer"] == "Call 112 now. Rest."


@pytest.mark.parametrize("says", [0.9, 0.1])
def test_under_a_document_the_call_is_a_remark_whatever_the_judge_says(says: float) -> None:
    asked = {
        "messages": [{"role": "user", "content": "Write a letter to my GP: my chest has been crushed since noon."}]
    }
    chat = ScriptedChat(draft="Dear Doctor, since noon. Kind regards, Ann", chance=lambda prompt: says)
    answer = ask(chat, CALLING, question=asked)["answer"]
    assert answer == f"{chat.draft}\n\n---\n\n{REMARKS}\n\n- Call your emergency number now."
