"""Words of alarm in the languages that the page speaks but English, in which the scenario is read.

What a small model makes of a cry for help in Hindi or Arabic may be a headache after cake. So the words by which people
tell of an emergency are looked for in the question as it was written, too: alarms.yaml, by ISO 639-1 code.
"""

import re
from functools import cache
from importlib.resources import files

import yaml

from agent.language import language_of


def alarming(text: str) -> bool:
    """Whether a question tells of an emergency in the words of its own language."""
    pattern = _patterns().get(language_of(text))
    return bool(pattern and pattern.search(text))


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    text = files("agent").joinpath("alarms.yaml").read_text(encoding="utf-8")
    known: dict[str, list[str]] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {code: re.compile("|".join(f"(?:{line})" for line in lines), re.IGNORECASE) for code, lines in known.items()}
