"""What an ablation leaves to be read: ablation.json, ablation.md and ablation.png."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent import NOTICE
from principles.files import write_atomic
from principles.schema import Grade, Record
from training.ablation.arms import Made
from training.ablation.figures import Figures, Name, all_figures, complete_items
from training.common.items import Item
from training.common.page import canary_lines, table_head, table_row
from training.common.picture import png
from training.healthbench.figures import POINTS_FOR_500, Difference, Estimate, Rate

# What every arm is compared with: nothing done, the same length without principles, revision without principles.
REFERENCES = ("draft", "length_matched", "self_refine")
OURS = "retrieved"
COLOURS = {
    "draft": "#4a5568",
    "self_refine": "#b7791f",
    "retrieved": "#2b6cb0",
    "random": "#c53030",
    "all": "#2f855a",
    "in_prompt": "#6b46c1",
    "length_matched": "#718096",
}


class Report(Record):
    """All that ablation.json holds. `items` are complete: answered by every arm, and graded; `of` all that were
    asked for."""

    notice: str
    settings: dict[str, Any]
    items: int
    of: int
    figures: tuple[Figures, ...]
    canaries: tuple[str, ...]


def write_report(
    out: Path,
    items: Sequence[Item],
    arms: Sequence[str],
    made: Mapping[str, Mapping[str, Made]],
    graded: Mapping[tuple[str, str], Grade],
    settings: Mapping[str, Any],
) -> Report | None:
    """Write the three files into `out` and return what they say; None, and no file, where no item is complete.

    Of the `settings` that they name, `set` decides the adjustment to length.
    """
    complete = complete_items(items, arms, made, graded)
    if not complete:
        return None
    report = Report(
        notice=NOTICE,
        settings=dict(settings),
        items=len(complete),
        of=len(items),
        figures=tuple(all_figures(complete, settings["set"])),
        canaries=tuple(sorted({item.canary for item in items if item.canary})),
    )
    write_atomic(out / "ablation.json", report.model_dump_json(indent=2) + "\n")
    write_atomic(out / "ablation.png", _picture(report))
    write_atomic(out / "ablation.md", "\n".join(_page(report)) + "\n")
    return report


def print_report(report: Report, out: Path) -> None:
    """Each arm's score and difference to the draft, and where to read more, on stdout."""
    for one in report.figures:
        mean = one.score.unclipped if one.score else "none"
        print(f"{name_of(one):24} before clipping {mean:32} {one.words:4.0f} words  vs draft {_versus(one, 'draft')}")
    print(f"{report.items} of {report.of} items\n{out / 'ablation.md'}\n{NOTICE}")


def name_of(one: Figures) -> str:
    """As it is called in tables: the arm, and its round if it has rounds."""
    return str(Name(one.arm, one.round))


def _page(report: Report) -> Iterator[str]:
    yield from ("# Does revision help, and because of what?", "", f"> {NOTICE}", "")
    judge = _setting(report.settings["judge"])
    yield f"{report.items} items of {report.of}: those that every arm has answered. Judge: {judge}."
    yield from ("", "![Differences to the draft, and score against length](ablation.png)", "", "## Scores", "")
    yield from table_head(
        "arm", "score", "before clipping", "at 2,000 characters", "wanted things done", "faults", "words"
    )
    for one in report.figures:
        mean = one.score.unclipped if one.score else "–"
        aim = f" (asked for {one.target_words:.0f})" if one.target_words is not None else ""
        cells = (name_of(one), _score(one.score), mean, _score(one.length_adjusted))
        yield table_row(*cells, _rate(one.positives), _rate(one.negatives), f"{one.words:.0f}{aim}")
    yield from ("", "## Differences, in pairs of items, with 95% intervals", "")
    yield "Before clipping. Of self_refine the same round is meant, or the last for an arm without rounds."
    benchmark = report.settings["set"]
    slope = f"{POINTS_FOR_500[benchmark]:.4f} for 500 characters, as in the {benchmark} set"
    yield f"The last column is the difference to the draft when both are moved to 2,000 characters: {slope}."
    yield from ("", *table_head("arm", "to draft", "to length_matched", "to self_refine", "to draft, length-adjusted"))
    for one in report.figures:
        adjusted = [_difference(v.length_adjusted) for v in one.versus if v.reference == "draft"]
        yield table_row(name_of(one), *(_versus(one, arm) for arm in REFERENCES), *(adjusted or ["–"]))
    ours = [one for one in report.figures if one.arm == OURS][-1:]
    for one in ours:
        yield from ("", f"## What the gain of {name_of(one)}, rests on", "")
        yield from table_head("less", "score", "length-adjusted")
        for v in one.versus:
            yield table_row(str(Name(v.reference, v.round)), _difference(v.score), _difference(v.length_adjusted))
    yield from ("", "## What was done and spent, means an item, the draft included", "")
    spending = ("calls", "prompt tokens", "written tokens", "seconds")
    yield from table_head("arm", "principles", "edits", "not the draft", *spending)
    for one in report.figures:
        done = (f"{one.principles:.1f}", f"{one.edits:.1f}", f"{one.changed:.0%}", f"{one.calls:.1f}")
        spent = (f"{one.prompt_tokens:,.0f}", f"{one.completion_tokens:,.0f}", f"{one.seconds:.1f}")
        yield table_row(name_of(one), *done, *spent)
    yield from ("", "## How it was made", "", *table_head("setting", "value"))
    yield from (table_row(name, _setting(value)) for name, value in report.settings.items())
    yield from ("", "What the arms and figures mean and where they end: docs/ablation.md.")
    yield from canary_lines(report.canaries)


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_setting(one)}" for name, one in value.items() if one is not None)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _score(one: Estimate | None) -> str:
    return str(one) if one else "none"


def _rate(one: Rate) -> str:
    return f"{one.rate:.1%}" if one.rate is not None else "–"


def _versus(one: Figures, arm: str) -> str:
    found = [v.score for v in one.versus if v.reference == arm]
    return _difference(found[0]) if found else "–"


def _difference(one: Difference) -> str:
    return f"{one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f})"


def _picture(report: Report) -> bytes:
    from matplotlib.figure import Figure  # without pyplot no window system is asked

    figure = Figure(figsize=(12, max(4.0, 0.34 * len(report.figures) + 1.6)), layout="constrained")
    figure.suptitle(f"{report.items} HealthBench items, judge {report.settings['judge']['name']}", fontsize=10)
    left, right = figure.subplots(1, 2)
    drawn = [(one, v.score) for one in report.figures for v in one.versus if v.reference == "draft"]
    for row, (one, difference) in enumerate(drawn):
        left.plot([difference.low, difference.high], [row, row], color=COLOURS[one.arm], linewidth=1.6)
        left.plot(difference.difference, row, "o", color=COLOURS[one.arm], markersize=5)
    left.axvline(0, color="black", linewidth=0.8)
    left.set_yticks(range(len(drawn)), [name_of(one) for one, _ in drawn])
    left.invert_yaxis()
    left.set(xlabel="score less the draft's, 95% interval", title="Difference to the draft")
    for arm, colour in COLOURS.items():
        own = [one for one in report.figures if one.arm == arm and one.score]
        places = [(one.words, one.score.mean) for one in own if one.score]
        if places:
            right.plot(*zip(*places, strict=True), "o-", color=colour, label=arm, markersize=5, linewidth=1)
    right.set(xlabel="words, mean", ylabel="mean score before clipping", title="Score against length, round by round")
    right.legend(fontsize=8)
    return png(figure)
