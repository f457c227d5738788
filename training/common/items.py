"""HealthBench items and judged responses, read from files of any form that `principles.records` reads.

An item is a conversation and the physicians' criteria for its answer. Criterion ids are c0, c1, ... in
the file's order: stable for a file, and unique where an item states the same criterion twice. Every error
is a ConfigError that names file, place and reason, and quotes no text of the record.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from principles.errors import ConfigError
from principles.hard import is_hard
from principles.lines import Id, ItemLine, Line, Points, by_item, first_fault, listed, parsed
from principles.records import fault, records
from principles.schema import Criterion, Label, Record, Rubric, Verdict

Met = Annotated[bool, Field(strict=True)]


class ExpertCriterion(Criterion):
    """A physicians' criterion. HealthBench's consensus criteria run to some 3,200 characters."""

    text: Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]


class Item(Record):
    """A conversation that ends with the user's turn, and its rubric.

    `criterion_tags` are by criterion id; many public copies of HealthBench have none. `canary` marks
    HealthBench's text and has to stay with whatever is derived from it. `hard` ones, of HealthBench Hard by their flag
    or their text, are for measuring only. `spread` is the standard deviation of several sampled answers' scores, where
    `synthesize --samples` made the line.
    """

    key: str
    prompt_id: str | None = None
    turns: tuple[dict[str, str], ...]
    rubric: Rubric
    criterion_tags: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    example_tags: tuple[str, ...] = ()
    canary: str | None = None
    hard: bool = False
    spread: float | None = None


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
    """The items of a file, in its order or shuffled by `shuffle_seed`; the first `limit` of them."""
    items = [item for _, item in numbered_items(path)]
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(items)
    return items[:limit]


def numbered_items(path: Path) -> Iterator[tuple[str, Item]]:
    """Each item of a file and its place there, for messages. Raises ConfigError, also where there is none."""
    seen: dict[str, str] = {}
    for place, record in by_item(records(path), path):
        item = _item(parsed(_SignalledLine, record, path, place), path, place)
        if item.key in seen:
            raise fault(path, place, f"its key was there before, on {seen[item.key]}: give each item a key of its own")
        seen[item.key] = place
        yield place, item
    if not seen:
        raise ConfigError(f"{path}: holds no item: give a file of questions with rubrics, as HealthBench has them")


def load_verdicts(path: Path, items: Iterable[Item]) -> list[Judged]:
    """Judged responses, joined to `items` by key: {key, model, arm, response} with grades or verdicts.

    `grades` are [{criterion, points, met, explanation?}], `verdicts` [[criterion, points, met]]. They must
    be on exactly the item's criteria; line breaks may be written as <br> there.
    """
    by_key = {item.key: item for item in items}
    judged: list[Judged] = []
    for place, record in records(path):
        line = parsed(_JudgedLine, record, path, place)
        if line.key not in by_key:
            raise fault(path, place, "its key is not among the items: give the HealthBench file that it was made from")
        item = by_key[line.key]
        verdicts = _matched(item, line, path, place)
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


class _SignalLine(Line):
    spread: float = Field(ge=0)


class _SignalledLine(ItemLine):
    signal: _SignalLine | None = None


class _GradeLine(Line):
    criterion: str
    points: Points
    met: Met
    explanation: str | None = None


class _JudgedLine(Line):
    key: Id
    model: str = ""
    arm: str = ""
    response: str
    grades: Annotated[tuple[_GradeLine, ...], BeforeValidator(listed)] = ()
    verdicts: Annotated[tuple[tuple[str, Points, Met], ...], BeforeValidator(listed)] = ()
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


def _item(line: _SignalledLine, path: Path, place: str) -> Item:
    key = line.key or line.prompt_id
    if not key:
        raise fault(path, place, "it has neither key nor prompt_id nor id")
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
        raise fault(path, place, f"rubrics: {first_fault(error)}") from None
    return Item(
        key=key,
        prompt_id=line.prompt_id,
        turns=line.turns,
        rubric=Rubric(criteria=criteria),
        criterion_tags={f"c{i}": one.tags for i, one in enumerate(line.rubrics) if one.tags},
        example_tags=line.example_tags,
        canary=line.canary,
        hard=line.hard or is_hard(line.turns),
        spread=line.signal.spread if line.signal else None,
    )


def _matched(item: Item, line: _JudgedLine, path: Path, place: str) -> tuple[Verdict, ...]:
    """The line's verdicts in the rubric's order. A criterion stated twice takes its verdicts in turn."""
    left: dict[tuple[str, float], list[_GradeLine]] = defaultdict(list)
    for row in line.rows():
        left[one_line(row.criterion), row.points].append(row)
    verdicts = []
    for criterion in item.rubric.criteria:
        rows = left[one_line(criterion.text), criterion.points]
        if not rows:
            raise fault(path, place, f"it has no verdict on criterion {criterion.id} of its item")
        row = rows.pop(0)
        label = Label.MET if row.met else Label.NOT_MET
        verdicts.append(Verdict(criterion_id=criterion.id, label=label, reason=row.explanation))
    if any(left.values()):
        raise fault(path, place, "it has a verdict on a criterion that its item does not have")
    return tuple(verdicts)


def one_line(text: str) -> str:
    """The words of a criterion: copies differ in white space, and some write a line break as <br>."""
    return " ".join(text.replace("<br>", "\n").split())
