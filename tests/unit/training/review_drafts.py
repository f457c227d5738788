"""Drafts of rubrics, and spreadsheets of them that were worked in: for the tests of training/reviews."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from training.reviews.sheet.names import CRITERIA, QUESTIONS
from training.reviews.sheet.written import write_sheet

SCENARIO = {"urgency": "non_emergent", "uncertainty": "none", "expertise": "layperson", "task": "medication"}


def criterion(text: str, points: float = 5, principle: str = "task.milk") -> dict[str, Any]:
    return {
        "criterion": f"Does the answer {text}?",
        "points": points,
        "tags": [f"principle:{principle}"],
        "principle_id": principle,
    }


def draft(name: str, *criteria: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A line of drafts, as `draft-rubrics` writes it."""
    return {
        "prompt_id": name,
        "prompt": [{"role": "user", "content": f"May I take it with {name}?"}],
        "rubrics": list(criteria),
        "example_tags": ["theme:x"],
        "writer": "templates",
        "scenario": SCENARIO,
        "principles": [],
        "dropped": {},
        **fields,
    }


MILK = draft(
    "milk",
    criterion("mention milk"),
    criterion("advise to stop at once", -8, "task.stop") | {"tags": ["safety_critical"]},
    criterion("name a dose", 3, "task.dose"),
    preferred="Yes, with milk.",
    rejected="=No() idea,\nnone.",
)
TEA = draft("tea", criterion("mention tea", 2.5), criterion("ask about age"), canary="the canary")


def sheet(folder: Path, *records: dict[str, Any]) -> Path:
    """A fresh spreadsheet of these drafts."""
    path = folder / "drafts.xlsx"
    write_sheet(path, list(records) or [MILK, TEA])
    return path


def worked(path: Path, work: Callable[[Any, Any], None]) -> Path:
    """The same after somebody worked in the sheets Questions and Criteria, and saved."""
    book = load_workbook(path)
    work(book[QUESTIONS], book[CRITERIA])
    book.save(path)
    return path


def sign_tea(questions: Any, criteria: Any) -> None:
    """What the question without answers needs."""
    questions["H3"] = "ab"


def sign_milk(questions: Any, criteria: Any) -> None:
    """What the question with two answers needs: verdicts, which is better, initials."""
    questions["F2"], questions["G2"], questions["H2"] = "B", "It is kinder.", "cd"
    for row in (2, 3, 4):
        criteria[f"G{row}"], criteria[f"H{row}"] = "yes", "No"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
