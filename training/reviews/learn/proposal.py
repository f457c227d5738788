"""New wording as a unified diff of the library's own file, in which nothing else changes."""

import difflib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from principles.errors import ConfigError, LibraryError
from principles.library import BUNDLED, parsed_yaml


def library_text(path: Path) -> str:
    """The library as it is written. Raises ConfigError where it is no YAML, in which one line can be changed alone."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"{path}: rewording is proposed as a diff of a YAML file: keep the library as .yaml")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise LibraryError(f"{path}: is not UTF-8 text: save the library as UTF-8") from None


def with_criteria(text: str, criteria: Mapping[str, str], path: Path) -> str:
    """The library's text with other criteria, by principle id. Raises LibraryError where one cannot be placed."""
    wanted = [entry | {"criterion": criteria.get(entry["id"], entry["criterion"])} for entry in parsed_yaml(text, path)]
    places = sorted(_places(text, criteria).values(), reverse=True)
    for start, end, name in places:
        text = f"{text[:start]}{json.dumps(criteria[name], ensure_ascii=False)}{text[end:]}"
    if parsed_yaml(text, path) != wanted:
        raise LibraryError(f"{path}: its criteria cannot be changed one by one: write each as a text of its own")
    return text


def diff(before: str, after: str, path: Path) -> str:
    """A unified diff that `git apply` and `patch -p1` take; "" where nothing changed."""
    name = "principles/library.yaml" if path == BUNDLED else path.name
    old, new = (list(io.StringIO(text, newline="\n")) for text in (before, after))
    return "".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))


def _places(text: str, criteria: Mapping[str, str]) -> dict[str, tuple[int, int, str]]:
    """Where in the text the criterion of each principle is written: start, end, id."""
    found = {}
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for entry in root.value:
        fields = {key.value: value for key, value in entry.value}
        name = fields["id"].value
        if name in criteria:
            written = fields["criterion"]
            found[name] = (written.start_mark.index, written.end_mark.index, name)
    return found
