"""Guards of a training run: what to warn of, and when to stop.

They look at the trainer's log alone (a list of records with `step`), which a checkpoint keeps, so that a
resumed run is watched as one that was never cut.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.grpo.recipe import Recipe

Log = Sequence[Mapping[str, Any]]
GOLD, PROXY = "eval_rewards/rubric/mean", "eval_proxy"
REWARD, LENGTH, CLIPPED = "reward", "completions/mean_length", "completions/clipped_ratio"
NONE, ZERO_SPREAD, KL = "reward/none", "frac_reward_zero_std", "kl"
# Alarms are on means over so many steps, and lengths against those of the first so many.
WINDOW = 5


@dataclass(frozen=True)
class Alarm:
    """One thing to look at. `step` is where it was first seen."""

    step: int
    kind: str
    message: str


def series(log: Log, name: str) -> list[tuple[int, float]]:
    """(step, value) of each record that has `name`."""
    return [(int(one["step"]), float(one[name])) for one in log if one.get(name) is not None]


def alarms(log: Log, recipe: Recipe) -> list[Alarm]:
    """The alarms that the log gives so far, one a kind, at the step where it first rang."""
    limits = {
        "none": (NONE, recipe.alarm_none, "{value:.0%} of answers got no reward: the judge fails on them"),
        "zero spread": (
            ZERO_SPREAD,
            recipe.alarm_zero_spread,
            "{value:.0%} of groups have equal rewards and teach nothing: questions too hard, too easy, or a judge "
            "too coarse",
        ),
        "KL": (KL, recipe.alarm_kl, "the policy is {value:.2f} nats a token from where it began"),
    }
    found = [
        Alarm(step, kind, text.format(value=value))
        for kind, (name, limit, text) in limits.items()
        for step, value in _first_above(_windows(series(log, name)), limit)
    ]
    lengths = _windows(series(log, LENGTH))
    if lengths and lengths[0][1] > 0:
        grown = [(step, value / lengths[0][1]) for step, value in lengths]
        shrunk = [(step, 1 / max(factor, 1e-6)) for step, factor in grown]
        for kind, factors, power, digits in (("length", grown, 1, 1), ("shortness", shrunk, -1, 2)):
            found += [
                Alarm(step, kind, f"answers are {factor**power:.{digits}f} times as long as at the start")
                for step, factor in _first_above(factors, recipe.alarm_length)
            ]
    return sorted(found, key=lambda alarm: alarm.step)


def gamed(log: Log, recipe: Recipe) -> Alarm | None:
    """Whether the reward climbs while gold falls: the newest `gold_patience` evaluations all lie more than
    `gold_drop` below gold's best before them, and the training's judge likes each better than it did there."""
    proxy = dict(series(log, PROXY))
    points = [(step, gold, proxy[step]) for step, gold in series(log, GOLD) if step in proxy]
    newest = points[-recipe.gold_patience :]
    before = points[: -recipe.gold_patience]
    if not before:
        return None
    best_step, best, liked = max(before, key=lambda point: point[1])
    if all(gold < best - recipe.gold_drop and reward > liked for _, gold, reward in newest):
        step, gold, reward = newest[-1]
        message = (
            f"stopped: on held-out questions gold fell from {best:.3f} (step {best_step}) to {gold:.3f} while the "
            f"training's judge rose from {liked:.3f} to {reward:.3f}. Export the checkpoint nearest to step {best_step}"
        )
        return Alarm(step, "gold", message)
    return None


def _windows(values: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Means over WINDOW values in a row, at the step of the last."""
    return [
        (values[end - 1][0], sum(value for _, value in values[end - WINDOW : end]) / WINDOW)
        for end in range(WINDOW, len(values) + 1)
    ]


def _first_above(values: Sequence[tuple[int, float]], limit: float) -> Iterator[tuple[int, float]]:
    for step, value in values:
        if value > limit:
            yield step, value
            return
