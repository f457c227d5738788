"""Questions in other languages: what is recognised as such, and what is done about it."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from agent import Context, build_agent
from agent.grading import grader_over
from agent.language import MOST_PIECES, PIECE, TURNS, in_english, is_english, is_read_in_part, language_of
from agent.llm.client import Model
from agent.resources import Resources
from principles.errors import ModelError
from tests.fakes import FixedClassifier, FixedRetriever, ScriptedChat, literal, principle

SPANISH = "Me duele el pecho desde hace una hora y estoy sudando. ¿Qué hago?"
ENGLISH = "My chest has been hurting for an hour and I am sweating. What should I do?"
DRAFT = "Descanse un poco y beba agua fresca durante el día."


class Translator(ScriptedChat):
    """Translates into `english` where it is asked to."""

    english: str = ENGLISH

    def _stream(self, messages: list[BaseMessage], *given: Any, **options: Any) -> Iterator[ChatGenerationChunk]:
        self.draft = self.english if "Translate this text" in str(messages[-1].text) else DRAFT
        return super()._stream(messages, *given, **options)


@pytest.mark.parametrize(
    "text",
    [
        *("Can I take ibuprofen with warfarin?", "Is Cipro an antibiotic?", "b12 is 240", "Cyclobenzaprine?", "?", ""),
        *("Status epilepticus 18 min, 2 x lorazepam given. Levetiracetam dose for 70 kg?", "postpartum guidelines"),
        *("Mounjaro dose?", "prednisone moon face", "migraine aura", "atorvastatin 40 mg", "INR 4.9 today"),
    ],
)
def test_english_short_and_abbreviated_too(text: str) -> None:
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            SPANISH,
            "У моего отца внезапно перекосило лицо",
            "我妻子突然头痛得厉害",
            "Mon bébé a 39 de fièvre, que faire ?",
        ),
        *("Posso tomar paracetamol com cerveja?", "Ich habe seit zwei Tagen Schnupfen.", "عندي ألم شديد في الصدر"),
        "Ist das normal?",
        "Göğsümde baskı var ve nefes alamıyorum",
    ],
)
def test_other_languages(text: str) -> None:
    assert not is_english(text)


def test_english_turns_cost_no_call() -> None:
    chat = ScriptedChat()
    turns = [{"role": "user", "content": ENGLISH}]
    assert in_english(turns, Model(chat)) == turns
    assert chat.prompts == []


def test_only_what_is_in_another_language_is_translated_and_old_turns_are_left_out() -> None:
    said = ["Hola, buenas tardes, tengo una pregunta.", "Is that so for children?", *[SPANISH] * (TURNS - 1)]
    turns = [
        turn for text in said for turn in ({"role": "user", "content": text}, {"role": "assistant", "content": "Sí."})
    ]
    read = in_english(turns[:-1], Model(Translator()))
    assert [turn["content"] for turn in read if turn["role"] == "user"] == [said[1], *[ENGLISH] * (TURNS - 1)]
    assert [turn["role"] for turn in read] == ["user", "assistant"] * (TURNS - 1) + ["user"]


def test_what_holds_of_the_turns_left_out_is_translated_with_the_first_that_is_kept() -> None:
    said = ["Soy alérgica a la penicilina. Hola, buenas tardes. Tengo 34 años.", "Is that so for children?"]
    turns = [{"role": "user", "content": text} for text in [*said, *[SPANISH] * (TURNS - 1)]]
    chat = Translator()
    read = in_english(turns, Model(chat))
    assert [turn["content"] for turn in read] == [ENGLISH] * TURNS
    assert "(Said earlier: Soy alérgica a la penicilina. Tengo 34 años.)\nIs that so for children?" in chat.prompts[0]
    assert "buenas tardes" not in "".join(chat.prompts)
    assert sum("Said earlier" in prompt for prompt in chat.prompts) == 1
    assert turns[1]["content"] == said[1]


def test_what_holds_is_carried_on_untranslated_where_all_of_it_is_english() -> None:
    turns = [{"role": "user", "content": text} for text in ["I am 34.", "And my son?", SPANISH, SPANISH]]
    read = in_english(turns, Model(Translator()))
    assert [turn["content"] for turn in read] == ["(Said earlier: I am 34.)\nAnd my son?", ENGLISH, ENGLISH]


def test_of_an_endless_texts_middle_what_holds_is_translated() -> None:
    chat, filler = Translator(), f"{SPANISH} " * (PIECE * MOST_PIECES // len(SPANISH))
    in_english([{"role": "user", "content": f"{filler}Soy alérgica a la penicilina. {filler}"}], Model(chat))
    assert len(chat.prompts) == MOST_PIECES + 1
    assert "Soy alérgica a la penicilina." in chat.prompts[MOST_PIECES // 2]
    assert "pecho" not in chat.prompts[MOST_PIECES // 2]


def test_a_long_text_is_translated_whole_piece_by_piece() -> None:
    chat = Translator()
    in_english([{"role": "user", "content": f"{SPANISH} " * 40 + "No respira."}], Model(chat))
    assert len(chat.prompts) > 1
    assert max(map(len, chat.prompts)) < PIECE + 100
    assert sum(prompt.count("Me duele") for prompt in chat.prompts) == 40
    assert "No respira." in chat.prompts[-1]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        *[
            ("Jeg har en trykkende smerte i brystet, i kæben og i armen", "da"),
            ("Hij ademt niet meer", "nl"),
            ("Boli mnie w klatce", "pl"),
        ],
        *[("Ayuda, no respira", "es"), ("Ich will sterben", "de"), ("Non voglio più vivere", "it")],
        *[("Ik wil dood", "nl"), ("Umieram", "pl"), ("Aiuto!", "it"), ("Hilfe", "de")],
    ],
)
def test_short_cries_for_help_are_told_from_english(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_question_of_which_the_middle_is_not_translated_is_told() -> None:
    long = f"{SPANISH} " * (2 * PIECE * MOST_PIECES // len(SPANISH))
    told = [is_read_in_part([{"role": "user", "content": text}]) for text in (long, SPANISH, f"{ENGLISH} " * 300)]
    assert told == [True, False, False]


def test_an_echo_is_no_translation() -> None:
    with pytest.raises(ModelError, match="did not translate"):
        in_english([{"role": "user", "content": SPANISH}], Model(Translator(english=SPANISH)))


class Seen:
    """Tells a Spanish question from an English one, as the real one does: not at all."""

    def __init__(self) -> None:
        self.turns: list[Any] = []

    def classify(self, turns: Any) -> Any:
        self.turns = list(turns)
        return FixedClassifier().classify(turns)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    classifier = Seen()
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: classifier)
    return classifier


def asked(chat: ScriptedChat, *principles: Any, question: str = SPANISH) -> dict[str, Any]:
    agent = build_agent(chat, FixedRetriever(*principles))
    return agent.invoke({"messages": [{"role": "user", "content": question}]}, context=Context())  # type: ignore[return-value,list-item,typeddict-item]


def test_the_scenario_is_that_of_the_translation_and_the_draft_reads_the_question_itself(seen: Seen) -> None:
    chat = Translator(chance=literal)
    result = asked(chat, principle("tea"))
    assert [turn["content"] for turn in seen.turns] == [ENGLISH]
    assert result["draft"] == DRAFT
    assert SPANISH in chat.prompts[1]
    assert any("Is it true that" in told and ENGLISH in told for told in chat.prompts)
    assert result["warnings"] == []


def test_the_translation_is_no_part_of_the_streamed_answer(seen: Seen) -> None:
    agent = build_agent(Translator(chance=literal), FixedRetriever(principle("tea")))
    question: Any = {"messages": [{"role": "user", "content": SPANISH}]}
    told = "".join(str(chunk.text) for chunk, _ in agent.stream(question, stream_mode="messages"))  # type: ignore[union-attr,misc]
    assert DRAFT in told
    assert ENGLISH not in told


def test_what_cannot_be_translated_is_said(seen: Seen) -> None:
    result = asked(Translator(english=SPANISH), principle("tea"))
    assert [turn["content"] for turn in seen.turns] == [SPANISH]
    (warning,) = result["warnings"]
    assert "could not be read in English" in warning
    assert "pecho" not in warning


def test_a_cry_for_help_is_heard_though_it_cannot_be_translated(seen: Seen) -> None:
    result = asked(Translator(english=SPANISH), principle("tea"), question="Ayuda, mi padre no respira")
    assert any("could not be read in English" in one for one in result["warnings"])
    assert result["scenario"]["urgency"] == "emergent"


@pytest.mark.parametrize("critical", [True, False])
def test_what_is_added_is_in_the_answers_language_and_worth_its_words(seen: Seen, critical: bool) -> None:
    tea = principle("tea", points=8, safety_critical=critical, advice="It is the tea that you should mind.")
    english = asked(Translator(chance=literal, worded='{"text": "It is the tea that you should take."}'), tea)
    spanish = asked(Translator(chance=literal, worded='{"text": "Pregunte por el tea a su médico de familia."}'), tea)
    assert english["answer"] == english["draft"]
    assert ("médico de familia" in spanish["answer"]) == critical


def test_somebody_elses_answer_is_graded_by_the_same_principles(seen: Seen) -> None:
    chat = Translator(chance=literal)
    said: Any = [{"role": "user", "content": SPANISH}, {"role": "assistant", "content": DRAFT}]
    grader_over(Resources(chat, FixedRetriever(principle("tea")))).invoke({"messages": said})  # type: ignore[arg-type]
    assert [turn["content"] for turn in seen.turns] == [ENGLISH]


@pytest.mark.parametrize(
    "text",
    [
        "mujhe bukhar hai",
        "pet me bahut dard hai",
        "sar dard ho raha hai kya karu",
        "bachcha saans nahi le raha",
        "mera bachcha behosh hai",
        "bukhar 3 din se hai doctor kya karna chahiye",
    ],
)
def test_hindi_in_latin_letters_is_told(text: str) -> None:
    assert language_of(text) == "hi"


@pytest.mark.parametrize("text", ["", "ok", "k", "thx", "hmm", "...", "idk", "hes blue", "hi", "why", "2 days"])
def test_a_filler_or_a_cry_without_its_apostrophe_is_english(text: str) -> None:
    assert is_english(text)
