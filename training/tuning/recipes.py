"""Recipes: typed records read from YAML, each field of which is also an option of its command, with its help."""

import argparse
import re
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from principles.errors import ConfigError

R = TypeVar("R", bound=BaseModel)


def load(kind: type[R], path: Path, changes: dict[str, str] | None = None) -> R:
    """The recipe at `path` with `changes` (field to YAML text) on top. Raises ConfigError that names the field."""
    examples = f"see {kind.__module__.rpartition('.')[0].replace('.', '/')}/recipes for examples"
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "it is not YAML"
        raise ConfigError(f"{path}: cannot be read as a recipe ({reason}): {examples}") from None
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: a recipe is a list of `field: value`: {examples}")
    for field, text in (changes or {}).items():
        fields[field] = _value(field, text)
    return _checked(kind, fields, path)


def _checked(kind: type[R], fields: dict[Any, Any], path: Path) -> R:
    fields = {str(name): _number(value) for name, value in fields.items()}
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        faults = []
        for one in error.errors(include_input=False, include_url=False):
            where = ".".join(map(str, one["loc"]))
            said = "there is no such field" if one["type"] == "extra_forbidden" else one["msg"]
            faults.append(f"{where}: {said}" if where else said.removeprefix("Value error, "))
        raise ConfigError(f"{path}: {'; '.join(faults)}") from None


def _value(field: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--{field.replace('_', '-')}: cannot be read as a value") from None


def _number(value: Any) -> Any:
    """YAML 1.1 takes 1e-6 for text."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value) else value


def add_field_options(parser: argparse.ArgumentParser, kind: type[BaseModel]) -> None:
    """One option a field, e.g. --learning-rate; it wins over the recipe file."""
    said = "each wins over the file; the defaults are for fields that the file leaves out"
    group = parser.add_argument_group("fields of the recipe", said)
    for name, field in kind.model_fields.items():
        choices = [str(choice) for choice in get_args(field.annotation)] if _literal(field.annotation) else None
        metavar = "|".join(choices) if choices else "VALUE"
        known = "" if field.is_required() or field.default in (None, ()) else f" (default {_yaml(field.default)})"
        text = (str(field.description) + known).replace("%", "%%")
        group.add_argument(f"--{name.replace('_', '-')}", dest=f"field_{name}", metavar=metavar, help=text)


def changed_fields(given: argparse.Namespace, kind: type[BaseModel]) -> dict[str, str]:
    """The fields that were given as options."""
    named = {name: getattr(given, f"field_{name}") for name in kind.model_fields}
    return {name: text for name, text in named.items() if text is not None}


def _yaml(value: object) -> str:
    """As a recipe would say it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _literal(annotation: Any) -> bool:
    return get_origin(annotation) is Literal
