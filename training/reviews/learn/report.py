"""What the reviews say, as Markdown that reads well in a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.reviews.changes import OF_RUBRIC
from training.reviews.compared import Pair, agreement_words
from training.reviews.learn.corrections import Corrected, kinds
from training.reviews.learn.rewriting import correction_words
from training.reviews.learn.signed import SignedReview
from training.reviews.learn.wording import Wording
from training.reviews.record import counted

NAMES = dict(zip(OF_RUBRIC, ("added", "removed", "reworded", "re-weighted", "moved"), strict=True))


@dataclass(frozen=True)
class Proposal:
    """What is proposed for one principle: `wording` and its `diff`, or the `reason` why nothing is; `note` is what to
    know of the wording. `present` is the criterion as it is, None where the library has no such principle."""

    corrected: Corrected
    present: str | None
    wording: Wording | None = None
    diff: str = ""
    reason: str = ""
    note: str = ""


def report(
    reviews: Sequence[SignedReview], pairs: Sequence[Pair], corrected: Sequence[Corrected], found: Sequence[Proposal]
) -> str:
    """The whole page."""
    parts = [_changes(reviews), _agreement(pairs), _principles(corrected, len(found)), _proposals(found)]
    return "\n\n".join("\n".join(_printable(line) for line in part) for part in parts) + "\n"


def _changes(reviews: Sequence[SignedReview]) -> Iterator[str]:
    reviewers = sorted({one.revision.owner for one in reviews})
    questions = len({one.revision.question_id for one in reviews})
    yield "# What clinicians changed"
    yield ""
    yield (
        f"{counted(len(reviews), 'signed review')} of {counted(questions, 'question')} by "
        f"{counted(len(reviewers), 'reviewer')}; {sum(len(one.drafted) for one in reviews)} drafted criteria."
    )
    yield ""
    yield f"| reviewer | reviews | drafted | {' | '.join(NAMES.values())} |"
    yield f"|{'---|' * (3 + len(NAMES))}"
    for who in reviewers:
        yield _row(who, [one for one in reviews if one.revision.owner == who])
    if len(reviewers) > 1:
        yield _row("all", reviews)


def _row(who: str, reviews: Sequence[SignedReview]) -> str:
    found = kinds(reviews)
    figures = [len(reviews), sum(len(one.drafted) for one in reviews), *(found[kind] for kind in NAMES)]
    return f"| {who} | {' | '.join(map(str, figures))} |"


def _agreement(pairs: Sequence[Pair]) -> Iterator[str]:
    yield "## Agreement"
    yield ""
    yield from (f"- {one} and {other}: {agreement_words(found)}" for one, other, found in pairs)
    if not pairs:
        yield "No question has been signed by two reviewers."


def _principles(corrected: Sequence[Corrected], proposed: int) -> Iterator[str]:
    yield "## Principles by corrections"
    yield ""
    if not corrected:
        yield "No criterion that comes from a principle was removed, reworded or re-weighted."
        return
    yield "| principle | drafted | corrected | removed | reworded | re-weighted |"
    yield "|---|---|---|---|---|---|"
    for one in corrected:
        share = f"{one.touched} ({one.touched / one.drafted:.0%})"
        figures = [one.drafted, share, *(one.count(kind) for kind in ("removed", "reworded", "reweighted"))]
        yield f"| {one.principle_id} | {' | '.join(map(str, figures))} |"
    if len(corrected) > proposed:
        yield f"\nFor the first {proposed} of these new wording is looked for; --most N asks for more."


def _proposals(found: Sequence[Proposal]) -> Iterator[str]:
    yield "## Proposed wording"
    for one in found:
        yield f"\n### {one.corrected.principle_id}\n"
        if one.present is not None:
            yield f"Present criterion: {one.present}\n"
        if one.wording:
            yield f"Proposed criterion ({one.wording.origin}): {one.wording.text}\n"
        yield from (f"{said}\n" for said in (one.note, one.reason) if said)
        yield "The corrections behind it:\n"
        yield from (f"- {correction_words(correction)}" for correction in one.corrected.corrections)
        if one.diff:
            yield f"\n```diff\n{one.diff}```\n"
            yield "- [ ] signed off, by ________ on ________; or should be: ________"


def _printable(line: str) -> str:
    """Without what could move the cursor of a terminal: reviewers' words are shown, never obeyed."""
    marks = (mark if mark.isprintable() or mark == "\n" else " " if mark.isspace() else "" for mark in line)
    return "".join(marks)
