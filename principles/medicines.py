"""Which medicines a text names, by the dictionary of drug-named-entity-recognition (DrugBank and MeSH names), and by
the names of medicines.yaml that it lacks: brands, and the commonest in other languages."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import yaml

_WORD = re.compile(r"[^\W\d_][\w'’-]*|\d+")
_NAME = re.compile(r"[^\W_][\w'’-]*")
# Names of so many words, and endings of so many letters after stems of so many.
MOST_WORDS, MOST_ENDING, LEAST_STEM = 3, 3, 6
_NOT_MEDICINES = frozenset({"alcohol", "ethanol", "water", "oxygen", "nicotine", "caffeine", "glucose"})


def find_medicines(text: str) -> list[str]:
    """Names as the text spells them, in order of appearance, each once."""
    words = [match[0] for match in _WORD.finditer(text)]
    names = [" ".join(words[start:end]) for _, start, end in _matches(words)]
    names += [name for name, _ in _listed(text)]
    names.sort(key=text.find)
    spelled: dict[str, str] = {}
    for name in names:
        spelled.setdefault(name.lower(), name)
    return [name for key, name in spelled.items() if key not in _NOT_MEDICINES]


def medicine_keys(text: str) -> set[str]:
    """Canonical names of the medicines in `text`: brand and generic name of one medicine give one key."""
    words = [match[0] for match in _WORD.finditer(text)]
    listed = {generic for _, generic in _listed(text)}
    return ({name for name, _, _ in _matches(words)} | listed) - _NOT_MEDICINES


def _listed(text: str) -> list[tuple[str, str]]:
    """The names of medicines.yaml in a text, as it spells them, each with the one that it stands for."""
    known = _generics()
    words = list(_NAME.finditer(text))
    found = [(match[0], known[match[0]]) for match in _without_spaces().finditer(text)]
    for place, first in enumerate(words):
        for last in reversed(words[place : place + MOST_WORDS]):
            said = text[first.start() : last.end()]
            if key := _known(said.lower(), known):
                found.append((said, known[key]))
                break
    return found


def _known(name: str, known: Mapping[str, str]) -> str | None:
    """The listed name that this one is, perhaps with an ending of its language; brands in Latin letters have none."""
    if name in known:
        return name
    stems = (name[: len(name) - cut] for cut in range(1, MOST_ENDING + 1) if not name.isascii())
    return next((one for one in stems if one in known and len(one) >= LEAST_STEM and name[len(one) :].isalpha()), None)


@cache
def _generics() -> dict[str, str]:
    """Every name of medicines.yaml in lower case, with the one it stands for."""
    text = files("principles").joinpath("medicines.yaml").read_text(encoding="utf-8")
    listed = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["names"]
    return {name: generic for generic, names in listed.items() for name in names}


@cache
def _without_spaces() -> re.Pattern[str]:
    """The names in scripts that put no space between words."""
    names = [name for name in _generics() if re.search("[\u0e00-\u0e7f\u3040-\u9fff\uac00-\ud7af]", name)]
    return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))


def _matches(words: Sequence[str]) -> list[tuple[str, int, int]]:
    # Imported here: the dictionary takes seconds to load, and most questions name no slot that needs it.
    from drug_named_entity_recognition import find_drugs

    found = find_drugs(list(words), is_ignore_case=True)
    # A few entries ("milk protein") stand for no medicine and have no name.
    named = ((str(entry["name"]).lower(), start, end) for entry, start, end in found if "name" in entry)
    return sorted(named, key=lambda match: match[1])
