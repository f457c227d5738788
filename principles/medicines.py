"""Which medicines a text names, by the dictionary of drug-named-entity-recognition (DrugBank and MeSH names), and by
the names of medicines.yaml that it lacks: brands, and the commonest in other languages."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import yaml

_WORD = re.compile(r"[^\W\d_][\w'’-]*|\d+")
_NOT_MEDICINES = frozenset({"alcohol", "ethanol", "water", "oxygen", "nicotine", "caffeine", "glucose"})


def find_medicines(text: str) -> list[str]:
    """Names as the text spells them, in order of appearance, each once."""
    words = [match[0] for match in _WORD.finditer(text)]
    names = [" ".join(words[start:end]) for _, start, end in _matches(words)]
    names += [match[0] for match in _others().finditer(text)]
    names.sort(key=text.find)
    spelled: dict[str, str] = {}
    for name in names:
        spelled.setdefault(name.lower(), name)
    return [name for key, name in spelled.items() if key not in _NOT_MEDICINES]


def medicine_keys(text: str) -> set[str]:
    """Canonical names of the medicines in `text`: brand and generic name of one medicine give one key."""
    words = [match[0] for match in _WORD.finditer(text)]
    listed = {_generics()[(match[1] or match[2]).lower()] for match in _others().finditer(text)}
    return ({name for name, _, _ in _matches(words)} | listed) - _NOT_MEDICINES


@cache
def _generics() -> dict[str, str]:
    """Every name of medicines.yaml in lower case, with the one it stands for."""
    listed = yaml.safe_load(files("principles").joinpath("medicines.yaml").read_text(encoding="utf-8"))["names"]
    return {str(name).lower(): generic for generic, names in listed.items() for name in names}


@cache
def _others() -> re.Pattern[str]:
    """Each name at the start of a word, with an ending of up to three letters; Chinese and Japanese anywhere."""
    names = sorted(_generics(), key=len, reverse=True)
    anywhere = [name for name in names if re.search("[\u3040-\u9fff\uac00-\ud7af]", name)]
    words = [name for name in names if name not in anywhere]
    either = rf"(?<!\w)({'|'.join(map(re.escape, words))})\w{{0,3}}(?!\w)|({'|'.join(map(re.escape, anywhere))})"
    return re.compile(either, re.IGNORECASE)


def _matches(words: Sequence[str]) -> list[tuple[str, int, int]]:
    # Imported here: the dictionary takes seconds to load, and most questions name no slot that needs it.
    from drug_named_entity_recognition import find_drugs

    found = find_drugs(list(words), is_ignore_case=True)
    return sorted(((entry["name"].lower(), start, end) for entry, start, end in found), key=lambda match: match[1])
