"""Words to look for, as YAML files of regular expressions: one name a key, alternatives line by line."""

import re
from functools import cache
from importlib.resources import files

import yaml

# Where a text is cut into sentences.
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@cache
def patterns(package: str, name: str) -> dict[str, re.Pattern[str]]:
    """The patterns of the file `name`.yaml in a package, without regard to case."""
    lexicon: dict[str, str] = yaml.safe_load(files(package).joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: re.compile("|".join(_lines(text)), re.IGNORECASE) for key, text in lexicon.items()}


def says(package: str, name: str, what: str, text: str) -> bool:
    """Whether a text has anything of the pattern `what` of a file: see `patterns`."""
    return bool(patterns(package, name)[what].search(text))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
