"""Sampled answers are kept question by question, and made pairs where their difference is more than doubt."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError, ModelError
from principles.schema import Grade, Label, Verdict
from tests.unit.training.tiny_run import DATA, command
from training.common.items import Item
from training.judge.rules import LexicalJudge
from training.sampling import command as sampling
from training.sampling import pairs
from training.sampling.kept import SAMPLES, Sample, Sampled, keep, read_samples
from training.sampling.pairs import DOUBT, FEW, LENGTH, SAME, Bounds, Pair, pair_of


def sample(probability: float, words: int = 10, cut: bool = False, coverage: float = 1.0) -> Sample:
    label = Label.MET if probability >= 0.5 else Label.NOT_MET
    grade = Grade(
        verdicts=(Verdict(criterion_id="c0", label=label, probability=probability),),
        score=float(label is Label.MET),
        expected=probability,
        coverage=coverage,
    )
    return Sample(response=" ".join(["word"] * words), cut=cut, grade=grade)


def question(*samples: Sample) -> Sampled:
    turns = ({"role": "user", "content": "Is it bad?"},)
    return Sampled(key="q", turns=turns, points={"c0": 5.0}, samples=samples, canary="mark")


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        ([sample(1), sample(0, cut=True)], FEW),
        ([sample(1), sample(0, coverage=0.5)], FEW),
        ([sample(1), Sample(response="a word", cut=False, grade=None)], FEW),
        ([sample(0.9), sample(0.85)], SAME),
        ([sample(0.6), sample(0.4)], DOUBT),  # 0.2 apart, and each is 0.49 unsure
        ([sample(1, 20), sample(0, 10)], LENGTH),
    ],
)
def test_why_a_question_gives_no_pair(samples: list[Sample], why: str) -> None:
    assert pair_of(question(*samples), Bounds()) == why


def test_the_pair_of_like_length_that_differs_most() -> None:
    long, good, fair, bad = sample(1, 40), sample(0.99, 12), sample(0.9, 12), sample(0.02, 10)
    assert pair_of(question(long, fair, bad, good), Bounds()) == Pair(good, bad, pytest.approx(0.97))


def test_pairs_are_written_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path / SAMPLES, question(sample(0, 10), sample(1, 11)))
    keep(tmp_path / SAMPLES, question(sample(0.9), sample(0.9)))
    out = tmp_path / "pairs.jsonl"
    assert command(pairs, tmp_path, "--out", out) == 0
    (line,) = map(json.loads, out.read_text().splitlines())
    assert (len(line["chosen"].split()), len(line["rejected"].split())) == (11, 10)
    assert (line["gap"], line["canary"]) == (1.0, "mark")
    said = capsys.readouterr().err
    assert "1 of 2 questions gave a pair" in said
    assert f"1 left out: {SAME}" in said
    from training.sft.examples import read_examples, read_pairs

    assert read_pairs(out)[0].rejected == line["rejected"]
    assert read_examples(out)[0][0].answer == line["chosen"]
    with pytest.raises(ConfigError, match="exists already"):
        command(pairs, tmp_path, "--out", out)


def test_no_pair_at_all_writes_nothing(tmp_path: Path) -> None:
    keep(tmp_path / SAMPLES, question(sample(0.9), sample(0.9)))
    with pytest.raises(ConfigError, match="no question gave a pair"):
        command(pairs, tmp_path, "--out", tmp_path / "pairs.jsonl")
    assert not (tmp_path / "pairs.jsonl").exists()
    with pytest.raises(ConfigError, match="holds no sampled answers"):
        command(pairs, tmp_path / "none", "--out", tmp_path / "pairs.jsonl")


class Writer:
    """Answers from a list, and a failure at the n-th question."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.asked, self._fail_at = list[str](), fail_at

    def __call__(self, items: Sequence[Item], count: int) -> list[list[tuple[str, bool]]]:
        if len(self.asked) == self._fail_at:
            raise ModelError("the endpoint is down")
        self.asked += [item.key for item in items]
        return [[(f"answer {number}", False) for number in range(count)] for _ in items]


def test_sampling_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sample_with(writer: Writer, *more: object) -> Any:
        monkeypatch.setattr(sampling, "_writer", lambda given: writer)
        return command(sampling, "--data", DATA, "--samples", 3, "--out", tmp_path / "out", *more)

    monkeypatch.setattr(sampling, "judge_given", lambda given: LexicalJudge())
    first, second = Writer(fail_at=2), Writer()
    with pytest.raises(ModelError):
        sample_with(first)
    assert sample_with(second) == 0
    assert len(first.asked) == 2
    assert not set(first.asked) & set(second.asked)
    kept = read_samples(tmp_path / "out" / SAMPLES)
    assert [one.key for one in kept] == first.asked + second.asked
    assert {len(one.samples) for one in kept} == {3}
    assert all(one.grade for question in kept for one in question.samples)
    with pytest.raises(ConfigError, match="begun with other settings"):
        sample_with(Writer(), "--temperature", 0.5)


def test_what_cannot_be_sampled(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give 2 or more"):
        command(sampling, "--data", DATA, "--samples", 1, "--out", tmp_path)
    with pytest.raises(ConfigError, match="--engine hf needs --model"):
        command(sampling, "--data", DATA, "--engine", "hf", "--out", tmp_path)
