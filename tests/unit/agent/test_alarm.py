"""Words of alarm in other languages, and calm questions about the same matters."""

import pytest

from agent.alarm import alarming
from agent.emergency import texts
from principles.patterns import patterns

ALARMING = {
    "es": "Mi padre no respira, ¿qué hago?",
    "fr": "mon bébé ne respire plus",
    "de": "Meine Frau hat starke Brustschmerzen und kalten Schweiß",
    "pt": "meu filho engoliu água sanitária",
    "it": "mio nonno non respira più",
    "pl": "dziadek nie oddycha",
    "ru": "папа не дышит, губы синие",
    "tr": "babam nefes almıyor",
    "zh": "我爸爸没有呼吸了,怎么办",
    "ja": "60歳です。30分前から胸が締めつけられるように痛く、冷や汗が出ます。",
    "ar": "أبي لا يتنفس ماذا أفعل",
    "hi": "भाई ने खेत वाली कीटनाशक दवा पी ली है, मुँह से झाग आ रहा है",
    "el": "Θέλω να πεθάνω. Θα το κάνω.",
    "id": "ayah saya tidak bernapas",
    "vi": "bố tôi không thở nữa",
}
CALM = {
    "es": "¿Qué fruta es buena para bajar la presión?",
    "fr": "Comment faire baisser le cholestérol sans médicament ?",
    "de": "Wie lange ist eine Erkältung ansteckend?",
    "pt": "Qual é a melhor hora para tomar vitamina D?",
    "it": "Quanto dura un raffreddore?",
    "pl": "Ile wody pić dziennie?",
    "ru": "Сколько дней заразна простуда?",
    "tr": "Demir hapını ne zaman almalıyım?",
    "zh": "感冒会传染几天?",
    "ja": "血圧を下げる食べ物は何ですか?",
    "ar": "كم كوب ماء أشرب في اليوم؟",
    "hi": "विटामिन डी कब लेना चाहिए?",
    "el": "Πόσο νερό πρέπει να πίνω την ημέρα;",
    "id": "berapa lama flu menular?",
    "vi": "cảm lạnh lây trong bao lâu?",
}


@pytest.mark.parametrize("code", ALARMING)
def test_alarm_is_heard(code: str) -> None:
    assert alarming(ALARMING[code])


@pytest.mark.parametrize("code", CALM)
def test_calm_questions_raise_none(code: str) -> None:
    assert not alarming(CALM[code])


def test_every_language_of_the_fixed_words_has_them() -> None:
    assert set(texts()) <= set(patterns("agent", "alarms"))
    assert alarming("snake bite on foot, what should I do?")
    assert not alarming("Do snakes bite at night?")
    assert not alarming("My father is not breathing")  # English is the scenario's, but for bites
    assert not alarming("")
