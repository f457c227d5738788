"""The names that other people's files use: see words.yaml."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def words() -> dict[str, Any]:
    """words.yaml, and `values_of`: by dimension, the value that each known name means."""
    found: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("words.yaml").read_text(encoding="utf-8"))
    found["values_of"] = {
        dimension: {named(name): value for value, one in values.items() for name in (value, *one["called"])}
        for dimension, values in found["known"].items()
    }
    return found


def named(name: str) -> str:
    """A name as words.yaml has it: without case, with spaces between its words."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.strip())
    return re.sub(r"[\s_.\-]+", " ", apart).strip().casefold() or name.strip()
