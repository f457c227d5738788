"""What a training run leaves to be read: report.md and report.png in its folder."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from agent import NOTICE
from principles.files import write_atomic
from training.common.page import canary_lines, table_head, table_row
from training.common.picture import png
from training.grpo.guards import CLIPPED, GOLD, KL, LENGTH, NONE, PROXY, REWARD, ZERO_SPREAD, Alarm, Log, series

PANELS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Reward, and gold on held-out questions",
        ((REWARD, "reward"), (PROXY, "held out, judge"), (GOLD, "held out, gold")),
    ),
    ("Tokens an answer", ((LENGTH, "mean"),)),
    ("Shares", ((NONE, "no reward"), (ZERO_SPREAD, "groups without spread"), (CLIPPED, "cut at the limit"))),
    ("Divergence, nats a token", ((KL, "KL"),)),
)


def write_curves(out: Path, log: Log, run: Mapping[str, Any], alarms: Sequence[Alarm], ending: str) -> Path:
    """Write both files; `run` is what run.json holds. Returns the report's path."""
    write_atomic(out / "report.png", _picture(log))
    write_atomic(out / "report.md", "\n".join(_page(log, run, alarms, ending)) + "\n")
    return out / "report.md"


def _page(log: Log, run: Mapping[str, Any], alarms: Sequence[Alarm], ending: str) -> Iterator[str]:
    recipe = run["recipe"]
    yield from (f"# Training: {recipe['name']}", "", f"> {NOTICE}", "")
    yield from (f"{ending}", "", "![Curves of the run](report.png)", "")
    yield from table_head("figure", "first", "last", "lowest", "highest")
    for _, curves in PANELS:
        for name, label in curves:
            values = [value for _, value in series(log, name)]
            if values:
                shown = (values[0], values[-1], min(values), max(values))
                yield table_row(f"{label} (`{name}`)", *(f"{value:.3f}" for value in shown))
    times = [value for _, value in series(log, "step_time")]
    if times:
        yield table_row("seconds a step", *(f"{value:.2f}" for value in (times[0], times[-1], min(times), max(times))))
    yield from ("", "## Alarms", "")
    yield from (f"- step {alarm.step}, {alarm.kind}: {alarm.message}" for alarm in alarms)
    if not alarms:
        yield "None."
    yield from ("", "## How it was made", "")
    data = run["data"]
    yield f"Data `{data['file']}`, SHA-256 `{data['sha256']}`:"
    yield f"{data['train']} questions trained on, {data['held_out']} held out."
    yield f"ClinAlign {run['version']}. The recipe:"
    yield from ("", "```yaml", yaml.safe_dump(dict(recipe), sort_keys=False).strip(), "```", "")
    yield from canary_lines(data["canaries"])


def _picture(log: Log) -> bytes:
    from matplotlib.figure import Figure  # without pyplot no window system is asked

    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        for name, label in curves:
            points = series(log, name)
            if points:
                mark = "o" if name in (GOLD, PROXY) else None
                axes.plot(*zip(*points, strict=True), label=label, marker=mark, markersize=4)
        axes.set(title=title, xlabel="step")
        if axes.lines:
            axes.legend()
    return png(figure)
