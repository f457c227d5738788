"""What an evaluation leaves to be read: result.json, report.md and report.png."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent import NOTICE
from principles.files import write_atomic
from principles.schema import Record
from training.common.items import Item
from training.common.page import canary_lines, table_head, table_row
from training.common.picture import png
from training.healthbench.errata import Corrections
from training.healthbench.figures import (
    POINTS_FOR_500,
    Difference,
    Estimate,
    Example,
    Rate,
    Summary,
    paired_difference,
    summarise,
)
from training.healthbench.outcomes import Outcome

BLUE, GREY = "#2b6cb0", "#4a5568"
BARS = 24
TITLES = {
    "theme": "By theme",
    "physician_agreed_category": "By physicians' category",
    "axis": "By axis",
    "level": "By level of the criteria",
    "cluster": "By cluster of consensus criteria",
}


class Report(Record):
    """All that result.json holds. `unanswered` items have no answer in the file of answers, `failed` ones no grade.

    `not_reviewed` answers are drafts whose review failed; None where no agent was asked to review. `corrections` are
    what an errata file changed in the rubrics.
    """

    notice: str
    settings: dict[str, Any]
    summary: Summary
    items: int
    failed: int
    unanswered: int
    not_reviewed: int | None
    difference: Difference | None
    corrections: Corrections | None
    canaries: tuple[str, ...]


def write_report(
    out: Path,
    kept: Sequence[tuple[Item, Outcome | None]],
    settings: Mapping[str, Any],
    unanswered: int,
    against: Mapping[str, float | None] | None,
    benchmark: str,
    corrections: Corrections | None = None,
) -> Report:
    """Write the three files into `out`; ConfigError where no item is graded. `against` are another run's scores,
    `benchmark` is the set that the items are of."""
    examples = [
        Example(item, outcome.response, outcome.grade)
        for item, outcome in kept
        if outcome and outcome.grade and outcome.response is not None
    ]
    reviews = [outcome.reviewed for _, outcome in kept if outcome and outcome.grade and outcome.reviewed is not None]
    ours = {example.item.key: example.grade.score for example in examples}
    report = Report(
        notice=NOTICE,
        settings=dict(settings),
        summary=summarise(examples, benchmark),
        items=len(kept),
        failed=len(kept) - len(examples),
        unanswered=unanswered,
        not_reviewed=reviews.count(False) if reviews else None,
        difference=paired_difference(ours, against) if against is not None else None,
        corrections=corrections,
        canaries=tuple(sorted({item.canary for item, _ in kept if item.canary})),
    )
    write_atomic(out / "result.json", report.model_dump_json(indent=2) + "\n")
    write_atomic(out / "report.png", _picture(report, [score for score in ours.values() if score is not None]))
    write_atomic(out / "report.md", "\n".join(_page(report)) + "\n")
    return report


def print_report(report: Report, out: Path) -> None:
    """The score and where to read more, on stdout."""
    overall = report.summary.overall
    print(f"score {shown(overall)}, {_scope(report)}")
    if overall:
        print(f"before clipping {overall.unclipped}")
    if report.difference:
        print(f"difference {_difference(report.difference)}")
    print(f"{out / 'report.md'}\n{NOTICE}")


def shown(estimate: Estimate | None) -> str:
    """Score ± bootstrap standard deviation, in words where there is none."""
    return str(estimate) if estimate else "none: no example could be scored"


def _page(report: Report) -> Iterator[str]:
    summary, settings = report.summary, report.settings
    yield from ("# HealthBench evaluation", "", f"> {NOTICE}", "")
    clipped = f"; before clipping {summary.overall.unclipped}" if summary.overall else ""
    yield from (f"**Score {shown(summary.overall)}** ({_scope(report)}){clipped}", "")
    if report.difference:
        yield from (f"Difference to the earlier run: {_difference(report.difference)}.", "")
    yield from ("![Scores by tag, and of the examples](report.png)", "")
    yield from table_head("figure", "value")
    if summary.overall:
        yield table_row("score, 95% interval", f"{summary.overall.low:.3f} to {summary.overall.high:.3f}")
        yield table_row("score before clipping", summary.overall.unclipped)
    slope = f"{summary.benchmark} set: {POINTS_FOR_500[summary.benchmark]:.4f} for 500 characters"
    yield table_row(f"score at 2,000 characters ({slope})", shown(summary.length_adjusted))
    if summary.length_adjusted:
        yield table_row("the same before clipping", summary.length_adjusted.unclipped)
    yield table_row("wanted things done (positive criteria met)", _rate(summary.positives))
    yield table_row("faults (negative criteria met)", _rate(summary.negatives))
    yield table_row("mean length", f"{summary.characters:,.0f} characters, {summary.words:,.0f} words")
    yield table_row("coverage (criteria with a verdict)", f"{summary.coverage:.1%}")
    yield table_row("graded examples without a score", str(summary.unscored))
    yield table_row("failed items", f"{report.failed} of {report.items}")
    if report.unanswered:
        yield table_row("items without an answer in the file, left out", str(report.unanswered))
    if report.not_reviewed is not None:
        yield table_row("drafts returned without review", str(report.not_reviewed))
    for kind, title in TITLES.items():
        rows = _of_kind(summary, kind)
        if rows:
            yield from (
                "",
                f"## {title}",
                "",
                *table_head("tag", "examples", "score", "95% interval", "before clipping"),
            )
            for tag, one in rows.items():
                interval = f"{one.low:.3f} to {one.high:.3f}"
                yield table_row(tag, str(one.examples), shown(one), interval, one.unclipped)
    yield from ("", "## How it was made", "", *table_head("setting", "value"))
    yield table_row("judge", _named(settings["judge"]))
    yield table_row("answers", _named(settings["answers"]))
    yield table_row("data", f"{settings['data']['file']}, SHA-256 `{settings['data']['sha256']}`")
    if settings.get("errata") and report.corrections:
        yield table_row("errata", f"{_named(settings['errata'])}: {report.corrections}")
    yield table_row("limit, shuffle seed", f"{settings['limit']}, {settings['shuffle_seed']}")
    yield table_row("ClinAlign", settings["version"])
    yield from ("", "What each figure means and where it ends: docs/measuring.md.")
    yield from canary_lines(report.canaries)


def _scope(report: Report) -> str:
    graded = report.items - report.failed
    return f"{graded} examples, coverage {report.summary.coverage:.1%}, judge {_named(report.settings['judge'])}"


def _difference(one: Difference) -> str:
    return f"{one.difference:+.3f} (95% {one.low:+.3f} to {one.high:+.3f}) on {one.examples} shared examples"


def _rate(rate: Rate) -> str:
    return f"{rate.met} of {rate.judged}, {rate.rate:.1%}" if rate.rate is not None else "none judged"


def _named(setting: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" if i else str(value) for i, (name, value) in enumerate(setting.items()) if value)


def _of_kind(summary: Summary, kind: str) -> dict[str, Estimate]:
    """The tags that begin with `kind:`, without it."""
    tags = summary.example_tags | summary.criterion_tags
    return {tag.partition(":")[2]: one for tag, one in tags.items() if tag.startswith(f"{kind}:")}


def _picture(report: Report, scores: Sequence[float]) -> bytes:
    from matplotlib.figure import Figure  # without pyplot no window system is asked

    bars = {
        "all": report.summary.overall,
        **{
            f"{name} ({kind})": one
            for kind in ("axis", "theme")
            for name, one in _of_kind(report.summary, kind).items()
        },
    }
    drawn = [(name.replace("_", " "), one) for name, one in bars.items() if one]
    figure = Figure(figsize=(11, max(3.6, 0.36 * len(drawn) + 1.4)), layout="constrained")
    figure.suptitle(f"HealthBench score {shown(report.summary.overall)}\n{_scope(report)}", fontsize=10)
    left, right = figure.subplots(1, 2)
    for row, (name, one) in enumerate(drawn):
        colour = GREY if name == "all" else BLUE
        left.barh(row, one.score, color=colour)
        left.plot([one.low, one.high], [row, row], color="black", linewidth=1.2)
    left.set_yticks(range(len(drawn)), [f"{name}, n = {one.examples}" for name, one in drawn])
    left.invert_yaxis()
    left.set(xlim=(0, 1), xlabel="score, 95% bootstrap interval", title="Score")
    if scores:
        right.hist(scores, bins=BARS, color=BLUE)
    right.axvline(0, color=GREY, linewidth=1)
    right.set(xlabel="score of an example, not clipped", ylabel="examples", title="Examples")
    return png(figure)
