"""The signed reviews of the database as lines of files: HealthRubrics JSONL, and the verdicts on the graded answers."""

import json
from collections.abc import Iterator

from principles.schema import Label
from training.reviews.lines import key_of, review_line
from training.reviews.record import SIDES
from ui.review.store import ReviewStore


def export_lines(store: ReviewStore) -> Iterator[str]:
    """One line of JSON for each signed review, each with its line break."""
    questions = {question.prompt_id: question for question in store.questions()}
    drafts = store.drafts()
    for revision in store.signed():
        drafted = drafts[revision.question_id, revision.owner]
        record = review_line(questions[revision.question_id], revision, drafted)
        yield json.dumps(record, ensure_ascii=False) + "\n"


def verdict_lines(store: ReviewStore) -> Iterator[str]:
    """One line of JSON for each graded answer of a signed review, as `training.common.items.load_verdicts` reads it."""
    for revision in store.signed():
        review = revision.review
        for place, side in enumerate(SIDES if all(review.answers) else ()):
            verdicts = [(one.text.strip(), one.points, getattr(one, side) is Label.MET) for one in review.criteria]
            answer = {"model": review.origins[place], "arm": side.upper(), "response": review.answers[place]}
            record = {"key": key_of(revision), **answer, "verdicts": verdicts}
            yield json.dumps(record, ensure_ascii=False) + "\n"
