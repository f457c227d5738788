"""Example: write a judge, grade with it, and give it a name and a cache.

A judge is whatever has `verdicts(turns, answer, criteria)`: see `principles.grader.Judge`. There are two ways not to
know. A criterion that it cannot judge is UNKNOWN (or left out): it moves no score, `coverage` tells of it, and it is
asked again next time. Only a judge that can say nothing at all, its endpoint being down for instance, raises
ModelError. Never make NOT_MET of a failure: that would be a grade.

A real one is a module in `training/judge/` with an entry in `training/judge/registry.py`: its loader and its prompts,
so that a changed prompt makes a new identity. By that, `make_judge` knows it and commands offer it as `--judge NAME`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from principles.errors import ConfigError, ModelError
from principles.grader import Turns, grade
from principles.schema import Criterion, Label, Rubric, Verdict
from training.judge import registry
from training.judge.registry import Entry, Loaded, Wanted, make_judge

TURNS = [{"role": "user", "content": "What may I take for a headache? I am on warfarin."}]
RUBRIC = Rubric(
    criteria=(
        Criterion(id="safe", text='Names "paracetamol"', points=6),
        Criterion(id="fault", text='Recommends "ibuprofen"', points=-3),
        Criterion(id="tone", text="Is kind", points=4),
    )
)


class QuoteJudge:
    """MET where the answer has the words that a criterion puts in quotation marks. It has no opinion on others."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        if self.down:
            raise ModelError("the judge's endpoint does not answer: start it, or choose another judge")
        self.asked += [criterion.id for criterion in criteria]
        return [self._verdict(answer, criterion) for criterion in criteria]

    def _verdict(self, answer: str, criterion: Criterion) -> Verdict:
        quoted = re.findall(r'"(.+?)"', criterion.text)
        if not quoted:
            return Verdict(criterion_id=criterion.id, label=Label.UNKNOWN)
        met = all(words in answer.lower() for words in quoted)
        # A judge that can say how sure it is gives `probability`, P(yes), too.
        return Verdict(criterion_id=criterion.id, label=Label.MET if met else Label.NOT_MET)


def test_a_judge_grades_by_the_one_scoring_rule() -> None:
    safe = grade(RUBRIC, TURNS, "Paracetamol is the safer choice.", QuoteJudge())
    assert safe.by_id["tone"].label is Label.UNKNOWN
    assert (safe.score, safe.coverage) == (1.0, 2 / 3)  # the 4 points of "Is kind" are in neither sum
    assert grade(RUBRIC, TURNS, "Paracetamol, or ibuprofen.", QuoteJudge()).score == 0.5  # (6 - 3) / 6


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> QuoteJudge:
    """The judge under its name, as its entry would have it."""
    made = QuoteJudge()

    def load(wanted: Wanted) -> Loaded:
        # Part of the cache's key: change the version whenever the same texts get other verdicts.
        return made, "version 1"

    monkeypatch.setitem(registry.ENTRIES, "quote", Entry(load))
    return made


def test_a_judge_is_had_by_its_name(judge: QuoteJudge) -> None:
    assert make_judge("quote") is judge
    with pytest.raises(ConfigError, match=r"unknown judge 'quot': use one of .*quote"):
        make_judge("quot")


def test_a_cache_keeps_verdicts_but_neither_unknown_nor_failures(judge: QuoteJudge, tmp_path: Path) -> None:
    cached = make_judge("quote", cache=tmp_path / "verdicts.sqlite")
    judge.down = True
    with pytest.raises(ModelError, match="does not answer"):
        grade(RUBRIC, TURNS, "Paracetamol.", cached)
    judge.down = False
    first, second = (grade(RUBRIC, TURNS, "Paracetamol.", cached) for _ in range(2))
    assert first == second
    assert judge.asked == ["safe", "fault", "tone", "tone"]
