"""Arms that answer by rule, for tests of `ablate`."""

from types import SimpleNamespace

import pytest

from training.ablation.arms import Cost, Made, Step
from training.common.items import Item

# Of the four wanted words, how many an arm's answer to item n has; words are all 1 long.
GOOD = {"draft": 1, "self_refine": 1, "retrieved": 3, "random": 1, "all": 2, "in_prompt": 2, "length_matched": 1}


def scripted(arm: str, item: Item, before: dict[str, Made]) -> Made:
    """Answers as GOOD says; only every second item is better than its draft."""
    number = int(item.key[1:])
    rounds = (1, 2) if arm in ("self_refine", "retrieved", "random", "all") else (0,)
    good = GOOD[arm] if number % 2 else GOOD["draft"]
    said = " ".join(["private", *(f"w{i}" for i in range(good)), *["x"] * (GOOD[arm] > 1)])
    steps = tuple(Step(round=r, answer=said, cost=Cost(calls=r + 1, seconds=1)) for r in rounds)
    return Made(key=item.key, arm=arm, steps=steps, canary=item.canary)


class Maker:
    """`scripted`, counting, with failures and crashes on demand."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []
        self.crash_at: int | None = None
        self.failing: set[tuple[str, str]] = set()

    def __call__(self, arm: str, item: Item, before: dict[str, Made]) -> Made:
        if len(self.made) == self.crash_at:
            raise RuntimeError("crash")
        self.made.append((item.key, arm))
        if (item.key, arm) in self.failing:
            return Made(key=item.key, arm=arm, error="the endpoint failed")
        return scripted(arm, item, before)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command without what costs seconds a run: the parsed library and the picture."""
    monkeypatch.setattr("principles.library.load_library", lambda: SimpleNamespace(digest="digest"))
    monkeypatch.setattr("training.ablation.report._picture", lambda report: b"")


def served_by(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """The command's arms are made by `maker`."""
    monkeypatch.setattr("training.ablation.command._workshop", lambda given: maker)
    return maker
