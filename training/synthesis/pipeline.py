"""One question's way to its rubric: scenario, principles, writer, gate, and where asked for the signal.

The same step runs in the threads of one process and in Ray's workers; a `Plan` is what either makes it from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.llm.client import Model, chat_model
from agent.llm.endpoint import Endpoint, resolve_endpoint
from agent.llm.progress import Report, no_report
from agent.resources import load_search
from agent.rubric import Search, TemplateWriter, Writer, rubric_for
from principles.errors import ConfigError, InputError, ModelError
from principles.schema import Criterion, Record, Rubric, Scenario
from training.common.questions import Question
from training.judge import registry
from training.synthesis.gate import Gate
from training.synthesis.relevance import Relevance
from training.synthesis.signal import Sampler, Signal
from training.synthesis.writers import ModelWriter, RelevantWriter, WriterName

# More than a rubric holds: the writers choose among them.
CANDIDATES = 40
UNREADABLE = "nothing readable from the model"


@dataclass(frozen=True)
class Plan:
    """How to synthesise; `samples` 0 is without signal. Can be sent to another process."""

    writer: WriterName
    model: str | None = None
    base_url: str | None = None
    samples: int = 0
    judge: str = "logprob"
    judge_model: str | None = None
    judge_base_url: str | None = None
    judge_path: Path | None = None

    @property
    def needs_model(self) -> bool:
        """Whether a model writes criteria or samples answers."""
        return self.writer == "model" or self.samples > 0


class Line(Record):
    """One line of the output, in HealthBench's shape and more. `refused` says why the rubric is not worth using."""

    prompt_id: str
    prompt: tuple[dict[str, str], ...]
    rubrics: tuple[dict[str, Any], ...]
    example_tags: tuple[str, ...]
    canary: str | None = None
    writer: WriterName
    scenario: Scenario
    principles: tuple[str, ...]
    dropped: dict[str, int]
    signal: Signal | None = None
    refused: str | None = None

    def json_line(self) -> str:
        """Without the fields that it does not have."""
        return self.model_dump_json(exclude_none=True)


@dataclass(frozen=True)
class Attempt:
    """What became of a question: its line as JSON, or why it failed."""

    prompt_id: str
    line: str | None
    refused: bool = False
    error: str | None = None


class Synthesizer:
    """Makes the line of a question. Safe to share between threads."""

    def __init__(
        self,
        search: Search,
        name: WriterName,
        writer: Writer,
        gate: Gate,
        sampler: Sampler | None,
        candidates: int = CANDIDATES,
    ) -> None:
        self._search = search
        self._name = name
        self._writer = writer
        self._gate = gate
        self._sampler = sampler
        self._candidates = candidates

    def line(self, question: Question) -> Line:
        """Raises ModelError or InputError where this question cannot be done now."""
        made = rubric_for(question.turns, self._search, self._writer_for(question), self._candidates)
        names = tuple(one.principle.id for one in made.principles)
        gated = self._gate.check(made.rubric.criteria, names)
        refused = UNREADABLE if names and not made.rubric.criteria else gated.refused
        signal = None
        if self._sampler and not refused:
            signal = self._sampler.signal(question.turns, Rubric(criteria=gated.criteria))
        return Line(
            prompt_id=question.prompt_id,
            prompt=question.turns,
            rubrics=tuple(self._entry(criterion) for criterion in gated.criteria),
            example_tags=(*question.example_tags, *_scenario_tags(made.scenario)),
            canary=question.canary,
            writer=self._name,
            scenario=made.scenario,
            principles=names,
            dropped=dict(sorted(gated.dropped.items())),
            signal=signal,
            refused=refused,
        )

    def attempt(self, question: Question) -> Attempt:
        """The same, where a failure of the model, or a question too long for it, is an outcome too."""
        try:
            line = self.line(question)
        except (ModelError, InputError) as error:
            return Attempt(question.prompt_id, None, error=str(error))
        return Attempt(question.prompt_id, line.json_line(), line.refused is not None)

    def _writer_for(self, question: Question) -> Writer:
        if question.pair and isinstance(self._writer, ModelWriter):
            return replace(self._writer, pair=question.pair)
        return self._writer

    def _entry(self, criterion: Criterion) -> dict[str, Any]:
        assert criterion.principle_id is not None  # the gate saw to it
        tags = [f"principle:{criterion.principle_id}", f"dimension:{criterion.principle_id.split('.')[0]}"]
        return {
            "criterion": criterion.text,
            "points": criterion.points,
            "tags": [*tags, "safety_critical"] if criterion.safety_critical else tags,
            "principle_id": criterion.principle_id,
        }


def make_synthesizer(plan: Plan, endpoint: Endpoint | None, every_of: int | None = None) -> Synthesizer:
    """Load what the plan needs; `endpoint` is that of `endpoint_of`. Raises ClinAlignError.

    `every_of`: templates are filled in for each of so many principles that the search brings, and no rule leaves some
    out; for whoever reads the criteria afterwards and strikes out what does not apply.
    """
    search = load_search()
    model = Model(chat_model(endpoint)) if endpoint else None
    writer: Writer
    candidates = CANDIDATES
    if plan.writer == "model":
        if model is None:
            raise ConfigError("the writer `model` needs an endpoint: give --base-url, or use --writer templates")
        writer = ModelWriter(model)
    elif every_of:
        writer, candidates = TemplateWriter(), every_of
    else:
        writer = RelevantWriter(Relevance(search.retriever.library))
    gate = Gate(search.retriever.encoder)
    return Synthesizer(search, plan.writer, writer, gate, _sampler(plan, model, endpoint, search), candidates)


def endpoint_of(plan: Plan, report: Report = no_report) -> Endpoint | None:
    """The endpoint that the plan's model is at, None if it needs none. Raises the errors of `resolve_endpoint`."""
    return resolve_endpoint(plan.model, plan.base_url, report) if plan.needs_model else None


def _sampler(plan: Plan, model: Model | None, endpoint: Endpoint | None, search: Search) -> Sampler | None:
    if not plan.samples or model is None or endpoint is None:
        return None
    judge = registry.make_judge(plan.judge, base_url=plan.judge_base_url, model=plan.judge_model, local=plan.judge_path)
    return Sampler(model, endpoint.context_tokens, judge, plan.samples, search)


def _scenario_tags(scenario: Scenario) -> list[str]:
    values: Mapping[str, str] = scenario.model_dump(
        mode="json", include={"urgency", "uncertainty", "expertise", "task"}
    )
    return [f"{dimension}:{value}" for dimension, value in values.items()]
