"""What the review changed in an answer, each change with the principles that asked for it."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.conversation import counted
from agent.critic.corrections import MARK
from agent.text import units
from ui.chat.trace import Facts, sources
from ui.chat.verdicts import Shown, verdicts_of
from ui.common.html import Markup, fill, joined, markdown

# Punctuation, so that Markdown on either side of a mark still opens and closes; not in any keyboard's reach.
_OPEN, _CLOSE = "⸢", "⸣"
_MARKED = re.compile(f"{_OPEN}([0-9]+)⸴(.*?){_CLOSE}", re.DOTALL)
# A code block or a table: its lines mean nothing one by one.
_WHOLE_BLOCK = re.compile(r"^(`{3,}|~{3,})(?s:.*?)^\1[ \t]*$|(?:^[ \t]*\|.*\n?){2,}", re.MULTILINE)
_BLOCK = re.compile(r"^(?:(?:[-*•+]|\d{1,2}[.)]|#{1,6}|>)\s+)+")


@dataclass(frozen=True)
class Reason:
    """A check that a change was made for, with its verdict before and after."""

    criterion: str
    principle: str
    statement: str
    sources: str
    before: Shown
    after: Shown


@dataclass(frozen=True)
class Change:
    """`added` stands in the answer, or is empty; `removed` stood in the draft, or is empty."""

    number: int
    added: str
    removed: str
    reasons: tuple[Reason, ...]

    @property
    def what(self) -> str:
        """The change in a word: "Added", "Corrected", "Replaced" or "Removed"."""
        if self.added.startswith(MARK):
            return "Corrected"
        return "Added" if not self.removed else "Replaced" if self.added else "Removed"


def pieces(text: str) -> list[str]:
    """The sentences, list items, tables, code blocks and other lines of an answer, in order and complete."""
    found: list[str] = []
    done = 0
    for block in _WHOLE_BLOCK.finditer(text):
        found += [*_lines(text[done : block.start()]), block[0].strip("\n")]
        done = block.end()
    return [*found, *_lines(text[done:])]


def _lines(text: str) -> list[str]:
    found: list[str] = []
    for line in text.splitlines():
        found += [unit.text for unit in units(line.strip())] or ([line.strip()] if line.strip() else [])
    return found


def changes_of(state: Facts) -> list[Change]:
    """The edits of the answer; of a rewritten one the sentences that differ, for all that the rewrite mended."""
    if state["answer"] == state["draft"]:
        return []
    reasons = _reasons(state)
    if state["edits"]:
        return [
            Change(number, edit["added"], edit["removed"], (reasons[edit["criterion_id"]],))
            for number, edit in enumerate(state["edits"], 1)
            if edit["criterion_id"] in reasons
        ]
    mended = [one for one in reasons.values() if one.after.holds and not one.before.holds]
    return [
        Change(number, " ".join(new), " ".join(old), tuple(mended))
        for number, (old, new) in enumerate(_differences(state["draft"], state["answer"]), 1)
    ]


def _differences(draft: str, answer: str) -> list[tuple[list[str], list[str]]]:
    old, new = pieces(draft), pieces(answer)
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    return [(old[a:b], new[c:d]) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"]


def _reasons(state: Facts) -> dict[str, Reason]:
    """By criterion id."""
    rubric = state["rubric"]
    before, after = verdicts_of(state, rubric["draft"]), verdicts_of(state, rubric["final"])
    known = {principle["id"]: principle for principle in state["principles"]}
    found = {}
    for criterion in rubric["criteria"]:
        principle = known.get(criterion["principle_id"] or "")
        found[criterion["id"]] = Reason(
            criterion["text"],
            criterion["principle_id"] or criterion["id"],
            principle["statement"] if principle else criterion["text"],
            sources(principle) if principle else "",
            before[criterion["id"]],
            after[criterion["id"]],
        )
    return found


def marked(answer: str, changes: Sequence[Change], name: str) -> Markup:
    """The answer as HTML, what was added marked; `name` makes the ids of this answer's marks its own."""
    text = "".join(character for character in answer if character not in _OPEN + _CLOSE)
    for change in changes:
        whole = change.added in text and "\n" not in change.added
        for piece in [change.added] if whole else pieces(change.added):
            text = _with_mark(text, piece, change.number)
    by_number = {change.number: change for change in changes}
    seen: set[int] = set()

    def mark(match: re.Match[str]) -> str:
        number = int(match[1])
        if number not in by_number:
            return match[2]
        first = number not in seen
        seen.add(number)
        return str(_mark(by_number[number], Markup(match[2]), name, first))

    return Markup(_MARKED.sub(mark, markdown(text)))


def _with_mark(text: str, piece: str, number: int) -> str:
    """The first unmarked place of `piece` marked, without the list marker or heading sign that it starts with."""
    body = _BLOCK.sub("", piece)
    start = text.find(body) if body else -1
    if start < 0 or text.rfind(_OPEN, 0, start) > text.rfind(_CLOSE, 0, start):
        return text
    return f"{text[:start]}{_OPEN}{number}⸴{body}{_CLOSE}{text[start + len(body) :]}"


def _mark(change: Change, inside: Markup, name: str, first: bool) -> Markup:
    """A change that stands in several places is explained at the first; the others carry its number."""
    if not first:
        return fill("<mark>{}</mark>", inside)
    tip = joined((reason_html(reason) for reason in change.reasons), " ")
    return fill(
        '<mark class="change" tabindex="0" aria-describedby="{id}">{inside}<sup>{number}</sup>'
        '<span class="tip" role="tooltip" id="{id}">{tip}</span></mark>',
        id=f"{name}-why-{change.number}",
        inside=inside,
        number=change.number,
        tip=tip or "rewritten in the review",
    )


def reason_html(reason: Reason) -> Markup:
    """A principle: what it says, the verdicts before and after, its source. Inline elements only."""
    return fill(
        '<span class="reason"><b>{}</b> <i>{}</i><br>{} <span class="verdicts">draft {} → answer {}</span><br>'
        "<small>{}</small></span>",
        reason.statement,
        reason.principle,
        reason.criterion,
        reason.before.html(),
        reason.after.html(),
        reason.sources,
    )


def changes_list(changes: Sequence[Change], name: str) -> Markup:
    """All changes below the answer, also those that took something away and so leave no mark."""
    if not changes:
        return Markup("")
    items = []
    for change in changes:
        out = fill(" <del>{}</del>", change.removed) if change.removed else ""
        into = fill(" <ins>{}</ins>", change.added) if change.added else ""
        why = joined(reason_html(reason) for reason in change.reasons)
        items.append(fill('<li value="{}"><b>{}:</b>{}{}{}</li>', change.number, change.what, out, into, why))
    title = counted(len(changes), "change")
    return fill(
        '<details class="changes" data-key="{}-changes"><summary>{} by the review, and why</summary>'
        "<ol>{}</ol></details>",
        name,
        title,
        joined(items),
    )
