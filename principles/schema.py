"""The words that every part shares: scenario, principle, criterion, rubric, verdict, grade.

The four dimensions are those of ClinAlign (arXiv 2602.09653). The values of urgency, uncertainty and
expertise follow HealthBench's physician-agreed categories, so that physicians' labels can score them;
the task values are this project's own, since the paper's are not public.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator


class Record(BaseModel):
    """Immutable and strict; validation errors never quote the text that failed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Urgency(StrEnum):
    """How soon care is needed: now, now if some fact is so, or not urgently. HealthBench's categories."""

    EMERGENT = "emergent"
    CONDITIONALLY_EMERGENT = "conditionally_emergent"
    NON_EMERGENT = "non_emergent"


class Uncertainty(StrEnum):
    """Whether an answer depends on what is not known: no, on what could be asked, or on what nobody can know."""

    NONE = "none"
    REDUCIBLE = "reducible"
    IRREDUCIBLE = "irreducible"


class Expertise(StrEnum):
    """Who asks."""

    HEALTH_PROFESSIONAL = "health_professional"
    LAYPERSON = "layperson"


class Task(StrEnum):
    """What is asked for."""

    SYMPTOM_ASSESSMENT = "symptom_assessment"
    MEDICATION = "medication"
    CONDITION_MANAGEMENT = "condition_management"
    RESULT_INTERPRETATION = "result_interpretation"
    HEALTH_INFORMATION = "health_information"
    EMOTIONAL_SUPPORT = "emotional_support"
    CARE_NAVIGATION = "care_navigation"
    DOCUMENTATION = "documentation"


DIMENSIONS: dict[str, type[StrEnum]] = {
    "urgency": Urgency,
    "uncertainty": Uncertainty,
    "expertise": Expertise,
    "task": Task,
}
Dimension = Literal["urgency", "uncertainty", "expertise", "task"]
Text = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"\S")]
# Text that may be left out.
SomeText = Annotated[str, Field(max_length=2_000, pattern=r"^$|\S")]


class Scenario(Record):
    """What kind of question this is, one value a dimension.

    `confidence` is the classifier's probability of the value it chose, by dimension, in [0, 1].
    `guessed` names the dimensions in which confidence was low and the safer value was taken; what was kept by earlier
    versions calls it `cautious`.
    """

    urgency: Urgency
    uncertainty: Uncertainty
    expertise: Expertise
    task: Task
    confidence: dict[Dimension, float] = {}
    guessed: tuple[Dimension, ...] = Field(default=(), validation_alias=AliasChoices("guessed", "cautious"))


class Source(Record):
    """The public guidance that a principle rests on."""

    body: Text
    title: Text
    year: int = Field(ge=1950, le=2100)


class Principle(Record):
    """One reusable rule of good clinical answering.

    `criterion` is a yes/no question about an answer; its slots and those of `advice` ({person}, {medicine}, {measure},
    {signs}) are filled from the question. Positive `points` reward a yes; negative points say that yes is a fault.
    `advice` is spoken to the person asking and true wherever the principle applies, so that an answer
    may use it as it stands; `placement` says where in an answer it belongs. `always` brings a
    safety-critical principle into every rubric of its scenario, whatever the search returns. `rationale`, `advice`,
    `facets` (questions that it foresees) and `sources` may be missing, as they are in libraries of others; without
    advice, what is added to an answer is the model's own wording.
    """

    id: Annotated[str, Field(pattern=r"^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    dimension: Dimension
    values: tuple[str, ...] = Field(min_length=1)
    statement: Text
    rationale: SomeText = ""
    applies_when: Text
    criterion: Text
    advice: SomeText = ""
    placement: Literal["opening", "body", "closing"] = "body"
    points: int = Field(ge=-10, le=10)
    safety_critical: bool = False
    always: bool = False
    facets: tuple[Text, ...] = ()
    sources: tuple[Source, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "Principle":
        allowed = {str(value) for value in DIMENSIONS[self.dimension]}
        unknown = [value for value in self.values if value not in allowed]
        if unknown:
            raise ValueError(f"values {unknown} are not of {self.dimension}: use {sorted(allowed)}")
        if self.points == 0:
            raise ValueError("points must not be 0: a criterion that moves no score says nothing")
        if self.always and not self.safety_critical:
            raise ValueError("always: true needs safety_critical: true")
        return self


class Criterion(Record):
    """One yes/no question about an answer. `points` are in [-10, 10]; yes to a negative one is a fault."""

    id: Text
    text: Text
    points: float = Field(ge=-10, le=10)
    safety_critical: bool = False
    principle_id: str | None = None


class Rubric(Record):
    """The criteria for one question; ids are unique."""

    criteria: tuple[Criterion, ...]

    @model_validator(mode="after")
    def _unique(self) -> "Rubric":
        ids = [criterion.id for criterion in self.criteria]
        if len(set(ids)) != len(ids):
            raise ValueError("criterion ids must be unique within a rubric")
        return self


class Label(StrEnum):
    """The verdict on a criterion: yes, no, or that the judge could not tell."""

    MET = "MET"
    NOT_MET = "NOT_MET"
    UNKNOWN = "UNKNOWN"


class Verdict(Record):
    """A judge's answer to one criterion. `probability` is P(yes) in [0, 1], None where it is UNKNOWN or the judge gives
    none."""

    criterion_id: str
    label: Label
    probability: float | None = Field(default=None, ge=0, le=1)
    reason: str | None = None


class Grade(Record):
    """What a rubric says of one answer.

    `score` follows HealthBench: points of met criteria over the sum of positive points; it is not
    clipped. `expected` is the same with each criterion weighted by its probability. Both are None where
    nothing could be judged or no criterion is positive. `coverage` is the judged share of criteria.
    """

    verdicts: tuple[Verdict, ...]
    score: float | None
    expected: float | None
    coverage: float

    @property
    def by_id(self) -> dict[str, Verdict]:
        """The verdicts by criterion id."""
        return {verdict.criterion_id: verdict for verdict in self.verdicts}
