"""Questions without a rubric, read from a JSONL file (plain or .gz).

A line is {question}, or {prompt: [{role, content}]} as in HealthBench; prompt_id, example_tags and canary are
kept. Every error is a ConfigError that names file, line and reason, and quotes no text of the record.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from agent.llm.sendable import sendable
from principles.errors import ConfigError
from principles.schema import Record
from training.common.items import Line, TurnLine, fault, parsed, records


class Question(Record):
    """A conversation that ends with the user's turn.

    `canary` marks a benchmark's text and stays with what is made of it.
    """

    prompt_id: str
    turns: tuple[dict[str, str], ...]
    example_tags: tuple[str, ...] = ()
    canary: str | None = None

    @property
    def text(self) -> str:
        """What the user asked, earlier turns first."""
        return "\n".join(turn["content"] for turn in self.turns if turn["role"] == "user")


def read_questions(path: Path) -> tuple[list[Question], int]:
    """The questions in the file's order, each once, and how many lines repeated an earlier one.

    The same words in another case or spacing are the same question. Raises ConfigError.
    """
    found: dict[str, Question] = {}
    ids: set[str] = set()
    repeated = 0
    for number, record in records(path):
        question = _question(record, path, number)
        identity = _digest(question.turns)
        if identity in found:
            repeated += 1
            continue
        if question.prompt_id in ids:
            raise fault(path, number, "its prompt_id is that of another question above: give each its own")
        found[identity] = question
        ids.add(question.prompt_id)
    if not found:
        raise ConfigError(f"{path}: holds no question: give a JSONL file with a question a line")
    return list(found.values()), repeated


def question_of(text: str) -> Question:
    """A question of one turn, known by its words. Raises ConfigError if it is empty."""
    turns = ({"role": "user", "content": sendable(text).strip()},)
    if not turns[0]["content"]:
        raise ConfigError("the question is empty: write one")
    return Question(prompt_id=_digest(turns)[:32], turns=turns)


def _question(record: dict[str, Any], path: Path, number: int) -> Question:
    line = parsed(_QuestionLine, record, path, number)
    turns = tuple(line.turns())
    if not turns[-1]["content"]:
        raise fault(path, number, "the question is empty: remove the line")
    return Question(
        prompt_id=line.prompt_id or _digest(turns)[:32],
        turns=turns,
        example_tags=line.example_tags or (),
        canary=line.canary,
    )


def _digest(turns: tuple[Mapping[str, str], ...]) -> str:
    digest = hashlib.sha256()
    for turn in turns:
        digest.update(f"{turn['role']}\0{' '.join(turn['content'].casefold().split())}\0".encode())
    return digest.hexdigest()


class _QuestionLine(Line):
    question: str | None = None
    prompt: tuple[TurnLine, ...] | None = Field(default=None, min_length=1)
    prompt_id: str | None = Field(default=None, min_length=1)
    example_tags: tuple[str, ...] | None = None
    canary: str | None = None
    hard: bool = False

    @model_validator(mode="after")
    def _usable(self) -> "_QuestionLine":
        if (self.question is None) == (self.prompt is None):
            raise ValueError("it must have either a question or a prompt")
        if self.prompt and self.prompt[-1].role != "user":
            raise ValueError("the last turn of its prompt must be the user's")
        if self.hard:
            raise ValueError("it belongs to HealthBench Hard, which is for measuring only: remove it")
        return self

    def turns(self) -> list[dict[str, str]]:
        if self.prompt is None:
            return [{"role": "user", "content": sendable(str(self.question)).strip()}]
        return [{"role": turn.role, "content": sendable(turn.content).strip()} for turn in self.prompt]
