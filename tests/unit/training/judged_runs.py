"""What the tests of `evaluate` and `ablate` share: a judge by rule, and items whose question's last character is
their number."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from principles.errors import ModelError
from principles.schema import Criterion, Label, Verdict

WANTED = 4
CANARY = "healthbench:test"


def stands_there(answer: str, criterion: Criterion) -> Label:
    return Label.MET if criterion.text in answer else Label.NOT_MET


class FakeJudge:
    """Answers by rule and keeps what it was asked, as (last character of the question, answer). `failing` are the
    questions on which it can say nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.made: list[dict[str, Any]] = []
        self.failing: set[str] = set()
        self.decide: Callable[[str, Criterion], Label] = stands_there

    def verdicts(self, turns: Any, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        key = turns[-1]["content"][-1]
        self.asked.append((key, answer))
        if key in self.failing:
            raise ModelError("no verdict")
        return [Verdict(criterion_id=c.id, label=self.decide(answer, c)) for c in criteria]

    def make(self, name: str, **options: Any) -> "FakeJudge":
        self.made.append({"name": name, **options})
        return self


class ManyJudge(FakeJudge):
    """Takes several answers in one pass."""

    passes = 0

    def verdicts_many(self, asked: Sequence[tuple[Any, str, Sequence[Criterion]]]) -> list[list[Verdict]]:
        self.passes += 1
        return [self.verdicts(*one) for one in asked]


def installed(fake: FakeJudge, monkeypatch: pytest.MonkeyPatch) -> FakeJudge:
    """Whatever judge a command asks for, it is given `fake`."""
    monkeypatch.setattr("training.judge.registry.make_judge", fake.make)
    return fake


def judge_folder(path: Path, content: str = "{}") -> Path:
    """What stands for the folder of a trained judge; whatever loads it is a `FakeJudge`."""
    path.mkdir(exist_ok=True)
    (path / "judge.json").write_text(content)
    return path


def write_items(path: Path, count: int, *faults: str) -> Path:
    """HealthBench items k0, k1, … that want the words w0 to w3, 5 points each; a fault takes 2 off."""
    rubrics = [{"criterion": f"w{i}", "points": 5, "tags": ["axis:accuracy"]} for i in range(WANTED)]
    rubrics += [{"criterion": fault, "points": -2} for fault in faults]
    return write_lines(
        path,
        [
            {
                "key": f"k{n}",
                "prompt_id": f"p{n}",
                "prompt": [{"role": "user", "content": f"private question {n}"}],
                "rubrics": rubrics,
                "example_tags": ["theme:even" if n % 2 == 0 else "theme:odd"],
                "canary": CANARY,
            }
            for n in range(count)
        ],
    )


def write_answers(path: Path, count: int) -> Path:
    """Answers to those items: that to item n has n of the wanted words."""
    answers = [f"private answer {' '.join(f'w{i}' for i in range(n))}" for n in range(count)]
    return write_lines(path, [{"prompt_id": f"p{n}", "response": text} for n, text in enumerate(answers)])


def write_lines(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
