"""Reference answers to questions, read from files of any form that `principles.records` reads.

A record is a question as everywhere, with the answer under one of the names in `ANSWERS`. Null or empty ones are
passed over and counted: HealthBench has ideal answers to some of its items only. What belongs to HealthBench Hard, or
is asked in a file that is kept for measuring, is refused by the prompt's text. Errors quote no text of the record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.critic.quoting import neutral
from agent.llm.sendable import sendable
from principles.errors import ConfigError
from principles.hard import digests, refuse_hard
from principles.lines import CONVERSATIONS, IDS
from principles.records import fault, records
from training.common.questions import Question, question_of_record

# In small letters, as records give every name.
ANSWERS = ("ideal_completion", "preferred", "chosen", "answer", "free_form_answer", "response", "completion", "output")
MEASURED = "keep what is measured apart from what is learnt, or take these records out of the data"


@dataclass(frozen=True)
class Example:
    """A question and the answer that is learnt, perhaps against one that is `rejected`."""

    question: Question
    answer: str
    rejected: str | None = None


def read_examples(path: Path, questions: Sequence[Path] = ()) -> tuple[list[Example], int]:
    """The examples of a file in its order, and how many records had no answer.

    A record without a question is an answer to that with its key in `questions`. Raises ConfigError.
    """
    asked = asked_in(questions)
    found: list[Example] = []
    hard: list[bool] = []
    without = 0
    for place, record in records(path):
        question = question_of_record(_joined(record, asked, path, place), path, place)
        hard.append(question.hard)
        answer = _answer(record, path, place)
        if answer:
            found.append(Example(question, answer))
        else:
            without += 1
    refuse_hard(path, hard)
    if not found:
        raise ConfigError(f"{path}: no record has an answer: give it as one of {', '.join(ANSWERS)}")
    return found, without


def read_pairs(path: Path) -> list[Example]:
    """The preferences of a file in its order. Raises ConfigError, also where a record has no pair."""
    found: list[Example] = []
    hard: list[bool] = []
    for place, record in records(path):
        question = question_of_record(record, path, place, pairs=True)
        hard.append(question.hard)
        if question.pair is None:
            raise fault(path, place, "it has no pair: give a chosen (or preferred) and a rejected answer")
        found.append(Example(question, neutral(question.pair.preferred), neutral(question.pair.rejected)))
    refuse_hard(path, hard)
    if not found:
        raise ConfigError(f"{path}: holds no pair: make them with `python -m training pairs`")
    return found


def asked_in(paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The question of each record that has one, by each of its ids. Raises ConfigError."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        for _, record in records(path):
            question = {
                name: record[name] for name in (*CONVERSATIONS, "canary", "hard") if record.get(name) is not None
            }
            found |= {str(record[name]): question for name in IDS if record.get(name)}
    return found


def _joined(record: dict[str, Any], asked: Mapping[str, dict[str, Any]], path: Path, place: str) -> dict[str, Any]:
    if any(record.get(name) is not None for name in CONVERSATIONS):
        return record
    found = next((asked[str(record[name])] for name in IDS if str(record.get(name)) in asked), None)
    if found is None:
        told = "is in none of the files of questions" if asked else "stands elsewhere: name its file as questions"
        raise fault(path, place, f"it has no question, and the question with its key {told}")
    return {**record, **found}


def refuse_measured(path: Path, questions: Sequence[Question], test: Sequence[Path]) -> None:
    """Raises ConfigError where a question of the file at `path` is asked in a file of `test` too."""
    for other in test:
        kept = set[str]().union(
            *(digests(question_of_record(one, other, place).turns) for place, one in records(other))
        )
        same = sum(not digests(question.turns).isdisjoint(kept) for question in questions)
        if same:
            raise ConfigError(f"{path}: {same} of {len(questions)} questions are asked in {other} as well: {MEASURED}")


def _answer(record: dict[str, Any], path: Path, place: str) -> str:
    given = [name for name in ANSWERS if record.get(name) is not None]
    if len(given) > 1:
        raise fault(path, place, f"it has an answer as {' and as '.join(given)}: leave all but one")
    value = record[given[0]] if given else ""
    if isinstance(value, list) and value and isinstance(value[-1], dict):  # preferences often hold the conversation
        value = value[-1].get("content") if value[-1].get("role") == "assistant" else None
    if not isinstance(value, str):
        raise fault(path, place, f"{given[0]}: it is not the text of an answer")
    return neutral(sendable(value).strip())
