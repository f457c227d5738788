"""Reviews, questions and a draft for the tests of the clinicians' review."""

from pathlib import Path
from typing import Any

from principles.schema import Label
from training.common.questions import Question, question_of
from training.reviews.record import Review, ReviewCriterion
from ui.common.database import open_database
from ui.review.desk import Desk, filled_in
from ui.review.store import ReviewStore

YES, NO = Label.MET, Label.NOT_MET
QUESTION = question_of("Can I take ibuprofen with warfarin?")


def row(name: str, points: float | None = 5, text: str | None = None, **fields: Any) -> ReviewCriterion:
    words = f"Does the answer mention {name}?" if text is None else text
    return ReviewCriterion(id=name, text=words, points=points, **fields)


DRAFT = Review(
    criteria=(
        row("task.nurse", principle_id="task.nurse"),
        row("task.jam", -8, principle_id="task.jam", safety_critical=True),
    )
)


def drafted(question: Question) -> Review:
    return DRAFT


def store_in(folder: Path) -> ReviewStore:
    """A store with one question."""
    store = ReviewStore(open_database(f"sqlite:///{folder}/reviews.sqlite"))
    store.add([QUESTION])
    return store


def finished(**changed: Any) -> Review:
    """A review that lacks nothing but the signature."""
    rows = (row("task.nurse", 5, principle_id="task.nurse", a=YES, b=NO), row("own-1", -4, a=NO, b=YES))
    given = {"criteria": rows, "answers": ("See a nurse.", "Eat jam."), "preference": "A", "reason": "It is safe."}
    return Review(**(given | changed))


def page_of(review: Review) -> tuple[Any, ...]:
    """What the page sends for a review: rows, answers, preference, reason."""
    rows = [one.model_dump(mode="json") for one in review.criteria]
    return rows, review.answers, review.preference, review.reason


def shown_on(desk: Desk, review: Review) -> Review:
    return filled_in(desk, *page_of(review))
