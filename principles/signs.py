"""Which warning signs make an emergency of a complaint: its own, by signs.yaml, never a list for every illness."""

import re
from functools import cache
from importlib.resources import files

import yaml

# What to say where no complaint is recognised.
ANY = "this becomes severe, changes suddenly, gets worse quickly, or makes the person look or feel seriously ill"


def signs_of(question: str) -> str:
    """The warning signs of the complaint that an English question tells of, as they follow an "if"; else empty."""
    return next((signs for words, signs in _listed() if words.search(question)), "")


def all_signs() -> list[str]:
    """Every list of signs, for a clinician to read."""
    return [*(signs for _, signs in _listed()), ANY]


@cache
def _listed() -> tuple[tuple[re.Pattern[str], str], ...]:
    listed = yaml.safe_load(files("principles").joinpath("signs.yaml").read_text(encoding="utf-8"))
    return tuple((re.compile(one["words"], re.IGNORECASE), one["signs"]) for one in listed)
