"""Revision: edits for what failed, re-graded, and kept only if they help.

One edit a failed criterion is made, and the whole answer is graded. Kept are edits that mend their own
criterion, where the whole grade rises, no safety-critical criterion newly breaks and no other one gets clearly
worse. What did not help is replaced by its next proposal or left out, and the rest is graded anew, a few times
at most: a grading of the whole costs less than one of each edit by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import HumanMessage, SystemMessage

from agent.critic.quoting import quoted, quoted_turns
from agent.edits import Editor, Proposal
from agent.guard import new_facts
from agent.llm.client import Model
from agent.prompts import prompt
from principles.grader import Turns, grade
from principles.schema import Criterion, Principle, Rubric, Verdict
from principles.scoring import failed, gain, newly_broken

# Expected points that an edit must win: less is within the judge's noise.
LEAST_GAIN = 0.5
# A probability that moves this far the wrong way on another criterion is harm.
HARM = 0.15
# Criteria mended in one round, the weightiest first: an answer must not grow into a leaflet.
MOST_MENDED = 4
MOST_GRADINGS = 3
REWRITE_TOKENS = 1_000


@dataclass(frozen=True)
class Edit:
    """A change that was kept: what it mends, what it took and gave, and the expected points its criterion won."""

    criterion_id: str
    kind: str
    removed: str
    added: str
    source: str
    gain: float


@dataclass
class Version:
    """An answer, its verdicts by criterion id, and the edits that led to it."""

    answer: str
    verdicts: dict[str, Verdict]
    edits: list[Edit] = field(default_factory=list)


Notice = Callable[[str, str], None]
"""Called with a criterion id and what became of it: "kept", "did not help", ..."""


def to_mend(rubric: Rubric, verdicts: dict[str, Verdict]) -> list[Criterion]:
    """Failed criteria, safety-critical and weighty ones first."""
    fallen = [c for c in rubric.criteria if c.id in verdicts and failed(c, verdicts[c.id])]
    return sorted(fallen, key=lambda c: (not c.safety_critical, -abs(c.points)))


def revise_by_edits(
    version: Version, rubric: Rubric, principles: dict[str, Principle], editor: Editor, notice: Notice
) -> Version:
    """Mend what failed. Returns the same version where nothing helps."""
    fallen = [c for c in to_mend(rubric, version.verdicts) if c.principle_id in principles][:MOST_MENDED]
    # Faults first: what is taken out must not take an addition along.
    fallen.sort(key=lambda c: c.points > 0)
    proposals = {c.id: editor.proposals(version.answer, c, principles[c.principle_id or ""]) for c in fallen}
    chosen = [one for c in fallen if (one := next(proposals[c.id], None))]
    for grading in range(1, MOST_GRADINGS + 1):
        answer, done = editor.made(version.answer, chosen)
        if not done:
            break
        after = grade(rubric, editor.turns, answer, editor.judge).by_id
        won = {one.criterion.id: _own_gain(one.criterion, version.verdicts, after) for one in done}
        if _all_well(rubric, won, version.verdicts, after):
            for criterion in fallen:
                notice(criterion.id, "kept" if criterion.id in won else "nothing that helps was found")
            edits = [_edit(one, won[one.criterion.id]) for one in done]
            return Version(answer, version.verdicts | after, [*version.edits, *edits])
        last = grading == MOST_GRADINGS - 1
        chosen = _better(done, won, proposals if not last else {})
    for criterion in fallen:
        notice(criterion.id, "nothing that helps was found")
    return version


def _better(
    done: Sequence[Proposal], won: dict[str, float], proposals: dict[str, Iterator[Proposal]]
) -> list[Proposal]:
    """What to try next: another proposal for what did not help; where all helped but one harms, one less."""
    weak = {one.criterion.id for one in done if won[one.criterion.id] < LEAST_GAIN}
    if not weak:
        least = min(done, key=lambda one: won[one.criterion.id])
        return [one for one in done if one is not least]
    kept: list[Proposal | None] = [
        next(proposals.get(one.criterion.id, iter(())), None) if one.criterion.id in weak else one for one in done
    ]
    return [one for one in kept if one is not None]


def _all_well(rubric: Rubric, won: dict[str, float], before: dict[str, Verdict], after: dict[str, Verdict]) -> bool:
    """Each edit helped, the whole grade rose, nothing safety-critical broke, and nothing else got clearly worse."""
    if min(won.values()) < LEAST_GAIN or gain(rubric, before, after) <= 0 or newly_broken(rubric, before, after):
        return False
    others = [c for c in rubric.criteria if c.id not in won]
    return all(_own_gain(other, before, after) >= -HARM * abs(other.points) for other in others)


def _own_gain(criterion: Criterion, before: dict[str, Verdict], after: dict[str, Verdict]) -> float:
    return gain(Rubric(criteria=(criterion,)), before, after)


def _edit(one: Proposal, won: float) -> Edit:
    return Edit(one.criterion.id, one.kind, one.removed, one.added, one.source, round(won, 2))


def rewrite(version: Version, rubric: Rubric, principles: dict[str, Principle], turns: Turns, model: Model) -> str:
    """The whole answer in the model's new words; the same answer where it brings in facts that nobody gave."""
    fallen = [principles[c.principle_id] for c in to_mend(rubric, version.verdicts) if c.principle_id in principles]
    filled = prompt(
        "rewrite",
        conversation=quoted_turns(turns),
        answer=quoted(version.answer),
        shortcomings="\n".join(f"- It should be true that: {p.statement} Guidance: {p.advice}" for p in fallen),
    )
    written = model.text([SystemMessage(prompt("rewrite_system")), HumanMessage(filled)], REWRITE_TOKENS)
    allowed = [text for p in fallen for text in (p.advice, p.statement)]
    said = [turn["content"] for turn in turns if turn["role"] == "user"]
    return version.answer if new_facts(written, version.answer, *said, *allowed) else written
