"""Signed reviews as HealthRubrics JSONL: HealthBench's shape, and who reviewed, what was edited, which is better.

`training.common.items.load_items` reads it. `key` is the question's id and the reviewer: two may review one question.
"""

import json
from collections.abc import Iterator
from typing import Any

from principles.schema import Label
from training.common.questions import Question
from ui.review.changes import rubric_changes
from ui.review.record import SIDES, Review, ReviewCriterion, Side
from ui.review.store import ReviewStore, Revision


def export_lines(store: ReviewStore) -> Iterator[str]:
    """One line of JSON for each signed review, each with its line break."""
    questions = {question.prompt_id: question for question in store.questions()}
    drafts = store.drafts()
    for revision in store.signed():
        drafted = drafts[revision.question_id, revision.owner]
        record = export_record(questions[revision.question_id], revision, drafted)
        yield json.dumps(record, ensure_ascii=False) + "\n"


def verdict_lines(store: ReviewStore) -> Iterator[str]:
    """One line of JSON for each graded answer of a signed review, as `training.common.items.load_verdicts` reads it."""
    for revision in store.signed():
        review = revision.review
        for place, side in enumerate(SIDES if all(review.answers) else ()):
            verdicts = [(one.text.strip(), one.points, getattr(one, side) is Label.MET) for one in review.criteria]
            answer = {"model": review.origins[place], "arm": side.upper(), "response": review.answers[place]}
            record = {"key": _key(revision), **answer, "verdicts": verdicts}
            yield json.dumps(record, ensure_ascii=False) + "\n"


def export_record(question: Question, revision: Revision, drafted: Review) -> dict[str, Any]:
    """A signed review as one line holds it; `drafted` is the rubric that the clinician started from."""
    review = revision.review
    record: dict[str, Any] = {
        "key": _key(revision),
        "prompt_id": question.prompt_id,
        "prompt": list(question.turns),
        "rubrics": [_rubric_line(one) for one in review.criteria],
        "example_tags": [*question.example_tags, *_scenario_tags(review)],
        "reviewer": revision.owner,
        "signed_by": revision.editor,
        "signed_at": revision.at.isoformat(),
        "edits": [change.model_dump(mode="json", exclude_none=True) for change in rubric_changes(drafted, review)],
        "preference": _preference(review) if all(review.answers) else None,
    }
    return record | ({"canary": question.canary} if question.canary else {})


def _key(revision: Revision) -> str:
    return f"{revision.question_id}#{revision.owner}"


def _rubric_line(one: ReviewCriterion) -> dict[str, Any]:
    tags = [f"principle:{one.principle_id}", f"dimension:{one.principle_id.split('.')[0]}"] if one.principle_id else []
    return {
        "criterion": one.text.strip(),
        "points": one.points,
        "tags": [*tags, "safety_critical"] if one.safety_critical else tags,
        "principle_id": one.principle_id,
        "safety_critical": one.safety_critical,
    }


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
