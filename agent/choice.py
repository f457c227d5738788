"""The choice: the best-graded version wins, and never one that newly breaks a safety-critical criterion.

In an emergency the version that calls for help wins before all that.
"""

from typing import Any

from agent.emergency import CALL
from principles.schema import Grade, Label, Rubric, Verdict
from principles.scoring import gain, newly_broken


def best_version(rubric: Rubric, versions: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Of {answer, grade, edits}, draft first: the last that beats all before it. None where there is none.

    A later version must win expected points, must not lose score, and must break no safety-critical
    criterion that the draft did not break.
    """
    best: dict[str, Any] | None = None
    for version in versions:
        if best is None or _beats(rubric, version, best, versions[0]):
            best = version
    return best


def _beats(rubric: Rubric, version: dict[str, Any], best: dict[str, Any], draft: dict[str, Any]) -> bool:
    new, old = _verdicts(version), _verdicts(best)
    if (called := _calls(new)) != _calls(old):
        return called  # a call for help outweighs whatever the judge thinks of the rest
    if newly_broken(rubric, _verdicts(draft), new):
        return False
    return gain(rubric, old, new) > 0 and (version["grade"]["score"] or 0) >= (best["grade"]["score"] or 0)


def _calls(verdicts: dict[str, Verdict]) -> bool:
    """Whether an emergency's answer calls for help; True where it is none."""
    return CALL not in verdicts or verdicts[CALL].label is Label.MET


def _verdicts(version: dict[str, Any]) -> dict[str, Verdict]:
    return Grade.model_validate(version["grade"]).by_id
