"""What the clinician starts from: a rubric by rule, and where a model is there, two answers and its verdicts."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from agent.critic.judge import ModelJudge
from agent.llm.client import Model
from agent.rubric import TemplateWriter, rubric_for
from agent.run import parts_of
from agent.service import Service
from agent.show import STAGES
from principles.schema import Label
from training.common.questions import Question
from training.reviews.begun import CANDIDATES, begun
from training.reviews.record import SIDES, Review, ReviewCriterion

Proposals = dict[str, dict[str, str]]
"""By criterion id: the text that was judged, and a verdict by side."""


def draft_review(question: Question, service: Service) -> Review:
    """The rubric that came with the question, else the criteria of the principles that the search brings; no model is
    asked. Raises ClinAlignError."""
    start = begun(question)
    if start.criteria:
        return start
    made = rubric_for(question.turns, service.resources.search(), TemplateWriter(), CANDIDATES)
    rows = [ReviewCriterion(**criterion.model_dump()) for criterion in made.rubric.criteria]
    return start.model_copy(update={"criteria": tuple(rows), "scenario": made.scenario})


async def draft_answers(question: Question, service: Service) -> AsyncGenerator[str | tuple[str, str], None]:
    """What the agent is doing, again and again, and at last its draft and its revised answer.

    Closing it ends the model's work. Raises ClinAlignError.
    """
    state: dict[str, Any] = {}
    running: list[str] = []
    async with aclosing(parts_of(service.agent(), [dict(turn) for turn in question.turns])) as parts:
        async for part in parts:
            if part and part["type"] == "values":
                state = part["data"]
            elif part and part["type"] == "custom":
                running = _running(running, part["data"])
            # Of two at once, the draft takes long.
            stage = next((one for one in STAGES if one in running), "prepare")
            yield STAGES[stage] + (f" ({service.loading})" if stage == "prepare" and service.loading else "")
    yield state["draft"], state["answer"]


def _running(before: list[str], told: Mapping[str, Any]) -> list[str]:
    others = [stage for stage in before if stage != told["stage"]]
    return others if told["status"] == "end" else [*others, told["stage"]]


def propose(question: Question, review: Review, service: Service) -> Iterator[tuple[int, int, Proposals]]:
    """The judge's verdicts where the clinician has given none: (done, of how many, those so far).

    Raises ClinAlignError.
    """
    judge = ModelJudge(Model(service.resources.model()))
    criteria = {one.id: one for one in review.rubric().criteria}
    answers = dict(zip(SIDES, review.answers, strict=True))
    asked = [
        (side, row.id)
        for side in SIDES
        for row in review.criteria
        if answers[side].strip() and row.id in criteria and getattr(row, side) is None
    ]
    proposals: Proposals = {}
    for done, (side, key) in enumerate(asked):
        yield done, len(asked), proposals
        for verdict in judge.verdicts(question.turns, answers[side], [criteria[key]]):
            if verdict.label is not Label.UNKNOWN:
                proposals.setdefault(key, {"text": criteria[key].text})[side] = verdict.label.value
    yield len(asked), len(asked), proposals
