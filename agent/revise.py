"""Revision: edits for what failed, re-graded, and kept only if they help.

One edit a failed criterion is made, and the whole answer is graded. Kept are edits that mend their own
criterion, where the whole grade rises, no safety-critical criterion newly breaks and no other one gets clearly
worse. What did not help is replaced by its next proposal or left out, what harms is found by putting the edits in
one after the other, and the rest is graded anew, a few times at most.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import HumanMessage, SystemMessage

from agent import keep
from agent.critic.quoting import quoted, quoted_turns
from agent.edits import Editor, Proposal
from agent.emergency import CALL, is_called
from agent.guard import new_facts
from agent.language import language_of
from agent.llm.client import Model
from agent.placing import made
from agent.prompts import prompt
from principles.grader import Turns, grade
from principles.schema import Criterion, Principle, Rubric, Verdict
from principles.scoring import by_weight, failed, gain, newly_broken

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
    return sorted(fallen, key=by_weight)


def revise_by_edits(
    version: Version, rubric: Rubric, principles: dict[str, Principle], editor: Editor, notice: Notice
) -> Version:
    """Mend what failed. Returns the same version where nothing helps.

    The call for help that an emergency's answer lacks is put in first, whatever the judge says of the rest.
    """

    def graded(answer: str) -> dict[str, Verdict]:
        return grade(rubric, editor.turns, answer, editor.judge, editor.known(answer, principles.values())).by_id

    fallen = [c for c in to_mend(rubric, version.verdicts) if c.principle_id in principles][:MOST_MENDED]
    proposals = {
        c.id: editor.proposals(version.answer, c, principles[c.principle_id or ""], version.verdicts.get(c.id))
        for c in fallen
    }
    calls = [one for c in fallen if c.principle_id == CALL and (one := next(proposals[c.id], None))]
    calling, done = made(version.answer, calls, editor.encode)
    if done and is_called(calling) and not is_called(version.answer):
        after = graded(calling)
        notice(CALL, "kept")
        edits = [_edit(one, _own_gain(one.criterion, version.verdicts, after)) for one in done]
        version = Version(calling, version.verdicts | after, [*version.edits, *edits])
        fallen = [c for c in fallen if c.principle_id != CALL]
    chosen = [one for c in fallen if (one := next(proposals[c.id], None))]
    for grading in range(1, MOST_GRADINGS + 1):
        answer, done = made(version.answer, chosen, editor.encode)
        if not done:
            break
        after = graded(answer)
        won = {one.criterion.id: _own_gain(one.criterion, version.verdicts, after) for one in done}
        weak = {key for key, gained in won.items() if gained < LEAST_GAIN}
        harmed = _harmed(rubric, won, version.verdicts, after)
        if not weak and not harmed and gain(rubric, version.verdicts, after) > 0:
            for criterion in fallen:
                notice(criterion.id, "kept" if criterion.id in won else "nothing that helps was found")
            edits = [_edit(one, won[one.criterion.id]) for one in done]
            return Version(answer, version.verdicts | after, [*version.edits, *edits])
        last = grading >= MOST_GRADINGS - 1
        chosen = _other(done, weak, proposals if not last else {})
        if harmed or not weak:
            chosen = _harmless(chosen, harmed, version, editor)
    for criterion in fallen:
        notice(criterion.id, "nothing that helps was found")
    return version


def _other(done: Sequence[Proposal], weak: set[str], proposals: dict[str, Iterator[Proposal]]) -> list[Proposal]:
    """What to try next: another proposal for what did not help, if there is one."""
    kept: list[Proposal | None] = [
        next(proposals.get(one.criterion.id, iter(())), None) if one.criterion.id in weak else one for one in done
    ]
    return [one for one in kept if one is not None]


def _harmless(
    chosen: Sequence[Proposal], harmed: Sequence[Criterion], version: Version, editor: Editor
) -> list[Proposal]:
    """The edits that, put in one after the other, do not bring the harm that they bring together.

    Only the criteria that came to harm are asked about, so that one bad edit costs itself and not the others.
    """
    kept: list[Proposal] = []
    if not harmed:  # each helps, and yet the whole has lost: the weightiest alone
        return list(chosen[:1]) if len(chosen) > 1 else []
    for one in chosen:
        tried = [*kept, one]
        answer, done = made(version.answer, tried, editor.encode)
        found = editor.judge.verdicts(editor.turns, answer, harmed)
        after = version.verdicts | {verdict.criterion_id: verdict for verdict in found}
        if one in done and not _harmed(Rubric(criteria=tuple(harmed)), {}, version.verdicts, after):
            kept = tried
    return kept


def _harmed(
    rubric: Rubric, won: dict[str, float], before: dict[str, Verdict], after: dict[str, Verdict]
) -> list[Criterion]:
    """The criteria that the edits break or, where they were not meant to be mended, make clearly worse."""
    broken = newly_broken(rubric, before, after)
    return [
        c
        for c in rubric.criteria
        if c.id in broken or (c.id not in won and _own_gain(c, before, after) < -HARM * abs(c.points))
    ]


def _own_gain(criterion: Criterion, before: dict[str, Verdict], after: dict[str, Verdict]) -> float:
    return gain(Rubric(criteria=(criterion,)), before, after)


def _edit(one: Proposal, won: float) -> Edit:
    return Edit(one.criterion.id, one.kind, one.removed, one.added, one.source, round(won, 2))


def rewrite(version: Version, rubric: Rubric, principles: dict[str, Principle], turns: Turns, model: Model) -> str:
    """The whole answer in the model's new words; the same answer where it brings in facts that nobody gave, or
    loses the urgent instructions."""
    fallen = [principles[c.principle_id] for c in to_mend(rubric, version.verdicts) if c.principle_id in principles]
    filled = prompt(
        "rewrite",
        conversation=quoted_turns(turns),
        answer=quoted(version.answer),
        shortcomings="\n".join(_shortcoming(p) for p in fallen),
    )
    written = model.text([SystemMessage(prompt("rewrite_system")), HumanMessage(filled)], REWRITE_TOKENS)
    allowed = [text for p in fallen for text in (p.advice, p.statement)]
    said = [turn["content"] for turn in turns if turn["role"] == "user"]
    if new_facts(written, version.answer, *said, *allowed, language=language_of(version.answer)):
        return version.answer
    # What tells to get help must not get lost on the way.
    return version.answer if len(keep.urgent_units(written)) < len(keep.urgent_units(version.answer)) else written


def _shortcoming(principle: Principle) -> str:
    guidance = f" Guidance: {principle.advice}" if principle.advice else ""
    return f"- It should be true that: {principle.statement}{guidance}"
