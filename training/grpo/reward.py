"""The rubric engine's grade as a reward, in TRL's form: f(prompts, completions, ..., **columns) -> list[float | None].

A completion's reward is `principles.scoring.score` of its verdicts, mapped to [0, 1]. It is None, and TRL
leaves the completion out, where the judge failed or judged too little: a zero there would train on noise.
All completions that TRL hands over are judged in one pass. Metrics hold numbers only, never text.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from principles.grader import Judge
from principles.schema import Grade, Label, Rubric
from training.common.items import Item
from training.grpo.log import NO_SIGNAL
from training.grpo.weighting import level, spreads, thinned, unit, weighted
from training.judge.batch import judged

LogMetric = Callable[[str, float], None]


@dataclass(frozen=True)
class RewardOptions:
    """What a recipe can turn.

    `points`: "positive" rewards wanted things alone, "signed" takes faults off as HealthBench does.
    `soft` weights each criterion by the judge's probability. `dropout` is the share of criteria that a group
    is not judged by. `safety_weight` multiplies the points of safety-critical criteria.
    A `group` of answers whose rewards have a standard deviation below `least_spread` gets its mean for each: what is
    left of a difference there is the judge's noise.
    """

    points: Literal["positive", "signed"] = "positive"
    soft: bool = False
    dropout: float = 0.0
    safety_weight: float = 1.0
    least_coverage: float = 0.5
    group: int = 1
    least_spread: float = 0.0
    workers: int = 1
    seed: int = 0
    log_text: bool = False


class RubricReward:
    """The reward function. Each row of the data set names its item in the column `key`.

    Rows with a true `held_out` are the gold judge's: their reward is its grade under the whole rubric, logged by
    question as `gold/KEY`, and what the training's judge gives them is logged as `proxy`. `newest` is what the last
    call gave. Raises JudgeDown.
    """

    __name__ = "rubric"

    def __init__(self, items: Mapping[str, Item], judge: Judge, options: RewardOptions, gold: Judge | None = None):
        self._items, self._judge, self._options, self._gold = items, judge, options, gold
        self.newest: list[float | None] = []

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        *,
        key: Sequence[str],
        held_out: Sequence[bool] | None = None,
        trainer_state: Any = None,
        log_metric: LogMetric | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        log = log_metric or _log_nothing
        answers = [_text(completion) for completion in completions]
        if held_out is not None and all(held_out):
            self.newest = self._gold_rewards(key, answers, log)
            return self.newest
        step = int(getattr(trainer_state, "global_step", 0))
        rubrics = {name: self._rubric(name, step) for name in dict.fromkeys(key)}
        cases = [(rubrics[name], self._items[name].turns, text) for name, text in zip(key, answers, strict=True)]
        grades = judged(cases, self._judge, self._options.workers)
        rewards = [self._unit(found, rubric) for found, (rubric, _, _) in zip(grades, cases, strict=True)]
        self._log(key, grades, rewards, log)
        if log_extra and self._options.log_text:
            log_extra(
                "verdicts", [_readable(found, rubric) for found, (rubric, _, _) in zip(grades, cases, strict=True)]
            )
        self.newest = level(rewards, self._options.group, self._options.least_spread)
        return self.newest

    def _gold_rewards(self, key: Sequence[str], answers: Sequence[str], log: LogMetric) -> list[float | None]:
        cases = [(self._weighted(name), self._items[name].turns, text) for name, text in zip(key, answers, strict=True)]

        def graded(judge: Judge) -> list[float | None]:
            grades = judged(cases, judge, self._options.workers)
            return [self._unit(found, rubric) for found, (rubric, _, _) in zip(grades, cases, strict=True)]

        proxy = [value for value in graded(self._judge) if value is not None]
        if proxy:
            log("proxy", sum(proxy) / len(proxy))
        gold = graded(self._gold or self._judge)
        log("gold_none", sum(value is None for value in gold) / len(gold))
        for name, value in zip(key, gold, strict=True):
            if value is not None:
                log(f"gold/{name}", value)
        return gold

    def _weighted(self, name: str) -> Rubric:
        return weighted(self._items[name].rubric, self._options.points == "signed", self._options.safety_weight)

    def _rubric(self, name: str, step: int) -> Rubric:
        return thinned(self._weighted(name), self._options.dropout, f"{self._options.seed} {step} {name}")

    def _unit(self, found: Grade | None, rubric: Rubric) -> float | None:
        if found is None or found.coverage < self._options.least_coverage:
            return None
        return unit(found, rubric, self._options.soft)

    def _log(
        self, key: Sequence[str], grades: Sequence[Grade | None], rewards: Sequence[float | None], log: LogMetric
    ) -> None:
        """Shares: of None, of groups without signal, of criteria judged, and of those met by sign, axis, principle."""
        log("reward/none", sum(reward is None for reward in rewards) / len(rewards))
        found_spreads = spreads(rewards, self._options.group)
        log("reward/spread", sum(found_spreads) / len(found_spreads))
        log(NO_SIGNAL, sum(not one or one < self._options.least_spread for one in found_spreads) / len(found_spreads))
        log("reward/coverage", sum(found.coverage if found else 0.0 for found in grades) / len(grades))
        met: dict[str, list[bool]] = defaultdict(list)
        for name, found in zip(key, grades, strict=True):
            item = self._items[name]
            by_id = {criterion.id: criterion for criterion in item.rubric.criteria}
            for verdict in found.verdicts if found else ():
                if verdict.label is Label.UNKNOWN:
                    continue
                criterion, yes = by_id[verdict.criterion_id], verdict.label is Label.MET
                met["wanted" if criterion.points > 0 else "faults"].append(yes)
                if criterion.safety_critical:
                    met["safety"].append(yes is (criterion.points > 0))
                if criterion.principle_id:
                    met[f"principle/{criterion.principle_id}"].append(yes)
                for tag in item.criterion_tags.get(criterion.id, ()):
                    if tag.startswith("axis:"):
                        met[f"axis/{tag.removeprefix('axis:')}"].append(yes)
        for what, marks in met.items():
            log(f"met/{what}", sum(marks) / len(marks))


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _readable(found: Grade | None, rubric: Rubric) -> str:
    texts = {criterion.id: criterion.text for criterion in rubric.criteria}
    return "\n".join(f"{verdict.label}: {texts[verdict.criterion_id]}" for verdict in found.verdicts) if found else ""


def _log_nothing(name: str, value: float) -> None:
    """Outside a trainer there is no log."""
