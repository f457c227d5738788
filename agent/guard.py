"""Refuses text that brings in a medicine, a dose or a number that nobody gave.

Small models invent these when they are asked to add a sentence. What the question, the draft or the
principle already says may be said again; anything else of that kind is refused.
"""

import re
from functools import lru_cache

from principles.medicines import medicine_keys

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NUMBER_WORDS = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|"
    r"ninety|hundred|thousand|half|double|twice|daily|hourly)\b",
    re.IGNORECASE,
)
# International nonproprietary name stems (WHO) catch generics that the dictionary lacks.
_STEM = re.compile(
    r"\b\w{3,}(?:cillin|mycin|floxacin|cycline|prazole|sartan|pril|olol|statin|dipine|gliptin|gliflozin|glutide|"
    r"xaban|gatran|parin|triptan|setron|azepam|zolam|barbital|profen|coxib|tidine|mab|tinib|vir|azole)s?\b",
    re.IGNORECASE,
)


def new_facts(text: str, *allowed: str) -> set[str]:
    """The medicines and numbers of `text` that none of the `allowed` texts has. Empty means that it may be used."""
    return set(_facts(text) - _facts(" ".join(allowed)))


@lru_cache(maxsize=64)  # question, draft and advice are asked about again with every edit; in memory only
def _facts(text: str) -> frozenset[str]:
    numbers = {_plain(match[0]) for match in _NUMBER.finditer(text)}
    words = {match[0].lower() for match in _NUMBER_WORDS.finditer(text)}
    stems = {match[0].lower().rstrip("s") for match in _STEM.finditer(text)}
    return frozenset(numbers | words | stems | medicine_keys(text))


def _plain(number: str) -> str:
    whole, dot, rest = number.replace(",", ".").partition(".")
    return f"{whole}.{rest}".rstrip("0").rstrip(".") if dot else whole
