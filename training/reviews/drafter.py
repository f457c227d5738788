"""One question's way to the rubric that a clinician starts from: that of training/synthesis, and for two answers what
tells them apart."""

from collections import Counter
from dataclasses import dataclass

from principles.errors import InputError, ModelError
from principles.grader import Judge
from principles.schema import Criterion
from training.common.questions import Question
from training.reviews.telling import telling
from training.synthesis.pipeline import Attempt, Line, Synthesizer


class Draft(Line):
    """A line of drafts: a synthesised one, and the two answers, if there are any.

    `refused` says why it would not do for training as it is; a clinician can still start from it. `unjudged` counts
    criteria that the judge could not compare.
    """

    preferred: str | None = None
    rejected: str | None = None
    unjudged: int | None = None


@dataclass(frozen=True)
class Drafter:
    """Makes the draft of a question. Safe to share between threads. `judge` is for questions with two answers."""

    synthesizer: Synthesizer
    judge: Judge | None = None

    def draft(self, question: Question) -> Draft:
        """Raises ModelError or InputError where this question cannot be done now."""
        made = self.synthesizer.line(question)
        # The scenario has a field of its own, and comes back as tags when the review is written.
        plain = dict(made) | {"example_tags": question.example_tags}
        pair = question.pair
        if pair is None or self.judge is None:
            return Draft.model_validate(plain)
        criteria = [_criterion(place, entry) for place, entry in enumerate(made.rubrics)]
        told = telling(criteria, question.turns, pair, self.judge)
        kept = {one.id for one in told.criteria}
        if made.rubrics and not kept:
            plain["refused"] = "no criterion tells the answers apart"
        return Draft.model_validate(
            plain
            | pair.model_dump()
            | {
                "rubrics": tuple(entry for place, entry in enumerate(made.rubrics) if f"c{place}" in kept),
                "dropped": dict(sorted((Counter(made.dropped) + told.dropped).items())),
                "unjudged": told.unjudged or None,
            }
        )

    def attempt(self, question: Question) -> Attempt:
        """The same, where a failure of the model, or a question too long for it, is an outcome too."""
        try:
            return Attempt(question.prompt_id, self.draft(question).json_line())
        except (ModelError, InputError) as error:
            return Attempt(question.prompt_id, None, error=str(error))


def _criterion(place: int, entry: dict[str, object]) -> Criterion:
    return Criterion.model_validate(
        {
            "id": f"c{place}",
            "text": entry["criterion"],
            "points": entry["points"],
            "safety_critical": "safety_critical" in tuple(entry["tags"]),  # type: ignore[arg-type]
            "principle_id": entry["principle_id"],
        }
    )
