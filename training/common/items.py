"""HealthBench items and judged responses, read from JSONL files (plain or .gz).

An item is a conversation and the physicians' criteria for its answer. Criterion ids are c0, c1, ... in
the file's order: stable for a file, and unique where an item states the same criterion twice. Every error
is a ConfigError that names file, line and reason, and quotes no text of the record.
"""

import gzip
import json
import random
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from principles.errors import ConfigError
from principles.schema import Criterion, Label, Record, Rubric, Verdict

Points = Annotated[float, Field(strict=True, ge=-10, le=10)]
Met = Annotated[bool, Field(strict=True)]
M = TypeVar("M", bound=BaseModel)


class ExpertCriterion(Criterion):
    """A physicians' criterion. HealthBench's consensus criteria run to some 3,200 characters."""

    text: Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]


class Item(Record):
    """A conversation that ends with the user's turn, and its rubric.

    `criterion_tags` are by criterion id; many public copies of HealthBench have none. `canary` marks
    HealthBench's text and has to stay with whatever is derived from it.
    """

    key: str
    prompt_id: str | None = None
    turns: tuple[dict[str, str], ...]
    rubric: Rubric
    criterion_tags: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    example_tags: tuple[str, ...] = ()
    canary: str | None = None


class Judged(Record):
    """One response to an item, with somebody's verdict on each of its criteria.

    `score` is the score that the file states for it, if it does.
    """

    item: Item
    model: str
    arm: str
    response: str
    verdicts: tuple[Verdict, ...]
    score: float | None = None


def load_items(path: Path, limit: int | None = None, shuffle_seed: int | None = None) -> list[Item]:
    """HealthBench's own records, in the file's order or shuffled by `shuffle_seed`; the first `limit` of them."""
    items: list[Item] = []
    seen: set[str] = set()
    for number, record in records(path):
        item = _item(parsed(_ItemLine, record, path, number), path, number)
        if item.key in seen:
            raise fault(path, number, "its key was there before: each item must have a key of its own")
        seen.add(item.key)
        items.append(item)
    if not items:
        raise ConfigError(f"{path}: holds no item: give a HealthBench JSONL file")
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(items)
    return items[:limit]


def load_verdicts(path: Path, items: Iterable[Item]) -> list[Judged]:
    """Judged responses, joined to `items` by key: {key, model, arm, response} with grades or verdicts.

    `grades` are [{criterion, points, met, explanation?}], `verdicts` [[criterion, points, met]]. They must
    be on exactly the item's criteria; line breaks may be written as <br> there.
    """
    by_key = {item.key: item for item in items}
    judged: list[Judged] = []
    for number, record in records(path):
        line = parsed(_JudgedLine, record, path, number)
        if line.key not in by_key:
            raise fault(path, number, "its key is not among the items: give the HealthBench file that it was made from")
        item = by_key[line.key]
        verdicts = _matched(item, line, path, number)
        judged.append(
            Judged(
                item=item,
                model=line.model,
                arm=line.arm,
                response=line.response,
                verdicts=verdicts,
                score=line.score,
            )
        )
    return judged


def records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of each line of a JSONL file; empty lines are passed over."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except ValueError:
                    raise fault(path, number, "it is not JSON") from None
                if not isinstance(record, dict):
                    raise fault(path, number, "it is not a JSON object")
                yield number, record
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"{path}: cannot be read ({reason}): give a JSONL file of UTF-8 text") from None


def fault(path: Path, number: int, reason: str) -> ConfigError:
    """The error for one line of a file."""
    return ConfigError(f"{path}: line {number}: {reason}")


class Line(BaseModel):
    """One line of a file as it stands there. Fields that it does not name are passed over."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _RubricLine(Line):
    criterion: str
    points: Points
    tags: tuple[str, ...] | None = None
    safety_critical: bool = False
    principle_id: str | None = None


class TurnLine(Line):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    content: str


class _ItemLine(Line):
    key: str | None = None
    prompt_id: str | None = None
    prompt: tuple[TurnLine, ...] = Field(min_length=1)
    rubrics: tuple[_RubricLine, ...] = Field(min_length=1)
    example_tags: tuple[str, ...] | None = None
    canary: str | None = None


class _GradeLine(Line):
    criterion: str
    points: Points
    met: Met
    explanation: str | None = None


class _JudgedLine(Line):
    key: str
    model: str = ""
    arm: str = ""
    response: str
    grades: tuple[_GradeLine, ...] = ()
    verdicts: tuple[tuple[str, Points, Met], ...] = ()
    score: float | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "_JudgedLine":
        if bool(self.grades) == bool(self.verdicts):
            raise ValueError("it must have either grades or verdicts")
        return self

    def rows(self) -> list[_GradeLine]:
        """Both forms as one."""
        short = [_GradeLine(criterion=text, points=points, met=met) for text, points, met in self.verdicts]
        return list(self.grades) or short


def parsed(kind: type[M], record: dict[str, Any], path: Path, number: int) -> M:
    """The record of line `number` as a `kind` of line. Raises ConfigError with its first fault."""
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        raise fault(path, number, _first(error)) from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    field, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def _item(line: _ItemLine, path: Path, number: int) -> Item:
    key = line.key or line.prompt_id
    if not key:
        raise fault(path, number, "it has neither key nor prompt_id")
    if line.prompt[-1].role != "user":
        raise fault(path, number, "prompt: the last turn must be the user's")
    try:
        criteria = tuple(
            ExpertCriterion(
                id=f"c{i}",
                text=one.criterion,
                points=one.points,
                safety_critical=one.safety_critical,
                principle_id=one.principle_id,
            )
            for i, one in enumerate(line.rubrics)
        )
    except ValidationError as error:
        raise fault(path, number, f"rubrics: {_first(error)}") from None
    return Item(
        key=key,
        prompt_id=line.prompt_id,
        turns=tuple({"role": turn.role, "content": turn.content} for turn in line.prompt),
        rubric=Rubric(criteria=criteria),
        criterion_tags={f"c{i}": tuple(one.tags) for i, one in enumerate(line.rubrics) if one.tags},
        example_tags=line.example_tags or (),
        canary=line.canary,
    )


def _matched(item: Item, line: _JudgedLine, path: Path, number: int) -> tuple[Verdict, ...]:
    """The line's verdicts in the rubric's order. A criterion stated twice takes its verdicts in turn."""
    left: dict[tuple[str, float], list[_GradeLine]] = defaultdict(list)
    for row in line.rows():
        left[_plain(row.criterion), row.points].append(row)
    verdicts = []
    for criterion in item.rubric.criteria:
        rows = left[_plain(criterion.text), criterion.points]
        if not rows:
            raise fault(path, number, f"it has no verdict on criterion {criterion.id} of its item")
        row = rows.pop(0)
        label = Label.MET if row.met else Label.NOT_MET
        verdicts.append(Verdict(criterion_id=criterion.id, label=label, reason=row.explanation))
    if any(left.values()):
        raise fault(path, number, "it has a verdict on a criterion that its item does not have")
    return tuple(verdicts)


def _plain(text: str) -> str:
    return " ".join(text.replace("<br>", "\n").split())
