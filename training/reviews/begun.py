"""What a clinician's review starts from where its rubric, or two answers, came with the question."""

import hashlib

from training.common.questions import Question
from training.reviews.record import Origin, Review, ReviewCriterion

# Principles, more than an answer is held to: to strike a criterion out is less work than to miss it.
CANDIDATES = 10
Ordered = tuple[tuple[str, str], tuple[Origin, Origin]]


def begun(question: Question) -> Review:
    """The drafted criteria and the two answers, as far as there are any; the same on the page and in a spreadsheet."""
    review = Review()
    if question.drafted:
        rows = tuple(ReviewCriterion(**one.model_dump()) for one in question.drafted.criteria)
        review = review.model_copy(update={"criteria": rows, "scenario": question.drafted.scenario})
    if question.pair:
        given = (question.pair.preferred, question.pair.rejected)
        answers, origins = shuffled(question, given, ("preferred", "rejected"))
        review = review.model_copy(update={"answers": answers, "origins": origins})
    return review


def shuffled(question: Question, answers: tuple[str, str], origins: tuple[Origin, Origin]) -> Ordered:
    """Two answers as A and B: which is which is settled by the question and told to nobody who grades."""
    if hashlib.sha256(question.prompt_id.encode()).digest()[0] % 2:
        return (answers[1], answers[0]), (origins[1], origins[0])
    return answers, origins
