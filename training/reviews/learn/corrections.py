"""What clinicians changed, counted by kind and by principle."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from principles.grader import Turns
from training.reviews.changes import OF_RUBRIC, Change, Kind
from training.reviews.learn.signed import SignedReview

# What says that a criterion was not right as it was. One that is moved was right, and stood in the wrong place.
CORRECTING = ("removed", "reworded", "reweighted")


@dataclass(frozen=True)
class Correction:
    """One edit of a drafted criterion: who made it, and the conversation that the criterion was about.

    `turned`: the reviewer turned the sign of its points too, so that yes means the opposite of what it meant.
    """

    edit: Change
    reviewer: str
    turns: Turns
    drafted: str
    turned: bool = False

    @property
    def reworded(self) -> str | None:
        """The corrected words, where words were corrected."""
        return self.edit.after.strip() if self.edit.kind == "reworded" and isinstance(self.edit.after, str) else None


@dataclass
class Corrected:
    """What became of the criteria of one principle: `drafted` of them, `touched` of which were corrected."""

    principle_id: str
    drafted: int = 0
    touched: int = 0
    corrections: list[Correction] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """How many corrections are of this kind."""
        return sum(one.edit.kind == kind for one in self.corrections)


def kinds(reviews: Iterable[SignedReview]) -> Counter[Kind]:
    """How many edits there are of each kind."""
    found = Counter(edit.kind for one in reviews for edit in one.edits)
    return Counter({kind: found[kind] for kind in OF_RUBRIC})


def by_principle(reviews: Sequence[SignedReview]) -> list[Corrected]:
    """The principles that were corrected, those with the most criteria corrected first."""
    found: dict[str, Corrected] = {}
    for one in reviews:
        edits = defaultdict(list)
        for edit in one.edits:
            if edit.kind in CORRECTING and edit.criterion_id:
                edits[edit.criterion_id].append(edit)
        for name, principle in one.principles.items():
            at = found.setdefault(principle, Corrected(principle))
            at.drafted += 1
            at.touched += bool(edits[name])
            made = (one.revision.owner, one.turns, one.drafted[name], _turned(edits[name]))
            at.corrections += [Correction(edit, *made) for edit in edits[name]]
    corrected = [one for one in found.values() if one.touched]
    return sorted(corrected, key=lambda one: (-one.touched, -one.touched / one.drafted, one.principle_id))


def _turned(edits: Sequence[Change]) -> bool:
    points = [(one.before, one.after) for one in edits if one.kind == "reweighted"]
    return any(isinstance(old, int | float) and isinstance(new, int | float) and old * new < 0 for old, new in points)
