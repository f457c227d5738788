"""What a training on given answers leaves to be read: report.md and report.png in its folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from agent import NOTICE
from principles.files import write_atomic
from training.common.page import canary_lines, table_head, table_row
from training.common.picture import png
from training.sft.losses import HELD_OUT, LOSS, best
from training.tuning.log import Log, series

CURVES = {LOSS: "loss in training", HELD_OUT: "loss on held-out answers"}
# Of preferences: the share of pairs whose chosen answer has become likelier by more than the rejected one.
SHARES = {"rewards/accuracies": "pairs told apart", "eval_rewards/accuracies": "held-out pairs told apart"}


def write_report(out: Path, log: Log, run: Mapping[str, Any], ending: str) -> Path:
    """Write both files; `run` is what run.json holds. Returns the report's path."""
    write_atomic(out / "report.png", _picture(log))
    write_atomic(out / "report.md", "\n".join(_page(log, run, ending)) + "\n")
    return out / "report.md"


def _page(log: Log, run: Mapping[str, Any], ending: str) -> Iterator[str]:
    data, lowest = run["data"], best(log)
    yield from (f"# Training: {run['recipe']['name']}", "", f"> {NOTICE}", "")
    yield from (ending, "", "![Curves of the run](report.png)", "")
    yield from loss_lines(log)
    if lowest:
        yield from ("", f"The held-out loss was lowest, {lowest[1]:.3f}, after step {lowest[0]}.")
    yield from ("", "## How it was made", "", *data_lines(data), "")
    yield f"ClinAlign {run['version']}. The recipe:"
    yield from ("", "```yaml", yaml.safe_dump(dict(run["recipe"]), sort_keys=False).strip(), "```", "")
    yield from canary_lines(data["canaries"])


def loss_lines(log: Log) -> Iterator[str]:
    """A table of the losses."""
    yield from table_head("figure", "first", "last", "lowest", "highest")
    for name, label in (CURVES | SHARES).items():
        values = [value for _, value in series(log, name)]
        if values:
            yield table_row(label, *(f"{one:.3f}" for one in (values[0], values[-1], min(values), max(values))))


def data_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Which data it was, and how long the answers are that were learnt."""
    yield f"`{data['file']}`, SHA-256 `{data['sha256']}`."
    yield (
        f"{data['train']} examples learnt, {data['held_out']} held out, {data['too_long']} left out as too long, "
        f"{data['unanswered']} without an answer. Learnt answers had {data['answer_tokens']} tokens."
    )


def _picture(log: Log) -> bytes:
    from matplotlib.figure import Figure  # without pyplot no window system is asked

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, label in CURVES.items():
        points = series(log, name)
        if points:
            axes.plot(*zip(*points, strict=True), label=label, marker="o" if name == HELD_OUT else None, markersize=4)
    axes.set(title="Loss", xlabel="step")
    if axes.lines:
        axes.legend()
    return png(figure)
