"""Judges compared with verdicts of others: what is asked, how each judge did, and the table and picture of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from principles.grader import Judge
from principles.records import fault, records
from principles.schema import Criterion, Label
from principles.scoring import completed, probability
from training.common.items import load_items, load_verdicts
from training.common.page import table_head, table_row
from training.common.picture import png
from training.judge.batch import Asked, verdicts_on
from training.judge.report.agreement import Agreement, Bools, agreement, reliability

CLAIM_POINTS = 5.0


@dataclass(frozen=True)
class Task:
    """An answer with its criteria, and what others found: `met` is (criteria,)."""

    asked: Asked
    met: Bools


@dataclass(frozen=True)
class Row:
    """One judge on one set. `parts` are the criteria with positive and with negative points apart; times are
    seconds and tokens a verdict, tokens None for a judge that has no language model."""

    judge: str
    data: str
    whole: Agreement
    parts: dict[str, Agreement]
    seconds: float
    tokens: float | None
    curve: list[tuple[float, float, int]]

    def plain(self) -> dict[str, Any]:
        """All figures by name, for JSON."""
        apart = {name: part.plain() for name, part in self.parts.items()}
        about = {"judge": self.judge, "data": self.data, "seconds": self.seconds, "tokens": self.tokens}
        return about | self.whole.plain() | {"parts": apart, "reliability": self.curve}


def compared(name: str, data: str, judge: Judge, tasks: Sequence[Task]) -> Row:
    """Ask the judge everything and compare. Raises ModelError where it can judge nothing at all."""
    usage = getattr(getattr(judge, "model", None), "usage", None)
    before = usage.prompt_tokens + usage.completion_tokens if usage else 0
    started = time.perf_counter()
    found = verdicts_on(judge, [task.asked for task in tasks])
    seconds = time.perf_counter() - started
    spent = usage.prompt_tokens + usage.completion_tokens - before if usage else None

    criteria = [criterion for task in tasks for criterion in task.asked[2]]
    verdicts = [v for task, said in zip(tasks, found, strict=True) for v in completed(task.asked[2], said)]
    truth = np.concatenate([task.met for task in tasks])
    label = np.array([verdict.label is Label.MET for verdict in verdicts])
    judged = np.array([verdict.label is not Label.UNKNOWN for verdict in verdicts])
    chance = np.array([probability(verdict) for verdict in verdicts], dtype=float)
    certain = all(verdict.probability is None for verdict in verdicts)
    positive = np.array([criterion.points > 0 for criterion in criteria])

    def part(rows: Bools) -> Agreement:
        return agreement(truth[rows], label[rows], chance[rows], judged[rows], calibrated=not certain)

    return Row(
        judge=name,
        data=data,
        whole=part(np.ones(truth.size, dtype=bool)),
        parts={"positive": part(positive), "negative": part(~positive)} if not positive.all() else {},
        seconds=seconds / truth.size,
        tokens=None if spent is None else spent / truth.size,
        curve=[] if certain else reliability(truth[judged], chance[judged]),
    )


def healthbench_tasks(verdicts: Path, items: Path) -> list[Task]:
    """One task a judged response."""
    return [
        Task(
            (one.item.turns, one.response, one.item.rubric.criteria),
            np.array([verdict.label is Label.MET for verdict in one.verdicts]),
        )
        for one in load_verdicts(verdicts, load_items(items))
    ]


class _Claim(BaseModel):
    question: str = Field(min_length=1)
    answer: str
    claim: str = Field(min_length=1)
    majority_label: str


def claim_tasks(path: Path) -> list[Task]:
    """K-QA's claims as criteria: met where the physicians' majority says that the answer entails the claim."""
    tasks = []
    for place, record in records(path):
        try:
            line = _Claim.model_validate(record)
        except ValueError:
            raise fault(path, place, "it needs question, answer, claim and majority_label") from None
        criterion = Criterion(id="c0", text=f"States that: {line.claim}", points=CLAIM_POINTS)
        turns = ({"role": "user", "content": line.question},)
        tasks.append(Task((turns, line.answer, (criterion,)), np.array([line.majority_label == "Entailment"])))
    return tasks


def table(rows: Sequence[Row]) -> str:
    """Markdown: one line a judge and set, criteria of both signs together and apart."""
    heads = ["judge", "data", "criteria", "verdicts", "AUC", "macro-F1", "balanced accuracy", "calibration error"]
    heads += ["UNKNOWN", "s / verdict", "tokens / verdict"]
    lines = [*table_head(*heads)]
    for row in rows:
        cost = [f"{row.seconds:.3f}", "–" if row.tokens is None else f"{row.tokens:.0f}"]
        lines.append(_line([row.judge, row.data, "all"], row.whole, cost))
        lines += [_line([row.judge, row.data, name], part, ["", ""]) for name, part in row.parts.items()]
    return "\n".join(lines) + "\n"


def _line(names: list[str], found: Agreement, cost: list[str]) -> str:
    figures = [found.auc, found.macro_f1, found.balanced_accuracy, found.calibration_error]
    shown = ["–" if figure is None else f"{figure:.3f}" for figure in figures]
    return table_row(*names, str(found.count), *shown, f"{found.unknown:.1%}", *cost)


def picture(rows: Sequence[Row]) -> bytes:
    """PNG: probabilities that were given against how often they were right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#a0aec0", linestyle="--", label="perfectly calibrated")
    for row in rows:
        if row.curve:
            said, met, _ = zip(*row.curve, strict=True)
            axes.plot(said, met, marker="o", label=f"{row.judge}, {row.data}")
    axes.set(xlabel="probability of met that the judge gives", ylabel="share that was met", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    return png(figure)
