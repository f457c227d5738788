"""Which medicines a text names, by the dictionary of drug-named-entity-recognition (DrugBank and MeSH names), and by
the names of medicines.yaml that it lacks: brands, and the commonest in other languages."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

import yaml

# The scripts of India, whose vowel signs are no letters to `re`; all but the danda, their full stop.
INDIC = "\u0900-\u0963\u0966-\u0dff"
# French and Italian write an article or preposition onto a name (l'ibuprofène, dell'aspirina): it is a word of its own.
_ELIDED = r"\b(?:[dl]|qu|un|(?:a|da|de|ne|su|que)ll)['’](?=\w)"
_REST = rf"(?:[\w{INDIC}'’-]*[\w{INDIC}])?"
_WORD = re.compile(rf"{_ELIDED}|[^\W\d_]{_REST}|\d+", re.IGNORECASE)
_NAME = re.compile(rf"{_ELIDED}|[^\W_]{_REST}", re.IGNORECASE)
# Names of so many words, and endings of so many letters after stems of so many.
MOST_WORDS, MOST_ENDING, LEAST_STEM = 3, 4, 6
_ENDING = re.compile(rf"(?:[^\W\d_]|[{INDIC}])+")
# Arabic and Hebrew write "the", "and", "with", "for" and their like onto the name; shorter names are left alone.
_PREFIX, LEAST_AFTER_PREFIX = re.compile("[وف]?(?:[بکل]?ال|لل|[بکل])|[وف]|[ושהבלמכ]{1,3}"), 5
# Letters that are typed in several ways, as Arabic and Persian ones, and signs that are left out as often as not.
_TYPED = str.maketrans("أإآيىكİ\u200c", "اااییکi ", "\u093c\u200dـ")
_NOT_MEDICINES = frozenset({"alcohol", "ethanol", "water", "oxygen", "nicotine", "caffeine", "glucose"})


def find_medicines(text: str) -> list[str]:
    """Names as the text spells them, in order of appearance, each once."""
    spelled: dict[str, str] = {}
    for name in sorted((name for name, _ in _named(text, "en")), key=text.find):
        spelled.setdefault(name.lower(), name)
    return [name for key, name in spelled.items() if key not in _NOT_MEDICINES]


def medicine_keys(text: str, language: str = "en") -> set[str]:
    """Canonical names of the medicines in `text`: brand and generic name of one medicine give one key.

    `language` is that of the text, an ISO 639-1 code, whose own words are no medicines.
    """
    return {key for _, key in _named(text, language)} - _NOT_MEDICINES


def _named(text: str, language: str) -> list[tuple[str, str]]:
    """The names of medicines in a text, as it spells them, each with its canonical name."""
    words = [match[0] for match in _WORD.finditer(text)]
    named = [(" ".join(words[start:end]), name) for name, start, end in _matches(words)]
    named += [(said, _key(generic)) for said, generic in _listed(text)]
    ordinary = _file()["words"].get(language, ())
    return [(said, key) for said, key in named if said.lower() not in ordinary]


@cache
def _key(generic: str) -> str:
    """The dictionary's name for one of medicines.yaml's, as acetaminophen for paracetamol."""
    words = generic.split()
    return next((name for name, *place in _matches(words) if place == [0, len(words)]), generic)


def _listed(text: str) -> list[tuple[str, str]]:
    """The names of medicines.yaml in a text, as it spells them, each with the one that it stands for."""
    words = list(_NAME.finditer(text))
    found = [(match[0], _generics()[_typed(match[0])]) for match in _without_spaces().finditer(text)]
    for place, first in enumerate(words):
        for last in reversed(words[place : place + MOST_WORDS]):
            said = text[first.start() : last.end()]
            if name := _known(said):
                found.append((said, _generics()[name]))
                break
    return found


def _known(said: str) -> str | None:
    """The listed name that this one is, perhaps with an ending of its language; brands in Latin letters have none."""
    known = _generics()
    for name in _forms(_typed(said)):
        if name in known:
            return name
        for cut in range(1, MOST_ENDING + 1):
            stem, ending = name[:-cut], name[-cut:]
            takes_endings = stem in _inflected() or (stem in known and not stem.isascii())
            if takes_endings and len(stem) >= LEAST_STEM and _ENDING.fullmatch(ending):
                return stem
    return None


def _forms(name: str) -> Iterator[str]:
    """A name, and what is left of it without what may be written onto it."""
    yield name
    yield re.split("['’]", name)[0]  # the Turkish ending in Parol'ü, the English 's
    if name.isascii():
        return
    for cut in range(1, len(name) - LEAST_AFTER_PREFIX + 1):
        if _PREFIX.fullmatch(name[:cut]):
            yield name[cut:]


def _typed(name: str) -> str:
    """A name as medicines.yaml is read, whichever way it was typed."""
    return unicodedata.normalize("NFC", name).translate(_TYPED).lower()


@cache
def _generics() -> dict[str, str]:
    """Every name of medicines.yaml with the one it stands for."""
    lists = (_file()["names"], _file()["inflected"])
    return {_typed(name): generic for listed in lists for generic, names in listed.items() for name in names}


@cache
def _inflected() -> frozenset[str]:
    """The names in Latin letters that take endings."""
    return frozenset(_typed(name) for names in _file()["inflected"].values() for name in names)


@cache
def _file() -> dict[str, dict[str, list[str]]]:
    text = files("principles").joinpath("medicines.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, list[str]]] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return read


@cache
def _without_spaces() -> re.Pattern[str]:
    """The names in scripts that put no space between words."""
    names = [name for name in _generics() if re.search("[\u0e00-\u0e7f\u3040-\u9fff\uac00-\ud7af]", name)]
    return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))), re.IGNORECASE)


def _matches(words: Sequence[str]) -> list[tuple[str, int, int]]:
    # Imported here: the dictionary takes seconds to load, and most questions name no slot that needs it.
    from drug_named_entity_recognition import find_drugs

    found = find_drugs(list(words), is_ignore_case=True)
    # A few entries ("milk protein") stand for no medicine and have no name.
    named = ((str(entry["name"]).lower(), start, end) for entry, start, end in found if "name" in entry)
    return sorted(named, key=lambda match: match[1])
