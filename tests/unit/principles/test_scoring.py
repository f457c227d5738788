import pytest
from hypothesis import given
from hypothesis import strategies as st

from principles.errors import ModelError
from principles.grader import grade
from principles.schema import Criterion, Label, Rubric, Verdict
from principles.scoring import failed, gain, newly_broken, score


def rubric(*points: float, critical: bool = False) -> Rubric:
    return Rubric(
        criteria=tuple(
            Criterion(id=f"c{i}", text="?", points=p, safety_critical=critical) for i, p in enumerate(points)
        )
    )


def verdicts(*labels: str, chances: tuple[float | None, ...] | None = None) -> list[Verdict]:
    given_chances = chances or (None,) * len(labels)
    return [
        Verdict(criterion_id=f"c{i}", label=Label(label), probability=chance)
        for i, (label, chance) in enumerate(zip(labels, given_chances, strict=True))
    ]


def test_score_is_points_met_over_positive_points() -> None:
    grade = score(rubric(5, 3, -4), verdicts("MET", "NOT_MET", "MET"))
    assert grade.score == pytest.approx((5 - 4) / 8)
    assert grade.coverage == 1


def test_a_score_can_be_negative_and_is_not_clipped() -> None:
    assert score(rubric(2, -10), verdicts("NOT_MET", "MET")).score == -5


def test_unknown_moves_no_score_and_lowers_coverage() -> None:
    graded = score(rubric(5, 5), verdicts("MET", "UNKNOWN"))
    assert graded.score == 1
    assert graded.coverage == 0.5


@pytest.mark.parametrize("points", [(), (-3.0, -1.0)])
def test_no_positive_points_means_no_score(points: tuple[float, ...]) -> None:
    graded = score(rubric(*points), verdicts(*["MET"] * len(points)))
    assert graded.score is None
    assert graded.expected is None


def test_all_unknown_has_no_score() -> None:
    graded = score(rubric(5, -2), verdicts("UNKNOWN", "UNKNOWN"))
    assert (graded.score, graded.coverage) == (None, 0)


def test_missing_and_foreign_verdicts() -> None:
    foreign = Verdict(criterion_id="other", label=Label.MET)
    graded = score(rubric(5), [foreign])
    assert [v.label for v in graded.verdicts] == [Label.UNKNOWN]


def test_expected_weighs_by_probability() -> None:
    graded = score(rubric(10, -5), verdicts("MET", "NOT_MET", chances=(0.8, 0.2)))
    assert graded.expected == pytest.approx((8 - 1) / 10)


@given(st.lists(st.tuples(st.integers(-10, 10).filter(bool), st.booleans()), max_size=12))
def test_score_equals_the_definition(rows: list[tuple[int, bool]]) -> None:
    graded = score(rubric(*(float(p) for p, _ in rows)), verdicts(*("MET" if met else "NOT_MET" for _, met in rows)))
    possible = sum(p for p, _ in rows if p > 0)
    if possible == 0:
        assert graded.score is None
    else:
        assert graded.score == pytest.approx(sum(p for p, met in rows if met) / possible)
        assert graded.expected == pytest.approx(graded.score)


def test_failed_depends_on_the_sign() -> None:
    wanted, fault = rubric(5, -5).criteria
    met, unmet = verdicts("MET", "NOT_MET")
    assert failed(wanted, unmet)
    assert not failed(wanted, met)
    assert failed(fault, met)
    assert not failed(fault, Verdict(criterion_id="c1", label=Label.UNKNOWN))


def test_gain_counts_only_what_both_have_judged() -> None:
    before = {v.criterion_id: v for v in verdicts("NOT_MET", "UNKNOWN", chances=(0.2, None))}
    after = {v.criterion_id: v for v in verdicts("MET", "MET", chances=(0.7, 0.9))}
    assert gain(rubric(10, 10), before, after) == pytest.approx(5)


def test_newly_broken_names_safety_critical_criteria_only() -> None:
    before = {v.criterion_id: v for v in verdicts("MET", "NOT_MET")}
    after = {v.criterion_id: v for v in verdicts("NOT_MET", "NOT_MET")}
    assert newly_broken(rubric(5, 5, critical=True), before, after) == ["c0"]
    assert newly_broken(rubric(5, 5), before, after) == []


def test_what_can_no_longer_be_judged_is_broken_where_safety_is_at_stake() -> None:
    before = {v.criterion_id: v for v in verdicts("MET", "NOT_MET")}
    after = {v.criterion_id: v for v in verdicts("UNKNOWN", "UNKNOWN")}
    assert newly_broken(rubric(5, 5, critical=True), before, after) == ["c0"]


def test_grade_asks_only_for_what_is_not_known() -> None:
    class Recorder:
        asked: list[str]

        def verdicts(self, turns: object, answer: str, criteria: object) -> list[Verdict]:
            self.asked = [c.id for c in criteria]  # type: ignore[attr-defined]
            return verdicts("NOT_MET", "MET")

    judge = Recorder()
    known = {"c0": verdicts("MET")[0]}
    graded = grade(rubric(5, 5), [], "answer", judge, known)
    assert judge.asked == ["c1"]
    assert graded.score == 1  # the judge's word on c0 was not asked for and does not count


def test_a_judge_that_fails_is_not_a_verdict() -> None:
    class Broken:
        def verdicts(self, turns: object, answer: str, criteria: object) -> list[Verdict]:
            raise ModelError("down")

    with pytest.raises(ModelError):
        grade(rubric(5), [], "answer", Broken())
