"""From groups and their words to principles in the library's schema, each with what stands behind it."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np

from principles.schema import Principle, Source
from retrieval.encoder import Vectors
from training.distil.criteria import Criteria
from training.distil.members import Group
from training.distil.writer import Words

# As `python -m retrieval near` has it: statements above this cosine say the same.
SAME = 0.85
SLUG_WORDS, SLUG_CHARACTERS = 5, 40
_ASKS = re.compile(r"(?:asks?|seeks?|inquires?|enquires?|requests?)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Support:
    """How much stands behind a principle. `reviewers` is 0 where the rubrics name none."""

    criteria: int
    questions: int
    reviewers: int


@dataclass(frozen=True)
class Made:
    """A principle and where it comes from: `wordings` are the digests of its criteria's words, `rows` the
    (item's key, criterion's id) of every place where they stand."""

    principle: Principle
    support: Support
    wordings: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    by: str


def merged(groups: Sequence[Group], statements: Vectors) -> list[tuple[int, Group]]:
    """The groups whose statements (n, d) differ, with their positions; one that repeats an earlier one joins it."""
    kept: list[int] = []
    joined: dict[int, list[int]] = {}
    for at, vector in enumerate(statements):
        near = statements[kept] @ vector if kept else np.zeros(0)
        if len(near) and near.max() > SAME:
            into = kept[int(near.argmax())]
            if groups[into].points * groups[at].points > 0:
                joined[into] += groups[at].members
            continue
        kept.append(at)
        joined[at] = list(groups[at].members)
    return [(at, _with_members(groups[at], joined[at])) for at in kept]


def make(criteria: Criteria, group: Group, words: Words, source: Source) -> Made:
    """The principle of a group; its id is still to be given."""
    wordings = [criteria.wordings[at] for at in group.members]
    places = [place for one in wordings for place in one.places]
    items = {place.item for place in places}
    support = Support(
        criteria=len(places),
        questions=len({int(criteria.question[item]) for item in items}),
        reviewers=len({criteria.reviewers[item] for item in items} - {""}),
    )
    principle = Principle(
        id=f"{group.dimension}.new",
        dimension=group.dimension,
        values=group.values,
        statement=words.statement,
        rationale=_rationale(support, group.points),
        applies_when=words.applies_when,
        criterion=words.criterion,
        advice=words.advice,
        placement=_placement(group, criteria.wordings[group.centre].text),
        points=group.points,
        safety_critical=group.safety_critical,
        facets=words.facets,
        sources=(source,),
    )
    rows = tuple((criteria.items[place.item].key, place.criterion) for place in places)
    return Made(principle, support, tuple(one.digest for one in wordings), rows, words.by)


def named(principle: Principle, taken: Iterable[str]) -> str:
    """An id for a principle: its dimension and the first telling words of its statement, unlike those `taken`."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = re.findall(r"[a-z0-9]+", principle.statement.lower().removeprefix("the answer "))
    telling = [word for word in words if word not in ENGLISH_STOP_WORDS and len(word) > 1][:SLUG_WORDS]
    slug = "-".join(telling)[:SLUG_CHARACTERS].strip("-") or digest_of(principle)[:8]
    found, number, others = f"{principle.dimension}.{slug}", 2, set(taken)
    while found in others:
        found, number = f"{principle.dimension}.{slug}-{number}", number + 1
    return found


def digest_of(principle: Principle) -> str:
    """What changes with any field of a principle, its id too."""
    canonical = json.dumps(principle.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()[:32]


def source_line(made: Made) -> str:
    """A line of the file that leads from a principle to its criteria."""
    record = {
        "id": made.principle.id,
        "principle": digest_of(made.principle),
        "written_by": made.by,
        "support": asdict(made.support),
        "wordings": made.wordings,
        "criteria": made.rows,
    }
    return json.dumps(record, ensure_ascii=False)


def _with_members(group: Group, members: Sequence[int]) -> Group:
    return replace(group, members=tuple(members))


def _rationale(support: Support, points: int) -> str:
    counts = [_many(support.criteria, "criterion", "criteria"), _many(support.questions, "question", "questions")]
    if support.reviewers:
        counts.append(_many(support.reviewers, "reviewer", "reviewers"))
    return f"Behind it: {', '.join(counts)}; {points:+d} points on average."


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _placement(group: Group, text: str) -> Literal["opening", "body", "closing"]:
    if group.safety_critical:
        return "opening"
    return "closing" if _ASKS.match(text) else "body"
