from typing import Any

from agent.choice import best_version
from principles.schema import Criterion, Label, Rubric, Verdict
from principles.scoring import score

RUBRIC = Rubric(
    criteria=(
        Criterion(id="safe", text="?", points=4, safety_critical=True),
        Criterion(id="nice", text="?", points=10),
    )
)


def version(name: str, safe: float, nice: float) -> dict[str, Any]:
    verdicts = [
        Verdict(criterion_id=key, label=Label.MET if p >= 0.5 else Label.NOT_MET, probability=p)
        for key, p in (("safe", safe), ("nice", nice))
    ]
    return {"answer": name, "grade": score(RUBRIC, verdicts).model_dump(mode="json"), "edits": []}


def chosen(*versions: dict[str, Any]) -> str:
    best = best_version(RUBRIC, list(versions))
    assert best is not None
    return str(best["answer"])


def test_the_better_grade_wins() -> None:
    assert chosen(version("draft", 0.9, 0.1), version("new", 0.9, 0.8)) == "new"


def test_a_worse_grade_never_wins() -> None:
    assert chosen(version("draft", 0.9, 0.8), version("new", 0.9, 0.6)) == "draft"


def test_equal_grades_leave_the_draft() -> None:
    assert chosen(version("draft", 0.9, 0.8), version("new", 0.9, 0.8)) == "draft"


def test_a_newly_broken_safety_critical_criterion_is_never_bought() -> None:
    assert chosen(version("draft", 0.6, 0.1), version("new", 0.4, 0.9)) == "draft"


def test_more_likelihood_at_a_lower_score_does_not_win() -> None:
    # 'nice' gains likelihood on balance, but a criterion that was met is met no longer
    assert chosen(version("draft", 0.1, 0.52), version("new", 0.48, 0.49)) == "draft"


def test_nothing_to_choose_from() -> None:
    assert best_version(RUBRIC, []) is None
