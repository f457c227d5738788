"""What a training run leaves to be read: report.md and report.png in its folder."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from agent import NOTICE
from principles.files import write_atomic
from training.common.page import canary_lines, table_head, table_row
from training.common.picture import png
from training.grpo.guards import Alarm, length_window, means, times_the_start
from training.grpo.log import CLIPPED, GOLD, HELD_OUT_LENGTH, KL, LENGTH, NO_SIGNAL, NONE, PENALTY, PROXY, REWARD
from training.grpo.recipe import Recipe
from training.tuning.log import Log, series

PANELS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Reward, and gold on held-out questions",
        ((REWARD, "reward"), (PENALTY, "penalty on length"), (PROXY, "held out, judge"), (GOLD, "held out, gold")),
    ),
    ("Tokens an answer", ((LENGTH, "tokens an answer"), (HELD_OUT_LENGTH, "held out, tokens an answer"))),
    ("Shares", ((NONE, "no reward"), (NO_SIGNAL, "groups without signal"), (CLIPPED, "cut at the limit"))),
    ("Divergence, nats a token", ((KL, "KL"),)),
)


def write_curves(
    out: Path, log: Log, recipe: Recipe, run: Mapping[str, Any], alarms: Sequence[Alarm], ending: str
) -> Path:
    """Write both files; `run` is what run.json holds. Returns the report's path."""
    write_atomic(out / "report.png", _picture(log, recipe))
    write_atomic(out / "report.md", "\n".join(_page(log, recipe, run, alarms, ending)) + "\n")
    return out / "report.md"


def _page(log: Log, recipe: Recipe, run: Mapping[str, Any], alarms: Sequence[Alarm], ending: str) -> Iterator[str]:
    yield from (f"# Training: {recipe.name}", "", f"> {NOTICE}", "")
    yield from (f"{ending}", "", "![Curves of the run](report.png)", "")
    yield from table_head("figure", "first", "last", "lowest", "highest")
    for _, curves in PANELS:
        for name, label in curves:
            values = [value for _, value in series(log, name)]
            if values:
                yield _row(f"{label} (`{name}`)", values, 3)
    longer = [value for _, value in times_the_start(log, recipe)]
    if longer:
        yield _row(f"length, times that of the first {length_window(recipe)} steps", longer, 2)
    times = [value for _, value in series(log, "step_time")]
    if times:
        yield _row("seconds a step", times, 2)
    yield from ("", "## Alarms", "")
    yield from (f"- step {alarm.step}, {alarm.kind}: {alarm.message}" for alarm in alarms)
    if not alarms:
        yield "None."
    yield from ("", "## How it was made", "")
    data = run["data"]
    yield f"Data `{data['file']}`, SHA-256 `{data['sha256']}`:"
    yield f"{data['train']} questions trained on, {data['held_out']} held out."
    yield f"ClinAlign {run['version']}. The recipe:"
    yield from ("", "```yaml", yaml.safe_dump(dict(run["recipe"]), sort_keys=False).strip(), "```", "")
    yield from canary_lines(data["canaries"])


def _row(label: str, values: Sequence[float], digits: int) -> str:
    return table_row(label, *(f"{value:.{digits}f}" for value in (values[0], values[-1], min(values), max(values))))


def _picture(log: Log, recipe: Recipe) -> bytes:
    from matplotlib.figure import Figure  # without pyplot no window system is asked

    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        for name, label in curves:
            points = series(log, name)
            if points:
                mark = "o" if name in (GOLD, PROXY, HELD_OUT_LENGTH) else None
                axes.plot(*zip(*points, strict=True), label=label, marker=mark, markersize=4)
            if name == LENGTH and len(points) >= length_window(recipe):
                first = means(points, length_window(recipe))[0][1]
                for limit, said in ((recipe.least_length, None), (recipe.most_length, "where the run stops")):
                    axes.axhline(limit * first, color="grey", linestyle=":", label=said)
        axes.set(title=title, xlabel="step")
        if axes.lines:
            axes.legend()
    return png(figure)
