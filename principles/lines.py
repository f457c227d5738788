"""A question, and an item with its rubric, as records in files write them: HealthBench's names and others'.

Lists may be JSON (or Python) in a string, as tables have them, or columns of values, as Arrow may have them; numbers
may be strings, and null stands for what is not there. A system turn comes before the user's next turn: neither judges
nor policies take it as a turn of its own. Faults quote no text of the record.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic import model_validator as validator

from principles.records import fault

M = TypeVar("M", bound=BaseModel)
CONVERSATIONS = ("prompt", "conversation", "messages", "question")
ROLES = {"developer": "system", "human": "user", "gpt": "assistant", "ai": "assistant", "model": "assistant"}
# What HealthBench Professional has instead of example_tags.
SLICES = ("use_case", "type", "difficulty", "specialty")
RUBRICS, CRITERIA = ("rubrics", "rubric_items", "rubric"), ("criterion", "criterion_text", "description")
IDS = ("key", "prompt_id", "id")
_MESSAGES = re.compile(r"\s*(\[\s*)?\{")
_NUMBER = re.compile(r"[+-]?\d{1,3}(\.\d*)?", re.ASCII)


def _structured(value: Any) -> Any:
    """What a string says that begins as JSON does; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    text = value.strip()
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        written = ast.literal_eval(text)  # as pandas writes a list into a cell
        if repr(written) == text:
            return written
    raise ValueError("it begins like a list and is not JSON")


def listed(value: Any) -> Any:
    """A list of records: written out in a string, or kept in columns of equal length."""
    value = _structured(value)
    if not _is_record(value) or not value or not all(isinstance(column, list) for column in value.values()):
        return value
    if len({len(column) for column in value.values()}) > 1:
        return value
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _messages(value: Any) -> Any:
    """A list of messages from what holds one, or from the text of a question."""
    if isinstance(value, str) and not _MESSAGES.match(value):
        return [{"role": "user", "content": value}]
    value = _structured(value)
    value = value["messages"] if _is_record(value) and "messages" in value else value
    value = listed(value)
    if not isinstance(value, list | tuple):
        raise ValueError("it is neither a conversation nor the text of a question")
    return value


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip().replace("\u2212", "-")
    if not _NUMBER.fullmatch(text):
        raise ValueError("it is not a number, as 5 or -2.5")
    return float(text)


def _tags(value: Any) -> Any:
    value = _structured(value)
    if isinstance(value, str):
        value = re.split(r"[,;]", value)
    if isinstance(value, list | tuple):
        return [one.strip() if isinstance(one, str) else one for one in value if one not in (None, "")]
    return value


def _id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _role(value: Any) -> Any:
    return ROLES.get(value.strip().lower(), value.strip().lower()) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    """The text of a message that is made of parts."""
    if not isinstance(value, list | tuple):
        return value
    texts: list[Any] = [part.get("text") if isinstance(part, dict) else part for part in value]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("it holds something that is not text, such as a picture: only text is read")
    return "\n".join(texts)


Points = Annotated[float, BeforeValidator(_number), Field(strict=True, ge=-10, le=10)]
Tags = Annotated[tuple[str, ...], BeforeValidator(_tags)]
Id = Annotated[str, BeforeValidator(_id), Field(min_length=1)]


class Line(BaseModel):
    """One record of a file as it stands there. Fields that it does not name are passed over, null ones are missing."""

    model_config = ConfigDict(hide_input_in_errors=True, populate_by_name=True)

    @validator(mode="before")
    @classmethod
    def _without_nulls(cls, record: Any) -> Any:
        record = _structured(record)
        return {name: value for name, value in record.items() if value is not None} if _is_record(record) else record


class TurnLine(Line):
    """One message of a conversation."""

    role: Annotated[Literal["user", "assistant", "system"], BeforeValidator(_role)] = Field(
        validation_alias=AliasChoices("role", "from")
    )
    content: Annotated[str, BeforeValidator(_text)] = Field(validation_alias=AliasChoices("content", "value"))


def _asking(turns: tuple[TurnLine, ...]) -> tuple[TurnLine, ...]:
    """The turns of user and assistant; what the system says stands before the user's next turn."""
    said: list[TurnLine] = []
    system: list[str] = []
    for turn in turns:
        if turn.role == "system":
            system.append(turn.content.strip())
            continue
        if turn.role == "user" and system:
            turn = TurnLine(role="user", content="\n\n".join([*system, turn.content]))
            system = []
        said.append(turn)
    if not said or said[-1].role != "user" or system:
        raise ValueError("the last turn must be the user's: leave out what comes after it")
    if not turns[-1].content.strip():
        raise ValueError("the question is empty: remove the record")
    return tuple(said)


Conversation = Annotated[tuple[TurnLine, ...], BeforeValidator(_messages), Field(min_length=1), AfterValidator(_asking)]


class QuestionLine(Line):
    """A conversation that ends with the user's turn. `prompt` has it, whatever its name in the file is."""

    prompt: Conversation
    prompt_id: Id | None = Field(default=None, validation_alias=AliasChoices("prompt_id", "id"))
    example_tags: Tags = ()
    canary: str | None = Field(default=None, validation_alias=AliasChoices("canary", "canary_string"))
    hard: bool = False

    @validator(mode="before")
    @classmethod
    def _named(cls, record: Any) -> Any:
        if not _is_record(record):
            return record
        given = [name for name in CONVERSATIONS if record.get(name) is not None]
        if len(given) != 1:
            found = f", and has {' and '.join(given)}" if given else ""
            raise ValueError(f"it must have either a question or a prompt (or conversation, or messages){found}")
        slices = [f"{name}:{record[name]}" for name in SLICES if "rubric_items" in record and record.get(name)]
        return {"example_tags": slices, **record, "prompt": record[given[0]]}

    @property
    def turns(self) -> tuple[dict[str, str], ...]:
        """The conversation as {role, content}, each user or assistant."""
        return tuple({"role": turn.role, "content": turn.content} for turn in self.prompt)


class RubricLine(Line):
    """One criterion and its points."""

    criterion: str = Field(validation_alias=AliasChoices(*CRITERIA))
    points: Points = Field(validation_alias=AliasChoices("points", "weight"))
    tags: Tags = ()
    safety_critical: bool = False
    principle_id: str | None = None


class ItemLine(QuestionLine):
    """A question with its rubric."""

    key: Id | None = None
    rubrics: Annotated[tuple[RubricLine, ...], BeforeValidator(listed)] = Field(
        min_length=1, validation_alias=AliasChoices(*RUBRICS)
    )


def by_item(found: Iterable[tuple[str, dict[str, Any]]], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same records, where rows with a criterion each are made one record an item, in the first row's place.

    Rows of an item have its id and stand together; its question stands in each of them, or in the first.
    """
    for key, group in groupby(found, key=_item_of):
        if key is None:
            yield from group
            continue
        (place, first), *others = group
        if not key:
            raise fault(path, place, "it is one criterion, and has no key, prompt_id or id that says of which item")
        for other, row in others:
            if any(name in row and row[name] != first.get(name) for name in CONVERSATIONS):
                raise fault(path, other, f"its question is another than that of {place}, whose id it has")
        yield place, {**first, "rubrics": [first, *(row for _, row in others)]}


def _item_of(numbered: tuple[str, dict[str, Any]]) -> str | None:
    """The id of the item that one criterion in a row is of, "" if it has none; None for a whole item."""
    _, record = numbered
    if any(record.get(name) is not None for name in RUBRICS) or not any(record.get(name) for name in CRITERIA):
        return None
    return str(next((record[name] for name in IDS if record.get(name)), ""))


def parsed(kind: type[M], record: dict[str, Any], path: Path, place: str) -> M:
    """The record as a `kind` of line. Raises ConfigError with its first fault."""
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        named = next((name for name in CONVERSATIONS if record.get(name) is not None), "prompt")  # in the file
        raise fault(path, place, re.sub(r"^prompt(?=[.:])", named, first_fault(error))) from None


def first_fault(error: ValidationError) -> str:
    """The first fault that pydantic found, and in which field, without what stood there."""
    first = error.errors(include_input=False, include_url=False)[0]
    field, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def _is_record(value: Any) -> bool:
    return isinstance(value, dict)
