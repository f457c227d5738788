"""What there is to choose from: questions with who has signed them, and whose review of one."""

from collections import defaultdict

from training.common.questions import Question
from ui.review.desk import Desk
from ui.review.store import ReviewStore

# A browser is slow with a longer list; the one that is open is always in it.
MOST_LISTED = 500
LABEL = 70


def questions_listed(store: ReviewStore, current: Question) -> list[tuple[str, str]]:
    """(label, prompt_id) of the questions, or of those around the current one."""
    signed = defaultdict(list)
    for status in store.statuses():
        if status.signed:
            signed[status.question_id].append(status.owner)
    questions = store.questions()
    place = next((place for place, one in enumerate(questions) if one.prompt_id == current.prompt_id), 0)
    first = max(0, min(place - MOST_LISTED // 2, len(questions) - MOST_LISTED))
    shown = list(enumerate(questions, 1))[first : first + MOST_LISTED]
    return [(_label(number, one, signed[one.prompt_id]), one.prompt_id) for number, one in shown]


def owners_listed(store: ReviewStore, desk: Desk) -> list[tuple[str, str]]:
    """(label, owner): one's own review first, then those of colleagues."""
    others = [one for one in store.statuses(desk.question.prompt_id) if one.owner != desk.editor]
    mine = (f"{desk.editor} (yours)", desk.editor)
    return [mine, *((f"{one.owner}{', signed' * one.signed}", one.owner) for one in others)]


def _label(number: int, question: Question, signed: list[str]) -> str:
    words = " ".join(question.turns[-1]["content"].split())
    short = words if len(words) <= LABEL else f"{words[: LABEL - 1]}…"
    return f"{number}. {short}" + (f" ✓ {', '.join(signed)}" if signed else "")
