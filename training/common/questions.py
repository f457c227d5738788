"""Questions without a rubric, read from files of any form that `principles.records` reads.

A record is {question}, or {prompt: [{role, content}]} as in HealthBench, or as chat data has it; prompt_id,
example_tags and canary are kept. So is the rubric of a record that was drafted for clinicians (docs/review.md), which
says its `writer`. Every error is a ConfigError that names file, place and reason, and quotes no text of the record.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, field_validator, model_validator

from agent.llm.sendable import sendable
from principles.errors import ConfigError
from principles.hard import is_hard, refuse_hard
from principles.lines import Line, Points, QuestionLine, listed, parsed
from principles.records import fault, records
from principles.schema import Criterion, Record, Scenario, Text

# What a review can hold of either.
MOST_CRITERIA = 60
MOST_ANSWER = 50_000
Answer = Annotated[str, Field(min_length=1, max_length=MOST_ANSWER, pattern=r"\S")]


class Pair(Record):
    """Two answers to a question, of which somebody preferred the first."""

    preferred: Answer
    rejected: Answer


class Drafted(Record):
    """A rubric that was drafted for clinicians to correct, and the scenario that it was drafted for."""

    criteria: tuple[Criterion, ...]
    scenario: Scenario | None = None


class Question(Record):
    """A conversation that ends with the user's turn.

    `canary` marks a benchmark's text and stays with what is made of it. `hard` ones are of HealthBench Hard. `drafted`
    and `pair` are what a clinician's review of it starts from, if they are there.
    """

    prompt_id: str
    turns: tuple[dict[str, str], ...]
    example_tags: tuple[str, ...] = ()
    canary: str | None = None
    hard: bool = False
    drafted: Drafted | None = None
    pair: Pair | None = None

    @property
    def text(self) -> str:
        """What the user asked, earlier turns first."""
        return "\n".join(turn["content"] for turn in self.turns if turn["role"] == "user")


def read_questions(path: Path, pairs: bool = False) -> tuple[list[Question], int]:
    """The questions in the file's order, each once, and how many records repeated an earlier one.

    The same words in another case or spacing are the same question. `pairs`: a record may have a preferred (or chosen)
    and a rejected answer. Raises ConfigError, also where one is of HealthBench Hard: what is made of these questions is
    trained on.
    """
    found: dict[str, Question] = {}
    ids: dict[str, str] = {}
    repeated = 0
    read = [(place, question_of_record(record, path, place, pairs)) for place, record in records(path)]
    refuse_hard(path, [question.hard for _, question in read])
    for place, question in read:
        identity = _digest(question.turns)
        if identity in found:
            repeated += 1
            continue
        if question.prompt_id in ids:
            above = ids[question.prompt_id]
            raise fault(path, place, f"its prompt_id is that of another question, on {above}: give each its own")
        found[identity] = question
        ids[question.prompt_id] = place
    if not found:
        raise ConfigError(f"{path}: holds no question: give a file with a question a line or row")
    return list(found.values()), repeated


def question_of(text: str) -> Question:
    """A question of one turn, known by its words. Raises ConfigError if it is empty."""
    turns = ({"role": "user", "content": sendable(text).strip()},)
    if not turns[0]["content"]:
        raise ConfigError("the question is empty: write one")
    return Question(prompt_id=_digest(turns)[:32], turns=turns)


def question_of_record(record: dict[str, Any], path: Path, place: str, pairs: bool = False) -> Question:
    """The question at `place` of the file at `path`. Raises ConfigError."""
    line = parsed(QuestionLine, record, path, place)
    turns = tuple({**turn, "content": sendable(turn["content"]).strip()} for turn in line.turns)
    if not turns[-1]["content"]:
        raise fault(path, place, "the question is empty: remove the record")
    return Question(
        prompt_id=line.prompt_id or _digest(turns)[:32],
        turns=turns,
        example_tags=line.example_tags,
        canary=line.canary,
        hard=line.hard or is_hard(turns),
        drafted=parsed(_DraftedLine, record, path, place).drafted() if "writer" in record else None,
        pair=parsed(_PairLine, record, path, place).pair() if pairs or "writer" in record else None,
    )


def _digest(turns: tuple[Mapping[str, str], ...]) -> str:
    digest = hashlib.sha256()
    for turn in turns:
        digest.update(f"{turn['role']}\0{' '.join(turn['content'].casefold().split())}\0".encode())
    return digest.hexdigest()


class _DraftedCriterion(Line):
    criterion: Text
    points: Points
    safety_critical: bool = False
    principle_id: Annotated[str, Field(max_length=64)] | None = None
    tags: tuple[str, ...] = ()


class _DraftedLine(Line):
    rubrics: Annotated[tuple[_DraftedCriterion, ...], BeforeValidator(listed)] = Field(max_length=MOST_CRITERIA)
    scenario: Scenario | None = None

    def drafted(self) -> Drafted:
        criteria = tuple(
            Criterion(
                id=f"c{place}",
                text=one.criterion,
                points=one.points,
                safety_critical=one.safety_critical or "safety_critical" in one.tags,
                principle_id=one.principle_id,
            )
            for place, one in enumerate(self.rubrics)
        )
        return Drafted(criteria=criteria, scenario=self.scenario)


class _PairLine(Line):
    preferred: Answer | None = Field(default=None, validation_alias=AliasChoices("preferred", "chosen"))
    rejected: Answer | None = None

    @field_validator("preferred", "rejected", mode="before")
    @classmethod
    def _said(cls, answer: Any) -> Any:
        """Sets of preferences often hold the whole conversation: its last turn is the answer."""
        if isinstance(answer, list) and answer and isinstance(answer[-1], dict):
            answer = answer[-1].get("content") if answer[-1].get("role") == "assistant" else None
        return sendable(answer).strip() if isinstance(answer, str) else answer

    @model_validator(mode="after")
    def _both(self) -> "_PairLine":
        if (self.preferred is None) != (self.rejected is None):
            raise ValueError("it has only one answer of a pair: give a preferred and a rejected one, or neither")
        if self.preferred is not None and self.preferred == self.rejected:
            raise ValueError("its preferred and its rejected answer are the same: nothing tells them apart")
        return self

    def pair(self) -> Pair | None:
        if self.preferred is None or self.rejected is None:
            return None
        return Pair(preferred=self.preferred, rejected=self.rejected)
