"""Cues: words and numbers that a clinician would notice in a question, as features in [0, 1].

A sentence vector blurs exactly what urgency turns on (a blue lip, a pressure of 80, a rope), so these
are read from the text itself, by the patterns of cues.yaml and the ranges below.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import yaml

_NUMBER = r"\D{0,25}?(\d{1,3}(?:\.\d+)?)"
# (reading, dangerous, worrying): dangerous is an emergency in most people, worrying depends on more facts.
_READINGS: tuple[tuple[str, Callable[[float], bool], Callable[[float], bool]], ...] = (
    (r"\b(?:sats?|spo2|oxygen|oximeter|clip)\b" + _NUMBER, lambda v: 40 <= v < 89, lambda v: 40 <= v < 94),
    (r"\b(\d{2,3}) ?(?:percent|%) on\b", lambda v: 40 <= v < 93, lambda v: 40 <= v < 95),
    (r"\bgcs" + _NUMBER, lambda v: 3 <= v <= 13, lambda v: v == 14),
    (r"\b(\d{2,3}) ?(?:/|over) ?\d{2,3}\b", lambda v: v >= 200 or 40 <= v < 86, lambda v: v >= 145 or 40 <= v < 95),
    (r"\bbp\D{0,8}(\d{2,3})\b", lambda v: v >= 200 or 40 <= v <= 88, lambda v: v >= 145 or 40 <= v < 95),
    (
        r"\b(?:hr|heart (?:rate|going)|pulse|bpm|fhr)\b" + _NUMBER,
        lambda v: v >= 150 or 20 <= v < 40,
        lambda v: v > 110 or 20 <= v < 52,
    ),
    (r"(\d{2,3}) ?bpm", lambda v: v >= 150 or 20 <= v < 40, lambda v: v > 110 or 20 <= v < 52),
    (r"\brr" + _NUMBER, lambda v: v >= 30 or v < 8, lambda v: v > 24),
    (r"\bph" + _NUMBER, lambda v: 6.5 <= v < 7.2, lambda v: 7.2 <= v < 7.32),
    (r"(?:\bk\b|potassium)" + _NUMBER, lambda v: 6.7 <= v < 12, lambda v: 5.9 <= v < 12 or 1 < v < 3),
    (r"(?:sodium|\bna\b)" + _NUMBER, lambda v: 90 <= v < 115, lambda v: 90 <= v < 130 or 152 < v < 200),
    (
        r"(?:sugar|glucose|\bbm\b|machine says|monitor says)" + _NUMBER,
        lambda v: v < 3.2 or 30 < v < 60,
        lambda v: v < 4 or 15 < v < 60,
    ),
    (r"\bketones?" + _NUMBER, lambda v: 3 < v < 12, lambda v: 0.9 < v < 12),
    (r"\blactate" + _NUMBER, lambda v: 4 < v < 30, lambda v: 2 < v < 30),
    (r"\b(?:hb|haemoglobin|hemoglobin)" + _NUMBER, lambda v: 20 < v < 60, lambda v: 20 < v < 95 or 3 < v < 9.5),
    (r"\binr" + _NUMBER, lambda v: 9 <= v < 30, lambda v: 4.4 < v < 30),
    (r"\bplatelets?" + _NUMBER, lambda v: 1 <= v < 10, lambda v: 1 <= v < 60),
    (r"\b(?:white cells|wcc|wbc|neutrophils|neuts)" + _NUMBER, lambda v: False, lambda v: v < 1.5),
    (r"\b(?:lithium)" + _NUMBER, lambda v: 2.4 < v < 9, lambda v: 1.1 < v < 9),
    (r"\bqtc" + _NUMBER, lambda v: 590 < v < 900, lambda v: 490 < v < 900),
    (r"\bcalcium" + _NUMBER, lambda v: 3.4 < v < 6, lambda v: 2.9 < v < 6),
    (r"\bcreatinine" + _NUMBER, lambda v: False, lambda v: 250 < v < 1000),
    (
        r"(?:fever|temp\w*|core|burning (?:up at|hot)|\bt\b)\D{0,12}(\d{2}(?:\.\d)?)\b",
        lambda v: 39.8 <= v < 44 or 20 <= v < 35.5,
        lambda v: 38 <= v < 44,
    ),
)
_RANGES = tuple((re.compile(pattern), dangerous, worrying) for pattern, dangerous, worrying in _READINGS)
# What follows "no" is a finding that is absent, but for the few phrases in which the absence is the finding.
_ABSENT = re.compile(
    r"\b(?:no|without|denies|nor|non)\b(?! (?:pulse|feeling|relief|response|good|point|future|air|reason))(?: \w+){1,2}"
)
_SIGNS = ("severe_", "possible_")
# Clinicians write "72F", "3/7" and runs of capitals; case is lost to the other patterns.
_SHORTHAND = re.compile(r"\b\d{1,3} ?(?:yo )?[MF]\b|\b\d+/(?:7|52|12)\b|\b[A-Z]{2,5}\d?\b")
_EXTRA = ("dangerous_number", "worrying_number", "shorthand", "few_words", "some_words", "many_words", "digits")


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    lexicon: dict[str, str] = yaml.safe_load(files("agent.scenario").joinpath("cues.yaml").read_bytes())
    return {
        name: re.compile(r"(?<!\w)(?:" + "|".join(line.strip() for line in text.splitlines() if line.strip()) + ")")
        for name, text in lexicon.items()
    }


def cue_names() -> tuple[str, ...]:
    """What each number of `cues` is about."""
    return (*_patterns(), *_EXTRA)


def cues(text: str) -> list[float]:
    """One number in [0, 1] for each of `cue_names()`; of a pattern, up to three different matches count."""
    plain = re.sub(r"(?<=\w)['’](?=\w)", "", text.lower())
    present = _ABSENT.sub(" ", plain)
    found = [
        min(len({match.group(0) for match in pattern.finditer(present if name.startswith(_SIGNS) else plain)}), 3) / 3
        for name, pattern in _patterns().items()
    ]
    readings = [(float(m.group(1)), bad, odd) for pattern, bad, odd in _RANGES for m in pattern.finditer(plain)]
    words = len(text.split())
    return [
        *found,
        float(any(bad(value) for value, bad, _ in readings)),
        float(any(odd(value) for value, _, odd in readings)),
        min(len(set(_SHORTHAND.findall(text))), 4) / 4,
        float(words < 8),
        float(words < 15),
        min(words, 40) / 40,
        min(len(re.findall(r"\d+", text)), 5) / 5,
    ]
