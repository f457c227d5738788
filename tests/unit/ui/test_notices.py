"""The emergency notices: the right language, English below, nothing of the question in them."""

import re

import pytest

from agent.emergency import texts
from ui.chat.notices import RIGHT_TO_LEFT, caution_notice, direction, emergency_notice, notice_html

ASKED = {
    "ar": "والدي يعاني من ألم شديد في الصدر",
    "bg": "Баща ми има силна болка в гърдите",
    "bn": "আমার বাবার বুকে প্রচণ্ড ব্যথা",
    "cs": "Můj otec má silnou bolest na hrudi",
    "da": "Min far har stærke smerter i brystet",
    "de": "Hilfe, mein Vater hat starke Schmerzen in der Brust",
    "el": "Ο πατέρας μου έχει δυνατό πόνο στο στήθος",
    "en": "My father has crushing chest pain",
    "es": "Mi padre tiene un dolor fuerte en el pecho",
    "fa": "پدرم درد شدیدی در قفسه سینه دارد",
    "fi": "Isälläni on kova rintakipu",
    "fr": "Mon père a une forte douleur à la poitrine",
    "he": "לאבא שלי יש כאב חזק בחזה",
    "hi": "मेरे पिताजी के सीने में तेज दर्द है",
    "hu": "Apámnak erős mellkasi fájdalma van",
    "id": "Ayah saya mengalami nyeri dada yang hebat",
    "it": "Mio padre ha un forte dolore al petto",
    "ja": "父が激しい胸の痛みを訴えています",
    "ko": "아버지가 가슴에 심한 통증이 있어요",
    "nl": "Mijn vader heeft hevige pijn op de borst",
    "no": "Faren min har sterke brystsmerter og svetter mye",
    "pl": "Mój tata ma silny ból w klatce piersiowej",
    "pt": "Meu pai está com uma dor forte no peito",
    "ro": "Tatăl meu are o durere puternică în piept",
    "ru": "У моего отца сильная боль в груди",
    "sv": "Min pappa har svår bröstsmärta och svettas",
    "sw": "Baba yangu ana maumivu makali ya kifua",
    "th": "พ่อของฉันเจ็บหน้าอกอย่างรุนแรง",
    "tr": "Babamın göğsünde şiddetli ağrı var",
    "uk": "У мого батька сильний біль у грудях",
    "ur": "میرے والد کے سینے میں شدید درد ہے",
    "vi": "Bố tôi bị đau ngực dữ dội",
    "zh": "我父亲胸口剧烈疼痛",
}
ENGLISH = "This may be an emergency. Call your local emergency number (112, 911, 999 …) now."


@pytest.mark.parametrize("language", ASKED)
def test_a_question_is_answered_in_its_language_and_in_english(language: str) -> None:
    first, *rest = emergency_notice(ASKED[language]).split("\n")
    assert first.startswith(texts()[language]["call"])
    assert first.endswith(texts()[language]["wait"])
    assert [line.startswith(ENGLISH) for line in rest] == ([] if language == "en" else [True])


def test_a_language_without_a_notice_gets_english_alone() -> None:
    assert emergency_notice("Kaixo, nire aitak bularreko min handia du").startswith(ENGLISH)
    assert emergency_notice("").startswith(ENGLISH)
    assert "\n" not in emergency_notice("?!", language="eu")


def test_a_given_language_counts_more_than_the_question() -> None:
    assert emergency_notice("chest pain", language="de").startswith("Das kann ein Notfall sein.")


@pytest.mark.parametrize("language", texts())
def test_each_notice_names_numbers_and_the_two_differ(language: str) -> None:
    emergency, caution = emergency_notice("", language), caution_notice("", language)
    assert emergency != caution
    for line in (*emergency.split("\n"), *caution.split("\n")):
        assert len(re.findall(r"\d{2,4}", line)) >= 3
        assert "{" not in line


def test_the_notices_of_two_languages_are_never_the_same() -> None:
    said = {one[name] for one in texts().values() for name in ("call", "wait", "maybe")}
    assert len(said) == 3 * len(texts())


def test_direction_is_that_of_the_script() -> None:
    rightward = {code for code, one in texts().items() if re.search("[\u0590-\u07ff]", one["call"])}
    assert rightward == RIGHT_TO_LEFT
    assert {code for code in texts() if direction(code) == "rtl"} == RIGHT_TO_LEFT


def test_html_has_language_direction_and_nothing_of_the_question() -> None:
    shown = notice_html("والدي يعاني من ألم شديد في الصدر <script>alert(1)</script>", "emergent")
    assert 'role="alert"' in shown
    assert '<p lang="ar" dir="rtl">' in shown
    assert '<p lang="en" dir="ltr">' in shown
    assert "script" not in shown


def test_only_what_may_be_an_emergency_has_a_notice() -> None:
    assert notice_html("chest pain", "non_emergent") == ""
    assert "In some cases" in notice_html("I have a headache since this morning", "conditionally_emergent")
