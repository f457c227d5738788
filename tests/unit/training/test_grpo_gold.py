"""The gold guard: whom it stops, over made-up runs, and what it takes for a look."""

from typing import Any

import pytest

from tests import needs
from tests.unit.training.gold_runs import FALLS, LOOKS, Shape, flat, peaked, rate, recipe_of, slow, sudden
from training.grpo.gold import fall, limit_a_look, visible_fall
from training.grpo.guards import Alarm, alarms, gold_stop
from training.grpo.log import GOLD, GOLD_OF, PROXY

needs.require("training")

Scores = list[float | None]
START: Scores = [0.2, 0.9, 0.5, 0.7, 0.4, 0.6, 0.8, 0.3]


def looks(*scores: Scores, proxy: float = 0.4) -> list[dict[str, Any]]:
    """A log of one evaluation every ten steps. A question without a score has no entry, as where its judge failed."""
    log = []
    for number, each in enumerate(scores):
        known = {f"{GOLD_OF}{name}": score for name, score in enumerate(each) if score is not None}
        mean = sum(known.values()) / len(known) if known else None
        log.append({"step": 10 * number, GOLD: mean, PROXY: proxy} | known)
    return log


def lower(by: float, scores: Scores = START) -> Scores:
    """Each score less so much, more or less."""
    return [None if one is None else one - by + 0.02 * (-1) ** number for number, one in enumerate(scores)]


@pytest.mark.parametrize("questions", [8, 16, 64])
def test_of_runs_whose_gold_is_flat_at_most_one_in_ten_is_stopped(questions: int) -> None:
    assert rate(questions, flat(), runs=100) <= 0.1


@pytest.mark.parametrize("shape", [sudden, slow, peaked])
@pytest.mark.parametrize(("questions", "size"), FALLS.items())
def test_of_runs_whose_gold_falls_at_least_four_in_five_are_stopped(questions: int, size: float, shape: Any) -> None:
    falling: Shape = shape(size)
    assert rate(questions, falling, runs=25) >= 0.8


def test_what_a_plan_promises_is_what_runs_show() -> None:
    for questions, size in FALLS.items():
        promised = visible_fall(recipe_of(questions))
        assert promised is not None
        assert 0.5 * size < promised <= size


def test_a_fall_stops_the_run_whatever_the_training_judge_says() -> None:
    for proxy in (0.2, 0.4, 0.9):
        log = looks(START, proxy=0.4) + [one | {"step": 10} for one in looks(lower(0.3), proxy=proxy)]
        found = gold_stop(log, recipe_of(8))
        assert found is not None
        assert (found.step, found.kind) == (10, "gold")
        for part in (
            "on 8 held-out questions the gold judge's mean score fell from 0.550 (step 0) to 0.250 (step 10)",
            "gold_drop (0.05)",
            f"went from 0.400 to {proxy:.3f}",
            "nearest to step 0",
            "--resume with a larger --gold-drop",
        ):
            assert part in found.message


def test_the_run_of_docs_experiments_would_have_been_stopped() -> None:
    """Physicians' rubrics: gold 0.574 → 0.254 after 20 of 60 steps on 8 questions; the training's judge fell, too."""
    before: Scores = [0.35, 0.48, 0.51, 0.58, 0.60, 0.64, 0.70, 0.732]
    after: Scores = [0.10, 0.30, 0.12, 0.35, 0.20, 0.41, 0.22, 0.332]
    log = looks(before, proxy=0.354) + [one | {"step": 20} for one in looks(after, proxy=0.345)]
    found = gold_stop(log, recipe_of(8, steps=60, gold_every=20))
    assert found is not None
    assert "from 0.574 (step 0) to 0.254 (step 20)" in found.message


def test_a_fall_that_does_not_matter_is_left_alone_however_sure() -> None:
    log = looks(START, START, START, *[lower(0.04)] * 3)
    assert fall(log, recipe_of(8)) is None
    assert fall(log, recipe_of(8, gold_drop=0.03)) is not None


def test_one_bad_question_is_no_fall() -> None:
    assert fall(looks(START, [*START[:-1], -2.0]), recipe_of(8)) is None


def test_a_fall_from_a_peak_counts_although_the_start_was_as_low() -> None:
    found = fall(looks(lower(0.3), START, START, lower(0.3), lower(0.3), lower(0.3)), recipe_of(8))
    assert found is not None
    assert found.after == (30, 50)


def test_too_few_questions_or_looks_stop_nothing() -> None:
    assert fall(looks(START[:7], lower(0.9, START[:7])), recipe_of(7)) is None
    assert visible_fall(recipe_of(7)) is None
    assert fall(looks(START), recipe_of(8)) is None
    assert fall([], recipe_of(8)) is None


def test_more_looks_have_less_chance_each() -> None:
    assert limit_a_look(recipe_of(8)) == pytest.approx(0.1 / LOOKS)
    assert limit_a_look(recipe_of(8, steps=5)) == 0.1


def test_of_two_looks_at_a_step_the_later_counts() -> None:
    log = looks(START, lower(0.3))
    assert fall([*log, *({**one, "step": 10} for one in looks(START))], recipe_of(8)) is None


def test_single_answers_without_a_score_do_not_blind_it() -> None:
    holes = [[None if number == look else one for number, one in enumerate(START)] for look in range(3)]
    fallen: list[Scores] = [[None if one is None else one - 0.3 for one in scores] for scores in holes]
    assert gold_stop(looks(*holes), recipe_of(8)) is None
    assert gold_stop(looks(*holes, *fallen), recipe_of(8)) is not None
    assert alarms(looks(*holes), recipe_of(8)) == []


def test_missing_gold_is_said_each_time_and_the_third_in_a_row_stops_the_run() -> None:
    none: Scores = [None] * 8
    some: Scores = [0.5, 0.5, *[None] * 6]
    recipe = recipe_of(8)
    log = looks(START, none, some, START, none, none, some)
    assert [(one.step, one.kind) for one in alarms(log, recipe)] == [
        (step, "gold missing") for step in (10, 20, 40, 50, 60)
    ]
    assert "no score for 6 of 8 held-out answers" in alarms(log, recipe)[1].message
    assert [gold_stop(log[:look], recipe) for look in range(1, 7)] == [None] * 6
    found: Alarm | None = gold_stop(log, recipe)
    assert found is not None
    assert "failed at 3 evaluations in a row (steps 40 to 60)" in found.message
    assert "the same command with --resume" in found.message


def test_a_look_that_does_not_count_hides_no_fall() -> None:
    log = looks(START, START, [None] * 8, lower(0.3), lower(0.3))
    assert fall(log, recipe_of(8)) is not None
