"""A signed review as a line of HealthRubrics JSONL: HealthBench's shape, and who reviewed, what was edited, which is
better.

`training.common.items.load_items` reads it. `key` is the question's id and the reviewer: two may review one question.
The page and the spreadsheet both write it.
"""

from typing import Any

from principles.schema import Label
from training.common.questions import Question
from training.reviews.changes import rubric_changes
from training.reviews.record import SIDES, Review, ReviewCriterion, Revision, Side


def review_line(question: Question, revision: Revision, drafted: Review) -> dict[str, Any]:
    """A signed review as one line holds it; `drafted` is the rubric that the clinician started from."""
    review = revision.review
    record: dict[str, Any] = {
        "key": key_of(revision),
        "prompt_id": question.prompt_id,
        "prompt": list(question.turns),
        "rubrics": [_rubric_line(one) for one in review.criteria],
        "example_tags": [*question.example_tags, *_scenario_tags(review)],
        "reviewer": revision.owner,
        "signed_by": revision.editor,
        "signed_at": revision.at.isoformat(),
        "drafted": [_drafted_line(one) for one in drafted.criteria],
        "edits": [change.model_dump(mode="json", exclude_none=True) for change in rubric_changes(drafted, review)],
        "preference": _preference(review) if all(review.answers) else None,
    }
    return record | ({"canary": question.canary} if question.canary else {})


def key_of(revision: Revision) -> str:
    """What tells a review from all others: its question and its owner."""
    return f"{revision.question_id}#{revision.owner}"


def _rubric_line(one: ReviewCriterion) -> dict[str, Any]:
    tags = [f"principle:{one.principle_id}", f"dimension:{one.principle_id.split('.')[0]}"] if one.principle_id else []
    return {
        "id": one.id,
        "criterion": one.text.strip(),
        "points": one.points,
        "tags": [*tags, "safety_critical"] if one.safety_critical else tags,
        "principle_id": one.principle_id,
        "safety_critical": one.safety_critical,
    }


def _drafted_line(one: ReviewCriterion) -> dict[str, Any]:
    return {"id": one.id, "criterion": one.text, "points": one.points, "principle_id": one.principle_id}


def _preference(review: Review) -> dict[str, Any]:
    """`better` is A, B or tie; verdicts and their sources are in the order of the rubrics."""
    return {
        "better": review.preference,
        "reason": review.reason,
        "answers": [_answer(review, place, side) for place, side in enumerate(SIDES)],
    }


def _answer(review: Review, place: int, side: Side) -> dict[str, Any]:
    return {
        "name": side.upper(),
        "text": review.answers[place],
        "origin": review.origins[place],
        "score": review.grade(side).score,
        "met": [getattr(one, side) is Label.MET for one in review.criteria],
        "by_judge": [side in one.by_judge for one in review.criteria],
    }


def _scenario_tags(review: Review) -> list[str]:
    if review.scenario is None:
        return []
    values = review.scenario.model_dump(mode="json", include={"urgency", "uncertainty", "expertise", "task"})
    return [f"{dimension}:{value}" for dimension, value in values.items()]
