"""Which language a text is in, and what a person wrote in English, for the parts that read nothing else.

The encoder, the classifier's cues and words, and the library are English: to them a heart attack told in Spanish is
small talk. So the model translates first. The draft and the critique read what the person wrote.
"""

import math
import re
import threading
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from langchain_core.messages import HumanMessage, SystemMessage

from agent.conversation import carrying, lasting_facts
from agent.critic.quoting import quoted
from agent.llm.client import Model
from agent.prompts import prompt
from principles.errors import ModelError
from principles.grader import Turns
from principles.medicines import find_medicines
from principles.patterns import patterns

if TYPE_CHECKING:
    from lingua import ConfidenceValue, LanguageDetector

# Those that the page's notices and the guard know, as ISO 639-1 codes, with the names that prompts use.
LANGUAGES = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "pt": "Portuguese",
    "it": "Italian",
    "nl": "Dutch",
    "sv": "Swedish",
    "da": "Danish",
    "no": "Norwegian",
    "fi": "Finnish",
    "pl": "Polish",
    "cs": "Czech",
    "ro": "Romanian",
    "hu": "Hungarian",
    "el": "Greek",
    "bg": "Bulgarian",
    "ru": "Russian",
    "uk": "Ukrainian",
    "tr": "Turkish",
    "ar": "Arabic",
    "fa": "Persian",
    "he": "Hebrew",
    "hi": "Hindi",
    "bn": "Bengali",
    "ur": "Urdu",
    "id": "Indonesian",
    "ms": "Malay",
    "sw": "Swahili",
    "vi": "Vietnamese",
    "th": "Thai",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
}
_BOKMAL = "nb"  # what the detector calls Norwegian
# Words of English that sentences in the other languages do not have, and those that some share: one of the first
# kind or two of either make a short text English, though names of medicines look like any language.
_ENGLISH = re.compile(
    r"\b(?:the|my|what|whats|how|should|with|been|this|that|are|you|and|it|i'm|i've|any|same|use|why|do|does|he|she|"
    r"was|not|your|take|get|pain|help|hes|shes|cant|wont|ive)\b",
    re.IGNORECASE,
)
_SHARED = re.compile(r"\b(?:is|an|of|for|can|have|has|i|or)\b", re.IGNORECASE)
_FIFTH = 0.2
# Hindi and Urdu in Latin letters, which the detectors take for Malay, Hausa or English: two of these words tell it.
_ROMANISED = re.compile(
    r"\b(?:hai|hain|hun|hoon|nahi|nahin|mujhe|mera|meri|mere|kya|kaise|karu|karun|karna|chahiye|raha|rahi|bahut|bohot|dard|"
    r"bukhar|saans|bachcha|baccha|pet|behosh|khoon|dawa|dawai|ulti|chakkar|aur|ko|ka|ki|ke|ho|gaya|gayi)\b",
    re.IGNORECASE,
)
# English words, of which a text in English has so many. english.txt holds the longer ones that stand in four or more of
# this project's own questions and principles, or of its knowledge cards, and common short ones.
_WORD = re.compile(r"[^\W\d_]{3,}")
_MOSTLY = 0.6
# Shorter words are shared with other languages.
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
# A cry for help has no more words.
CRY_WORDS = 3
# Names of medicines, which are of no language, are looked up in texts of so few words.
FEW_WORDS = 8
# By so much another language must be likelier than English. With all of this 6 of 1,069 patients' questions in English
# are taken for another language (names of medicines, misspelt), and of 132 in 22 others, many of them of three words,
# none for English but one Swahili word.
MARGIN = 0.15
# So many of the detector's likeliest languages the second model chooses from.
ALIKE = 3
# So many words tell a language that the detector does not know.
SEVERAL_WORDS = 5
# What py3langid calls by a narrower name.
_SAME = {"nb": "no", "nn": "no", "wuu": "zh", "yue": "zh", "arz": "ar", "ary": "ar", "apc": "ar", "prs": "fa"}
# The question, and what it may refer to.
TURNS = 3
# A long turn is translated piece by piece, so that nothing in the middle is lost, up to this length.
PIECE, MOST_PIECES = 1_200, 8
TRANSLATION_TOKENS = 500


def language_of(text: str) -> str:
    """The ISO 639-1 code of a text's language, guessed. English where in doubt.

    Between languages that are alike the second model decides, which alone takes too much for English.
    """
    if is_english(text):
        return "en"
    if _romanised(text):
        return "hi"
    if cry := _cried_in(text):
        return cry
    ranked = _ranked(text)
    near = {_code(value) for value in ranked[:ALIKE]} - {"en"}
    import py3langid

    chances: dict[str, float] = {}
    for code, chance in py3langid.rank(text):  # likeliest first
        chances.setdefault(_SAME.get(code, code), float(chance))
    first = next(iter(chances))
    if first not in LANGUAGES and len(text.split()) >= SEVERAL_WORDS:
        return first
    return max(near or {_likeliest(text)[0]}, key=lambda code: chances.get(code, -math.inf))


def is_english(text: str) -> bool:
    """Whether a text is in English, as far as can be told: what is in doubt is, but for a cry for help."""
    if _cried_in(text) or _romanised(text):
        return False
    words = [word for word in text.split() if any(map(str.isalpha, word))]
    own, shared = len(_ENGLISH.findall(text)), len({word.lower() for word in _SHARED.findall(text)})
    if (own >= 1 or shared >= 2) and own + shared >= max(1.0, _FIFTH * len(words)):
        return True
    code, ahead = _likeliest(text)
    # A single word in Latin letters may be the name of a medicine: that says nothing.
    return code == "en" or ahead < MARGIN or (len(words) < 2 and text.isascii()) or _of_english_words(text)


def _romanised(text: str) -> bool:
    """Whether a text is Hindi or Urdu in Latin letters: at least two of its words, and a third of all."""
    found = [word.lower() for word in _ROMANISED.findall(text)]
    return len(set(found)) >= 2 and 3 * len(found) >= len(text.split())


def _cried_in(text: str) -> str:
    """The language in whose words of alarm so short a text cries for help that its letters tell little; else empty."""
    if len(text.split()) > CRY_WORDS:
        return ""
    alarms = patterns("agent", "alarms")
    near = [code for code in map(_code, _ranked(text)[: 2 * ALIKE]) if code != "en" and code in alarms]
    return next((code for code in near if alarms[code].search(text)), "")


def _of_english_words(text: str) -> bool:
    """Notes without a verb ("dark urine, no fever") look like any language, but for their words. Abbreviations and
    units are of none."""
    words = [word.lower() for word in _WORD.findall(text) if not word.isupper()]
    if len(words) <= FEW_WORDS:
        medicines = " ".join(find_medicines(text)).lower()
        words = [word for word in words if word not in _WORD.findall(medicines)]
        if medicines and not words:
            return True  # a name alone is of no language
    return bool(words) and sum(word in _vocabulary() for word in words) >= _MOSTLY * len(words)


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(files("agent").joinpath("english.txt").read_text(encoding="utf-8").split())


def _likeliest(text: str) -> tuple[str, float]:
    """The likeliest language, and by how much it is likelier than English, in [0, 1]."""
    ranked = _ranked(text)
    first, behind = ranked[0], next(value for value in ranked if value.language.iso_code_639_1.name == "EN")
    ahead = first.value - behind.value
    if first is behind and _of_no_english_word(text):
        first, ahead = ranked[1], MARGIN
    return _code(first), ahead


def _code(value: "ConfidenceValue") -> str:
    code = value.language.iso_code_639_1.name.lower()
    return "no" if code == _BOKMAL else code


@lru_cache(maxsize=256)  # a question is asked about at several stages; in memory only
def _ranked(text: str) -> "list[ConfidenceValue]":
    with _LOCK:
        return _detector().compute_language_confidence_values(text[: 4 * PIECE])


def _of_no_english_word(text: str) -> bool:
    """Accents, and not one word of English: then the letters alone have misled."""
    words = _LONG_WORD.findall(text.lower())
    return not text.isascii() and len(words) > 1 and not any(word in _vocabulary() for word in words)


_LOCK = threading.Lock()


@cache
def _detector() -> "LanguageDetector":
    # The models of three letters alone: a tenth of the memory, and as good at telling another language from English.
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, (_BOKMAL if code == "no" else code).upper()) for code in LANGUAGES]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
    return builder.with_low_accuracy_mode().build()


def in_english(turns: Turns, model: Model) -> Turns:
    """The turns with the user's in English; of a conversation in another language the last few.

    What holds of the user's turns before them is carried on into the first of these, as `within_context` does.
    The model is asked only where a turn is in another language. Raises ModelError where it cannot be translated.
    """
    foreign = {i for i, turn in enumerate(turns) if turn["role"] == "user" and not is_english(turn["content"])}
    if not foreign:
        return turns
    users = [i for i, turn in enumerate(turns) if turn["role"] == "user"]
    first = users[-TURNS:][0]
    kept = [dict(turn) for turn in turns]
    if facts := lasting_facts(turns[:first]):
        kept[first]["content"] = carrying(facts, kept[first]["content"])
        if min(foreign) < first:
            foreign.add(first)
    return [
        {**turn, "content": _translated(turn["content"], model)} if i in foreign else turn
        for i, turn in enumerate(kept)
        if i >= first
    ]


def is_read_in_part(turns: Turns) -> bool:
    """Whether the last question is translated without its middle, being too long."""
    last = turns[-1]["content"]
    return len(_parts(last)) > MOST_PIECES and not is_english(last)


def _translated(text: str, model: Model) -> str:
    """Piece by piece; of an endless text the first and the last pieces, and of its middle what holds for later."""
    parts = _parts(text)
    if len(parts) > MOST_PIECES:
        half = MOST_PIECES // 2
        facts = lasting_facts([{"role": "user", "content": "".join(parts[half:-half])}], PIECE)
        parts = [*parts[:half], *([facts] if facts else []), *parts[-half:]]
    return "\n".join(_piece_translated(part, model) for part in parts)


def _parts(text: str) -> list[str]:
    """The text in pieces of at most `PIECE` characters, cut between words where there are any."""
    parts: list[str] = []
    while len(text) > PIECE:
        cut = max(text.rfind(mark, PIECE // 2, PIECE) for mark in ("\n", ". ", "。", " "))
        cut = cut + 1 if cut > 0 else PIECE
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]


def _piece_translated(text: str, model: Model) -> str:
    messages = [SystemMessage(prompt("translate_system")), HumanMessage(prompt("translate", text=quoted(text)))]
    english = model.text(messages, TRANSLATION_TOKENS, aloud=False)
    if not is_english(english):
        raise ModelError("the model did not translate it")
    return english
