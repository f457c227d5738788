"""From the centres of groups to the groups: which criteria stand behind each principle, and which behind none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from principles.schema import Dimension
from retrieval.coverage import THRESHOLD, without_common
from retrieval.encoder import Vectors
from training.distil.criteria import Criteria, Wording, question_digest
from training.distil.groups import Asked, centres
from training.distil.scenarios import Values, dimension_of, pressing, shares
from training.distil.terms import telling_terms

# A criterion of so many points weighs as much as those on emergencies do.
STRONG = 8.0
TERMS = 6
BLOCK = 4_096


@dataclass(frozen=True)
class Group:
    """The criteria behind one principle, by their positions: the centre first, then the nearest to it."""

    members: tuple[int, ...]
    dimension: Dimension
    values: tuple[str, ...]
    points: int
    safety_critical: bool
    terms: tuple[str, ...] = ()

    @property
    def centre(self) -> int:
        """The criterion that the others are nearest to."""
        return self.members[0]


def grouped(criteria: Criteria, vectors: Vectors, scenarios: Mapping[str, Values], count: int | None) -> list[Group]:
    """The criteria, whose `vectors` (wordings, d) are in their order, around at most `count` centres; the weightiest
    first."""
    values = [scenarios[question_digest(item)] for item in criteria.items]
    asked = _asked(criteria, vectors, values)
    chosen = centres(asked, count)
    members = _members(asked, chosen)
    by_question = dict(zip(criteria.question.tolist(), values, strict=True))
    usual = shares(by_question.values())
    groups = [_group(criteria, asked, one, by_question, usual) for one in members]
    text = dict(zip(criteria.question.tolist(), (_last_question(item.turns) for item in criteria.items), strict=True))
    asking = [[text[question] for question in sorted(_questions(asked, one.members))] for one in groups]
    terms = telling_terms(asking, TERMS)
    return [replace(one, terms=tuple(telling)) for one, telling in zip(groups, terms, strict=True)]


def left_over(vectors: Vectors, groups: Sequence[Group]) -> Iterator[tuple[int, int, float]]:
    """Of each criterion that is in no group its position, that of the nearest group, and the cosine to its centre."""
    inside = {at for one in groups for at in one.members}
    rest = np.array([at for at in range(len(vectors)) if at not in inside], dtype=np.int64)
    apart = without_common(vectors)
    centre = apart(vectors[[one.centre for one in groups]])
    for start in range(0, len(rest), BLOCK):
        part = rest[start : start + BLOCK]
        near = apart(vectors[part]) @ centre.T
        yield from zip(part.tolist(), near.argmax(axis=1).tolist(), near.max(axis=1).tolist(), strict=True)


def _asked(criteria: Criteria, vectors: Vectors, values: Sequence[Values]) -> Asked:
    totals = np.zeros(len(criteria.items))
    for one in criteria.wordings:
        for place in one.places:
            totals[place.item] += abs(place.points)
    urgent = np.array([pressing(one) for one in values])

    def grave(one: Wording) -> bool:
        often = sum(urgent[place.item] for place in one.places)
        return one.weight >= STRONG * len(one.places) and 2 * often >= len(one.places)

    return Asked(
        vectors=vectors,
        apart=without_common(vectors)(vectors),
        weight=np.array([sum(abs(p.points) / totals[p.item] for p in one.places) for one in criteria.wordings]),
        wanted=np.array([one.wanted for one in criteria.wordings]),
        grave=np.array([grave(one) for one in criteria.wordings]),
        questions=[frozenset(int(criteria.question[p.item]) for p in one.places) for one in criteria.wordings],
    )


def _members(asked: Asked, chosen: Sequence[int]) -> list[tuple[int, ...]]:
    """Each criterion to the nearest centre of its sign, where that covers it."""
    near = np.empty(len(asked.wanted), dtype=np.int64)
    cosine = np.empty(len(asked.wanted), dtype=np.float32)
    centre, signs = asked.apart[list(chosen)], asked.wanted[list(chosen)]
    for start in range(0, len(near), BLOCK):
        part = slice(start, start + BLOCK)
        likeness = np.where(signs[None, :] == asked.wanted[part, None], asked.apart[part] @ centre.T, -1.0)
        near[part] = likeness.argmax(axis=1)
        cosine[part] = likeness.max(axis=1)
    near[list(chosen)] = np.arange(len(chosen))
    cosine[list(chosen)] = np.inf
    found = []
    for number in range(len(chosen)):
        own = np.flatnonzero((cosine >= THRESHOLD) & (near == number))
        found.append(tuple(own[np.argsort(-cosine[own], kind="stable")].tolist()))
    return found


def _group(
    criteria: Criteria,
    asked: Asked,
    members: tuple[int, ...],
    by_question: Mapping[int, Values],
    usual: Mapping[Dimension, Mapping[str, float]],
) -> Group:
    questions = [by_question[question] for question in sorted(_questions(asked, members))]
    dimension, values = dimension_of(questions, usual)
    points = [place.points for at in members for place in criteria.wordings[at].places]
    mean = float(np.mean(points))
    safety = abs(mean) >= STRONG and 2 * sum(map(pressing, questions)) >= len(questions)
    rounded = max(1, round(abs(mean)))
    return Group(members, dimension, values, rounded if mean > 0 else -rounded, safety)


def _questions(asked: Asked, members: Sequence[int]) -> set[int]:
    return {question for at in members for question in asked.questions[at]}


def _last_question(turns: Sequence[dict[str, str]]) -> str:
    return next(turn["content"] for turn in reversed(turns) if turn["role"] == "user")
