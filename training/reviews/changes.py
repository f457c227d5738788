"""What differs between two states of a review: for the history, for a colleague's change, and for the export."""

from difflib import SequenceMatcher
from typing import Literal

from principles.schema import Record
from training.reviews.record import SIDES, Review, ReviewCriterion

Kind = Literal[
    "added", "removed", "reworded", "reweighted", "moved", "verdict", "answer", "preference", "reason", "signed"
]
OF_RUBRIC: tuple[Kind, ...] = ("added", "removed", "reworded", "reweighted", "moved")


class Change(Record):
    """One difference. `criterion_id` where it is about a criterion; `side` where it is about one of the answers."""

    kind: Kind
    criterion_id: str | None = None
    side: str | None = None
    before: str | float | None = None
    after: str | float | None = None


def changes(before: Review, after: Review) -> list[Change]:
    """All differences, those of the rubric first."""
    return [*rubric_changes(before, after), *_verdicts(before, after), *_choices(before, after)]


def rubric_changes(before: Review, after: Review) -> list[Change]:
    """Criteria added, removed, reworded, re-weighted and moved."""
    old, new = ({one.id: one for one in review.criteria} for review in (before, after))
    found = [Change(kind="removed", criterion_id=key, before=old[key].text) for key in old if key not in new]
    for key, one in new.items():
        found += _edits(old[key], one) if key in old else [Change(kind="added", criterion_id=key, after=one.text)]
    stayed = [key for key in old if key in new], [key for key in new if key in old]
    return found + [Change(kind="moved", criterion_id=key) for key in _moved(*stayed)]


def _edits(old: ReviewCriterion, new: ReviewCriterion) -> list[Change]:
    found = []
    if old.text != new.text:
        found.append(Change(kind="reworded", criterion_id=new.id, before=old.text, after=new.text))
    if old.points != new.points:
        found.append(Change(kind="reweighted", criterion_id=new.id, before=old.points, after=new.points))
    return found


def _moved(old: list[str], new: list[str]) -> list[str]:
    """The fewest that explain the new order, or nearly so."""
    kept = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    in_place = {key for block in kept for key in old[block.a : block.a + block.size]}
    return [key for key in new if key not in in_place]


def _verdicts(before: Review, after: Review) -> list[Change]:
    old = {one.id: one for one in before.criteria}
    found = []
    for one in after.criteria:
        for side in SIDES:
            was, now = getattr(old.get(one.id), side, None), getattr(one, side)
            if was != now:
                found.append(Change(kind="verdict", criterion_id=one.id, side=side, before=was, after=now))
    return found


def _choices(before: Review, after: Review) -> list[Change]:
    found = [
        Change(kind="answer", side=side)
        for side, old, new in zip(SIDES, before.answers, after.answers, strict=True)
        if old != new
    ]
    if before.preference != after.preference:
        found.append(Change(kind="preference", before=before.preference, after=after.preference))
    if before.reason != after.reason:
        found.append(Change(kind="reason", before=before.reason, after=after.reason))
    if after.signed and not before.signed:
        found.append(Change(kind="signed"))
    return found
