import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from principles.errors import ConfigError
from principles.schema import Criterion, Label, Rubric, Verdict
from principles.scoring import score
from tests import needs
from tests.needs import DATA
from training.common.items import Item, load_items, load_verdicts
from training.healthbench.figures import (
    Example,
    by_criterion_tag,
    by_example_tag,
    estimate,
    length_adjusted,
    paired_difference,
    rate,
    recognised,
    summarise,
)

MET, NOT_MET, UNKNOWN = Label.MET, Label.NOT_MET, Label.UNKNOWN
Rows = list[tuple[int, Label]]
rows = st.lists(st.tuples(st.integers(-10, 10), st.sampled_from(Label)), max_size=12)


def example(
    given: Rows, key: str = "k", response: str = "x" * 2_000, tags: dict[int, Any] | None = None, **fields: Any
) -> Example:
    rubric = Rubric(criteria=tuple(Criterion(id=f"c{i}", text="?", points=p) for i, (p, _) in enumerate(given)))
    tagged = {f"c{i}": tuple(own) for i, own in (tags or {}).items()}
    item = Item(key=key, turns=({"role": "user", "content": "?"},), rubric=rubric, criterion_tags=tagged, **fields)
    verdicts = [Verdict(criterion_id=f"c{i}", label=label) for i, (_, label) in enumerate(given)]
    return Example(item, response, score(rubric, verdicts))


def score_of(given: Rows) -> float | None:
    return example(given).grade.score


@needs.data("judge_dev_gpt41.jsonl")
def test_our_score_of_gpt41s_verdicts_is_healthbenchs_own() -> None:
    judged = load_verdicts(DATA / "judge_dev_gpt41.jsonl", load_items(DATA / "healthbench_hard_dev.jsonl"))
    assert len(judged) == 200
    for one in judged:
        assert score(one.item.rubric, one.verdicts).score == pytest.approx(one.score, abs=1e-9)


@needs.data("judge_train_gpt41.jsonl.gz")
def test_the_training_verdicts_join_their_items() -> None:
    judged = load_verdicts(DATA / "judge_train_gpt41.jsonl.gz", load_items(DATA / "healthbench_hard_dev.jsonl"))
    assert len(judged) == 1_102
    assert sum(len(one.verdicts) for one in judged) == 12_372


@given(st.lists(st.tuples(st.integers(-10, 0), st.sampled_from(Label)), max_size=8))
def test_without_positive_points_there_is_no_score(given_rows: Rows) -> None:
    assert score_of(given_rows) is None
    assert summarise([example(given_rows)], "full").unscored == 1


@given(st.lists(st.integers(-10, 10), max_size=8))
def test_all_unknown_is_no_score(points: list[int]) -> None:
    summary = summarise([example([(p, UNKNOWN) for p in points])], "full")
    assert (summary.overall, summary.unscored, summary.coverage) == (None, 1, 0)
    assert summary.positives.rate is summary.negatives.rate is None


@given(rows, st.randoms(use_true_random=False))
def test_order_does_not_matter(given_rows: Rows, random: Any) -> None:
    shuffled = random.sample(given_rows, len(given_rows))
    assert score_of(shuffled) == (pytest.approx(score_of(given_rows)) if score_of(given_rows) is not None else None)


@given(rows, st.integers(1, 10))
def test_an_unmet_wish_never_raises(given_rows: Rows, points: int) -> None:
    before, after = score_of(given_rows), score_of([*given_rows, (points, NOT_MET)])
    if before is not None:
        assert after is not None
        assert abs(after) <= abs(before)  # towards zero from either side: only the denominator grows
    if before is not None and before >= 0:
        assert after is not None
        assert after <= before


@given(rows, st.integers(-10, -1))
def test_a_fault_never_raises_and_an_absent_one_changes_nothing(given_rows: Rows, points: int) -> None:
    before = score_of(given_rows)
    with_fault, without = score_of([*given_rows, (points, MET)]), score_of([*given_rows, (points, NOT_MET)])
    assert without == before
    assert (with_fault is None) == (before is None)
    if before is not None and with_fault is not None:
        assert with_fault < before


@given(rows, st.integers(-10, 10))
def test_a_failed_verdict_moves_no_score(given_rows: Rows, points: int) -> None:
    assert score_of([*given_rows, (points, UNKNOWN)]) == score_of(given_rows)


@given(st.lists(st.floats(-5, 1), min_size=1, max_size=30))
def test_an_estimate_is_the_clipped_mean_and_its_interval_holds_the_bounds(scores: list[float]) -> None:
    found = estimate(scores)
    assert found.score == pytest.approx(min(max(math.fsum(scores) / len(scores), 0), 1), abs=1e-9)
    assert 0 <= found.low <= found.high <= 1
    assert estimate(scores) == found  # the seed is fixed


def test_the_bootstrap_agrees_with_theory() -> None:
    scores = [float(x) for x in np.random.default_rng(7).uniform(0.2, 0.8, 400)]
    found = estimate(scores)
    assert found.std == pytest.approx(np.std(scores) / math.sqrt(400), rel=0.1)
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.std, rel=0.1)


def test_clipping_is_of_the_mean_and_not_of_the_examples() -> None:
    assert estimate([1.0, -0.5]).score == 0.25
    below = estimate([-1.0, 0.2])
    assert (below.score, below.mean) == (0, pytest.approx(-0.4))
    assert (below.mean_low, below.mean_high) == (-1, pytest.approx(0.2))
    spread = estimate([1.0, -2.0] * 50)  # no resample's mean comes near 0
    assert (spread.high, spread.std) == (0, 0)
    assert spread.mean_low < spread.mean < spread.mean_high < 0


def test_an_example_tag_gets_the_whole_score() -> None:
    one = example([(4, MET), (6, NOT_MET)], example_tags=("theme:a", "theme:b", "theme:a"))
    other = example([(4, MET)], "other", example_tags=("theme:a",))
    silent = example([(4, UNKNOWN)], "silent", example_tags=("theme:c",))
    found = by_example_tag([one, other, silent])
    assert {tag: (e.score, e.examples) for tag, e in found.items()} == {
        "theme:a": (pytest.approx(0.7), 2),
        "theme:b": (pytest.approx(0.4), 1),
    }


def test_a_criterion_tag_is_scored_on_its_own_criteria() -> None:
    tags = {0: ["axis:x"], 1: ["axis:x", "level:y"], 2: ["axis:x"], 3: ["axis:faults"]}
    found = by_criterion_tag([example([(4, MET), (6, NOT_MET), (-2, MET), (-5, MET), (9, MET)], tags=tags)])
    assert {tag: e.mean for tag, e in found.items()} == {"axis:x": pytest.approx(0.2), "level:y": 0}


def test_wishes_and_faults_are_counted_apart() -> None:
    examples = [example([(4, MET), (6, NOT_MET), (3, UNKNOWN), (-2, MET), (0, MET)]), example([(-1, NOT_MET)])]
    wishes, faults = rate(examples, positive=True), rate(examples, positive=False)
    assert (wishes.met, wishes.judged, wishes.rate) == (1, 2, 0.5)
    assert (faults.met, faults.judged, faults.rate) == (1, 2, 0.5)


@pytest.mark.parametrize(
    ("benchmark", "slope"), [("full", 0.0299), ("hard", 0.0392), ("consensus", 0.0020), ("professional", 0.0147)]
)
def test_length_adjustment_has_its_reference_at_2000_characters(benchmark: str, slope: float) -> None:
    assert length_adjusted(0.5, "x" * 2_000, benchmark) == 0.5
    assert length_adjusted(0.5, "x" * 2_500, benchmark) == pytest.approx(0.5 - slope)
    assert length_adjusted(0.5, "x" * 1_000, benchmark) == pytest.approx(0.5 + 2 * slope)


def test_the_adjustment_comes_before_the_clipping() -> None:
    long = [example([(4, NOT_MET), (6, MET), (-5, MET)], response="x" * 12_000) for _ in range(3)]
    found = summarise(long, "full").length_adjusted
    assert found is not None
    assert (found.mean, found.score) == (pytest.approx(0.1 - 20 * 0.0299), 0)


@pytest.mark.parametrize(("hard", "tag", "name"), [(2, "level:cluster", "hard"), (1, "level:cluster", "consensus")])
def test_the_set_is_told_from_the_items(hard: int, tag: str, name: str) -> None:
    items = [example([(4, MET)], f"k{n}", tags={0: ["axis:x", tag]}, hard=n < hard).item for n in range(4)]
    assert recognised(items) == name
    assert recognised([*items[2:], example([(4, MET)], tags={0: ["level:example"]}).item]) == "full"


def test_a_summary_counts_lengths_and_coverage() -> None:
    short = example([(1, MET), (2, UNKNOWN)], response="one two")
    found = summarise([short, example([(1, MET)], response="x" * 13)], "full")
    assert (found.characters, found.words, found.coverage) == (10, 1.5, pytest.approx(2 / 3))
    assert found.overall is not None
    assert (found.overall.score, found.unscored) == (1, 0)


def test_nothing_to_summarise() -> None:
    with pytest.raises(ConfigError, match="no graded answer"):
        summarise([], "full")


def test_a_difference_is_paired() -> None:
    hardness = np.random.default_rng(1).uniform(-1, 1, 200)
    ours = {f"k{i}": float(h + 0.1) for i, h in enumerate(hardness)}
    theirs = {f"k{i}": float(h) for i, h in enumerate(hardness)}
    found = paired_difference(ours | {"alone": 1.0, "unscored": None}, theirs | {"unscored": 1.0})
    assert (found.examples, found.difference) == (200, pytest.approx(0.1))
    assert found.low == pytest.approx(found.high)  # what makes an item hard for both has cancelled
    back = paired_difference(theirs, ours)
    assert back.difference == pytest.approx(-found.difference)


def test_a_difference_shows_below_zero_too() -> None:
    assert paired_difference({"a": -1.0, "b": -2.0}, {"a": -2.0, "b": -3.0}).difference == 1


def test_runs_without_a_common_item_do_not_compare() -> None:
    with pytest.raises(ConfigError, match="in common"):
        paired_difference({"a": 1.0}, {"b": 1.0, "a": None})
