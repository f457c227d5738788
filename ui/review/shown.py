"""What the review tab shows beside its fields, as HTML. Whatever people or models wrote is escaped by `fill`."""

from datetime import datetime

from training.reviews.changes import Change, changes
from training.reviews.compared import Pair, agreement_figures
from training.reviews.record import SIDES, Review, Revision, counted
from ui.common.html import Markup, fill, joined, markdown, percent
from ui.review.desk import Desk

SHORT = 60
# The bar stays in sight while one scrolls, and must leave room for the rest.
MOST_IN_BAR = 4
STYLE = """
.review-turn { border-left: 3px solid var(--border-color-primary); padding: 0 var(--spacing-xl);
  overflow-wrap: anywhere; margin-bottom: var(--spacing-md); }
.review-table { border-collapse: collapse; width: 100%; }
.review-table th, .review-table td { text-align: left; padding: .3rem .6rem; vertical-align: top;
  border-bottom: 1px solid var(--border-color-primary); overflow-wrap: anywhere; }
.review-alert { border: 2px solid #b91c1c; border-radius: var(--radius-md); padding: var(--spacing-lg); }
.review-quiet { opacity: .8; }
.review-list, .review-list ul, .review-alert ul { margin: 0; padding-left: 1.3em; list-style: disc; }
#review-bar { position: sticky; bottom: 0; z-index: 5; gap: 0; padding: var(--spacing-md) var(--spacing-lg);
  background: var(--background-fill-primary); border-top: 1px solid var(--border-color-primary); }
"""


def question_shown(desk: Desk) -> str:
    """The conversation, and what kind of question it was taken for."""
    speakers = {"user": "Question", "assistant": "Earlier answer"}
    turns = [
        fill('<div class="review-turn"><b>{}</b>{}</div>', speakers[turn["role"]], markdown(turn["content"]))
        for turn in desk.question.turns
    ]
    scenario = desk.saved.scenario
    kind = Markup("")
    if scenario:
        names = ("urgency", "uncertainty", "expertise", "task")
        words = ", ".join(f"{name} {getattr(scenario, name)}".replace("_", " ") for name in names)
        kind = fill('<p class="review-quiet">Taken for: {} (by the classifier)</p>', words)
    return joined([*turns, kind])


def score_shown(review: Review) -> str:
    """Points and score of both answers by the verdicts given so far."""
    rubric = review.rubric()
    if not any(answer.strip() for answer in review.answers):
        return Markup('<p class="review-quiet">The scores appear here when there are answers and verdicts.</p>')
    points = {one.id: one.points for one in rubric.criteria}
    rows = []
    for side in SIDES:
        grade = review.grade(side)
        met = sum(points[one.criterion_id] for one in grade.verdicts if one.label == "MET")
        judged = [one.criterion_id for one in grade.verdicts if one.label != "UNKNOWN"]
        best = sum(points[key] for key in judged if points[key] > 0)
        row = "<tr><th scope=row>Answer {}</th><td>{:g} of {:g} points</td><td>{}</td><td>{} of {}</td></tr>"
        score = percent(grade.score)
        rows.append(fill(row, side.upper(), met, best, score, len(judged), len(review.criteria)))
    head = "<tr><th></th><th scope=col>points</th><th scope=col>score</th><th scope=col>verdicts given</th></tr>"
    return fill('<table class="review-table">{}{}</table>', Markup(head), joined(rows))


def status_shown(desk: Desk, said: str = "") -> str:
    """One line that screen readers read out: saved, signed, or what went wrong."""
    if said or desk.note:
        return fill('<p role="alert">⚠ {}</p>', said or desk.note)
    if desk.theirs:
        return Markup('<p role="status">⚠ Not saved: decide first.</p>')
    if desk.version == 0:
        words = "A fresh draft. It is saved with your first change."
    elif desk.saved.signed:
        words = "✓ Signed and saved. A change opens it again."
    else:
        words = f"✓ Saved (version {desk.version}). Not signed yet."
    whose = f" This is {desk.owner}’s review; your changes are kept under your initials." * (desk.owner != desk.editor)
    return fill('<p role="status">{}{}</p>', words, whose)


def conflict_shown(desk: Desk) -> str:
    """Who was first, when, and what they changed."""
    theirs = desk.theirs
    if theirs is None:
        return ""
    who = f"{theirs.editor} changed" if theirs.editor != desk.editor else "You changed (in another window)"
    return fill(
        '<div class="review-alert" role="alert"><b>{} this at {}.</b> What you see is not saved. Their changes '
        "since your last save:<ul>{}</ul></div>",
        who,
        clock(theirs.at),
        described(changes(desk.saved, theirs.review), desk.saved, theirs.review, MOST_IN_BAR),
    )


def history_shown(revisions: list[Revision]) -> str:
    """Who changed what and when, the last first."""
    if not revisions:
        return Markup("<p>Nothing has been saved yet.</p>")
    items = []
    before = Review()
    for revision in revisions:
        what = described(changes(before, revision.review), before, revision.review)
        if revision.version == 1:
            what = Markup("<li>the rubric was drafted</li>")
        head = f"{revision.at.astimezone():%Y-%m-%d %H:%M}, version {revision.version}"
        items.append(fill("<li><b>{}</b>, {}<ul>{}</ul></li>", revision.editor, head, what))
        before = revision.review
    return fill('<ul class="review-list">{}</ul>', joined(reversed(items)))


def described(found: list[Change], before: Review, after: Review, most: int = 100) -> Markup:
    """Changes as list items, the first `most` of them, criteria by the number that they have, or had."""
    places = {one.id: f"criterion {number}" for number, one in enumerate(before.criteria, 1)}
    places |= {one.id: f"criterion {number}" for number, one in enumerate(after.criteria, 1)}
    items = [fill("<li>{}</li>", _words(change, places)) for change in found[:most]]
    if len(found) > most:
        items.append(fill("<li>and {} more</li>", len(found) - most))
    return joined(items) or Markup("<li>nothing</li>")


def _words(change: Change, places: dict[str, str]) -> str:
    where = places.get(change.criterion_id or "", "")
    before, after = (_short(value) for value in (change.before, change.after))
    return {
        "added": f"{where} added: {after}",
        "removed": f"removed: {before}",
        "reworded": f"{where} reworded: {after} (was: {before})",
        "reweighted": f"{where}: points {before} → {after}",
        "moved": f"{where} moved to this place",
        "verdict": f"{where}, answer {(change.side or '').upper()}: {before} → {after}",
        "answer": f"answer {(change.side or '').upper()} changed",
        "preference": f"better answer: {before} → {after}",
        "reason": "reason changed",
        "signed": "signed",
    }[change.kind]


def _short(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    words = {None: "none", "": "empty", "MET": "yes", "NOT_MET": "no"}.get(value, value or "")
    return words if len(words) <= SHORT else f"{words[: SHORT - 1]}…"


def agreement_shown(pairs: list[Pair]) -> str:
    """One item a pair of reviewers."""
    if not pairs:
        return Markup("<p>There is nothing to compare: two reviewers must have signed.</p>")
    items = []
    for one, other, found in pairs:
        figures = joined([fill("<li>{}: {}</li>", *figure) for figure in agreement_figures(found).items()])
        questions = counted(found.questions, "question")
        items.append(fill("<li><b>{} and {}</b>, {}<ul>{}</ul></li>", one, other, questions, figures))
    return fill('<ul class="review-list">{}</ul>', joined(items))


def clock(at: datetime) -> str:
    """The time of day on this machine; the date too, where it was not today."""
    local = at.astimezone()
    return f"{local:%H:%M}" if local.date() == datetime.now().astimezone().date() else f"{local:%Y-%m-%d %H:%M}"
