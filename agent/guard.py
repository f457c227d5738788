"""Refuses text that brings in a medicine, a dose or a number that nobody gave, in the languages of the page.

Small models invent these when they are asked to add a sentence. What the question, the draft or the
principle already says may be said again; anything else of that kind is refused.
"""

import re
import unicodedata
from functools import cache, lru_cache

from principles.medicines import INDIC, medicine_keys
from principles.patterns import patterns

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NUMBER_WORDS = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|"
    r"ninety|hundred|thousand|half|quarter|third of|double|twice|thrice|daily|hourly|weekly|every (?:other day|hour)|"
    r"one(?= (?:more |single )?(?:tablet|pill|capsule|lozenge|sachet|ampoule|suppository|puff|dose|drop(?! of (?:blood|"
    r"water))|(?:tea|table)?spoon(?:ful)?)\b)|once(?= (?:a|an|per|every|each) (?:hour|day|night|week|month)\b))\b",
    re.IGNORECASE,
)
_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "ko"})
# To inject anything is new unless somebody spoke of it, whichever form the word has.
_INJECT = re.compile(
    r"\b(?:inject\w*|inyec\w+|injekt\w+|spritz\w+|iniett\w+|iniezion\w+|injet\w+|wstrzyk\w+|zastrzyk\w*|укол\w*|введите|"
    r"инъекц\w+|ін.єкц\w+|enjekt\w+|iğne\w*|suntik\w*|tiêm)\b|注射|打针|حقن|इंजेक्शन|주사",
    re.IGNORECASE,
)
_INJECTED = "to inject"
# International nonproprietary name stems (WHO) catch generics that the dictionary lacks.
_STEM = re.compile(
    r"\b\w{3,}(?:cillin|mycin|floxacin|cycline|prazole|sartan|pril|olol|statin|dipine|gliptin|gliflozin|glutide|"
    r"xaban|gatran|parin|triptan|setron|azepam|zolam|barbital|profen|coxib|tidine|mab|tinib|(?:[ao]|(?<!v)i|l)vir|azole)s?\b",
    re.IGNORECASE,
)


def new_facts(text: str, *allowed: str, language: str = "en") -> set[str]:
    """The medicines and numbers of `text` that none of the `allowed` texts has. Empty means that it may be used.

    `language` is that of the text, an ISO 639-1 code, in whose words numbers are read beside English.
    """
    return set(_facts(text, language) - _facts(" ".join(allowed), language))


@lru_cache(maxsize=64)  # question, draft and advice are asked about again with every edit; in memory only
def _facts(text: str, language: str) -> frozenset[str]:
    text = unicodedata.normalize("NFC", text)
    numbers = {_plain(match[0]) for match in _NUMBER.finditer(text)}
    words = {match[0].lower() for match in _NUMBER_WORDS.finditer(text)}
    if foreign := _number_words(language):
        words -= {"ten"}  # which is "this", "to the" or "have" in Polish, Dutch and Spanish
        words |= {match[0].lower() for match in foreign.finditer(text)}
    words |= {_INJECTED for match in _INJECT.finditer(text)}
    stems = {match[0].lower().rstrip("s") for match in _STEM.finditer(text) if not medicine_keys(match[0], language)}
    return frozenset(numbers | words | stems | medicine_keys(text, language))


@cache
def _number_words(language: str) -> re.Pattern[str] | None:
    """Numbers, parts and frequencies in a language's words; None where none are listed."""
    listed = patterns("agent", "guard").get(language)
    if listed is None or language in _WITHOUT_SPACES:
        return listed
    return re.compile(rf"(?<![\w{INDIC}])(?:{listed.pattern})(?![\w{INDIC}])", re.IGNORECASE)


def _plain(number: str) -> str:
    whole, dot, rest = number.replace(",", ".").partition(".")
    return f"{whole}.{rest}".rstrip("0").rstrip(".") if dot else whole
