"""Guards of a training run: what to warn of, and when to stop.

They look at the trainer's log alone, which a checkpoint keeps, so that a resumed run is watched as one that was
never cut. A stop needs both: a change of a size that matters, and one that is beyond chance.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.grpo import gold
from training.grpo.log import KL, LENGTH, NO_SIGNAL, NONE, PROXY
from training.grpo.recipe import Recipe
from training.tuning.log import Log, series

# Alarms are on means over so many steps.
WINDOW = 5
# Lengths differ from question to question: their means are over so many questions at least.
LENGTH_QUESTIONS = 16
# The run stops where the gold judge failed at so many evaluations in a row: one may be an outage that passes.
BLIND_LOOKS = 3


@dataclass(frozen=True)
class Alarm:
    """One thing to look at. `step` is where it was first seen."""

    step: int
    kind: str
    message: str


def alarms(log: Log, recipe: Recipe) -> list[Alarm]:
    """What to warn of so far: once a kind, at the step where it first rang, and each time that gold is missing."""
    limits = {
        "none": (NONE, recipe.alarm_none, "{value:.0%} of answers got no reward: the judge fails on them"),
        "no signal": (
            NO_SIGNAL,
            recipe.alarm_no_signal,
            "{value:.0%} of groups have equal rewards, or nearly so (least_spread), and teach nothing: questions too "
            "hard, too easy, or a judge too coarse",
        ),
        "KL": (KL, recipe.alarm_kl, "the policy is {value:.2f} nats a token from where it began"),
    }
    found = [
        Alarm(step, kind, text.format(value=value))
        for kind, (name, limit, text) in limits.items()
        for step, value in _first_above(means(series(log, name), WINDOW), limit)
    ]
    found += [
        Alarm(
            int(look["step"]),
            "gold missing",
            f"the gold judge gave no score for {gold.missing(look, recipe)} of {recipe.held_out} held-out answers, so "
            f"that this evaluation does not count: see that it runs and that its replies can be read. After "
            f"{BLIND_LOOKS} such in a row the run is saved and stops",
        )
        for look in gold.looks(log)
        if not gold.is_judged(look, recipe)
    ]
    return sorted(found, key=lambda alarm: alarm.step)


def gold_stop(log: Log, recipe: Recipe) -> Alarm | None:
    """Why to stop after the newest evaluation: gold has fallen, or has been missing for too long."""
    newest = gold.looks(log)[-BLIND_LOOKS:]
    if len(newest) == BLIND_LOOKS and not any(gold.is_judged(look, recipe) for look in newest):
        first, last = int(newest[0]["step"]), int(newest[-1]["step"])
        return Alarm(
            last,
            "gold missing",
            f"stopped: the gold judge failed at {BLIND_LOOKS} evaluations in a row ({_range(first, last)}), and "
            "nothing else would notice a reward that is being gamed. See that it runs and that its replies can be "
            "read, then give the same command with --resume",
        )
    fall = gold.fall(log, recipe)
    if fall is None:
        return None
    liked = [
        statistics.fmean(values)
        for first, last in (fall.before, fall.after)
        if (values := [value for step, value in series(log, PROXY) if first <= step <= last])
    ]
    meanwhile = f" The training's judge went from {liked[0]:.3f} to {liked[1]:.3f}." if len(liked) == 2 else ""
    return Alarm(
        fall.after[1],
        "gold",
        f"stopped: on {fall.questions} held-out questions the gold judge's mean score fell from {fall.high:.3f} "
        f"({_range(*fall.before)}) to {fall.low:.3f} ({_range(*fall.after)}), by gold_drop "
        f"({recipe.gold_drop:g}) or more and beyond chance (p {_chance(fall.chance)}, limit {fall.limit:.4f})."
        f"{meanwhile} Export the kept checkpoint nearest to step {fall.before[1]}, and begin anew with a lower "
        "learning_rate, a higher kl or another judge. If the fall is no harm, --resume with a larger "
        "--gold-drop goes on",
    )


def length_stop(log: Log, recipe: Recipe) -> Alarm | None:
    """Why to stop after the newest step: answers have become much shorter or longer than at the start."""
    steps, width = series(log, LENGTH), length_window(recipe)
    if len(steps) < 2 * width:
        return None
    first, last = ([value for _, value in part] for part in (steps[:width], steps[-width:]))
    before, now = statistics.fmean(first), statistics.fmean(last)
    times = now / before if before else 1.0
    if recipe.least_length <= times <= recipe.most_length:
        return None
    if _by_chance(first, last) >= gold.FALSE_STOPS / recipe.steps:
        return None
    shorter = times < recipe.least_length
    limit = f"least_length ({recipe.least_length:g})" if shorter else f"most_length ({recipe.most_length:g})"
    cause = (
        "a limit (max_completion_tokens) that many answers run into, or a judge that likes brevity. Raise "
        "max_completion_tokens, or lower overlong_weight"
        if shorter
        else "a judge that rewards whatever is added. Set usual_tokens, or choose another judge"
    )
    option = "--least-length" if shorter else "--most-length"
    return Alarm(
        steps[-1][0],
        "length",
        f"stopped: answers are {times:.2f} times as long as at the start ({before:.0f} tokens at first, "
        f"{now:.0f} now, means over {width} steps), {'under' if shorter else 'over'} {limit} "
        f"and beyond chance. Usual causes: {cause}, and begin anew. If this is wanted, --resume with another {option} "
        "goes on",
    )


def length_window(recipe: Recipe) -> int:
    """The steps that a mean length is over."""
    return max(WINDOW, math.ceil(LENGTH_QUESTIONS / recipe.questions_per_step))


def times_the_start(log: Log, recipe: Recipe) -> list[tuple[int, float]]:
    """(step, mean length of the newest steps over that of the first)."""
    lengths = means(series(log, LENGTH), length_window(recipe))
    return [(step, value / lengths[0][1]) for step, value in lengths if lengths[0][1]]


def means(values: Sequence[tuple[int, float]], width: int) -> list[tuple[int, float]]:
    """Means over `width` values in a row, at the step of the last."""
    return [
        (values[end - 1][0], statistics.fmean(value for _, value in values[end - width : end]))
        for end in range(width, len(values) + 1)
    ]


def _first_above(values: Sequence[tuple[int, float]], limit: float) -> Iterator[tuple[int, float]]:
    for step, value in values:
        if value > limit:
            yield step, value
            return


def _by_chance(first: Sequence[float], last: Sequence[float]) -> float:
    """How often unequal means would be so far apart by chance: Welch's t-test."""
    from scipy.stats import ttest_ind_from_stats

    parts = [(statistics.fmean(part), statistics.stdev(part), len(part)) for part in (first, last)]
    if not any(deviation for _, deviation, _ in parts):
        return 0.0
    return float(ttest_ind_from_stats(*parts[0], *parts[1], equal_var=False).pvalue)


def _range(first: int, last: int) -> str:
    return f"step {first}" if first == last else f"steps {first} to {last}"


def _chance(value: float) -> str:
    return f"{value:.4f}" if value * gold.RESAMPLES >= 1 else f"under {1 / gold.RESAMPLES:g}"
