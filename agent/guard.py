"""Refuses text that brings in a medicine, a dose or a number that nobody gave, in the languages of the page.

Small models invent these when they are asked to add a sentence. What the question, the draft or the
principle already says may be said again; anything else of that kind is refused.
"""

import re
import unicodedata
from functools import cache, lru_cache

from principles.medicines import INDIC, medicine_keys
from principles.patterns import patterns

# What is written with a comma where others write a point. Elsewhere a comma parts thousands.
_DECIMAL_COMMA = frozenset(
    ("bg", "cs", "da", "de", "el", "es", "fi", "fr", "hu", "id", "it", "nl", "no", "pl", "pt", "ro", "ru", "sv", "tr")
) | {"uk", "vi"}
_THOUSANDS = {mark: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+(?!\d)") for mark in ",."}
# How prescriptions shorten words: "1/2 tab BD". Small letters mean that only after an amount.
_SHORT = re.compile(
    r"(?P<half>½|(?<![\d/])1/2(?![\d/]))|(?P<quarter>¼|(?<![\d/])1/4(?![\d/]))|\b(?P<capitals>BD|BID|TDS|TID|QID|QDS)\b|"
    r"\b(?P<dotted>b\.[id]\.?d?|t\.[id]\.[ds]|q\.[id]\.[ds])\b|"
    r"(?i:(?P<amount>(?:\d\s?(?:mg|mcg|[uµμ]g|ml|g)|tabs?|tablets?|caps?|capsules?|puffs?|units?)\s+)"
    r"(?P<small>(?:bd|bid|tds|tid|qid|qds|od)\b))",
)
_TIMES = {"b": "twice daily", "t": "three times daily", "q": "four times daily", "o": "once a day"}
# The dose of a tablet is another with another unit. Values of a laboratory ("mg/dl") are none.
_DOSE = re.compile(
    r"(?<!\d)(\d{1,9}(?:[.,]\d{1,9}){0,3})\s?(mg|milligrams?|mcg|[uµμ]g|micrograms?|g|grams?|ml|millilit(?:re|er)s?|iu|u|units?)(?!\w|/d?l\b)",
    re.IGNORECASE,
)
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
    said = " ".join(allowed)
    return set(_facts(text, language) - _facts(said, language)) | _other_doses(text, said, language)


def _other_doses(text: str, said: str, language: str) -> set[str]:
    """The doses of `text` whose number was given, but only ever with another unit."""
    given = _doses(said, language)
    numbers = _DOSE.sub(" ", _written_out(said))
    alone = {_plain(match[0], language) for match in _NUMBER.finditer(numbers)}
    dosed = {number for number, _ in given} - alone
    return {f"{number} {unit}" for number, unit in _doses(text, language) - given if number in dosed}


def _doses(text: str, language: str) -> set[tuple[str, str]]:
    return {(_plain(one[1], language), _unit(one[2].lower())) for one in _DOSE.finditer(_written_out(text))}


def _unit(said: str) -> str:
    """One name for each unit of a dose."""
    if said in ("mcg", "ug", "µg", "μg") or said.startswith("micro"):
        return "mcg"
    if said in ("iu", "u") or said.startswith("unit"):
        return "units"
    return {"milligram": "mg", "gram": "g"}.get(said.rstrip("s"), "ml" if said.startswith("mill") else said)


def _written_out(text: str) -> str:
    """The text with figures as everybody reads them and prescriptions' short forms in words."""
    text = unicodedata.normalize("NFC", text)
    if not text.isascii():
        text = re.sub(r"\d", lambda digit: str(int(digit[0])), text)
    return _SHORT.sub(_long, text)


def _long(short: re.Match[str]) -> str:
    if short["half"] or short["quarter"]:
        return " half " if short["half"] else " quarter "
    said = short["capitals"] or short["dotted"] or short["small"]
    return f"{short['amount'] or ''}{_TIMES[said[0].lower()]}"


@lru_cache(maxsize=64)  # question, draft and advice are asked about again with every edit; in memory only
def _facts(text: str, language: str) -> frozenset[str]:
    text = _written_out(text)
    numbers = {_plain(match[0], language) for match in _NUMBER.finditer(text)}
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


def _plain(number: str, language: str) -> str:
    """One spelling for each number: 1,000 is 1000, 0,50 is 0.5, and 03 is 3."""
    for mark, thousands in _THOUSANDS.items():
        apart = mark == "." if language in _DECIMAL_COMMA else mark == ","
        if thousands.match(number) and (apart or (mark == "," and number.endswith(",000"))):
            number = number.replace(mark, "")
    whole, dot, rest = number.replace(",", ".").partition(".")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{rest}".rstrip("0").rstrip(".") if dot else whole
