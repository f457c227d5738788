"""What stands beside an answer: what kind of question it is, the checks, what was changed."""

from ui.chat.diff import side_by_side
from ui.chat.trace import Facts, Trace, scenario_list
from ui.chat.verdicts import verdicts_of
from ui.common.html import Markup, fill, joined
from ui.library.tab import why_picked

EMPTY = Markup(
    '<p class="hint">The review of each answer appears here: what kind of question it is, the checks with their '
    "verdicts before and after, and what was changed.</p>"
)
UNCHANGED = Markup("<p>The answer is the draft, unchanged.</p>")


def panel(trace: Trace | None) -> Markup:
    """All that is known so far."""
    if trace is None or trace.scenario is None:
        return EMPTY
    state = trace.state
    sections = [_section("Kind of question", scenario_list(trace.scenario))]
    if state.get("versions"):
        sections.append(_section("Checks", checks(state)))
        if state["rubric"]["criteria"]:
            why = _folded("why", "Why these principles?", Markup(why_picked(state)))
            sections.append(_section("Principles", why))
    if state.get("answer"):
        same = state["answer"] == state["draft"]
        sections.append(_section("Draft and answer", UNCHANGED if same else _diff(state)))
    return joined(sections)


def _section(title: str, inside: Markup) -> Markup:
    return fill("<section><h3>{}</h3>{}</section>", title, inside)


def _diff(state: Facts) -> Markup:
    return _folded("diff", "Side by side", side_by_side(state["draft"], state["answer"]), " open")


def _folded(key: str, title: str, inside: Markup, state: str = "") -> Markup:
    """`state` is " open" or empty, until the visitor has opened or closed it: the page remembers that by `key`."""
    return fill('<details data-key="{}"{}><summary>{}</summary>{}</details>', key, state, title, inside)


def checks(state: Facts) -> Markup:
    """Each criterion with its points, and the verdicts on the draft and on what it has become."""
    criteria = state["rubric"]["criteria"]
    if not criteria:
        return Markup("<p>No principle applies to this question, so nothing was checked.</p>")
    versions = state["versions"]
    last = state["rubric"].get("final") or versions[-1]["grade"]
    before, after = verdicts_of(state, versions[0]["grade"]), verdicts_of(state, last)
    revised = len(versions) > 1
    heads = ["Check", "Points", *(["Draft", "Answer"] if revised else ["Draft"])]
    rows = []
    for criterion in criteria:
        verdicts = [before[criterion["id"]], *([after[criterion["id"]]] if revised else [])]
        critical = Markup('<span class="critical">safety</span> ') if criterion["safety_critical"] else ""
        row = '<tr><th scope="row">{}{}<small>{}</small></th><td class="points">{:+.0f}</td>{}</tr>'
        cells = joined(fill("<td>{}</td>", shown.html()) for shown in verdicts)
        rows.append(fill(row, critical, criterion["text"], criterion["principle_id"] or "", criterion["points"], cells))
    return fill(
        '<table class="checks"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        '<p class="hint">Unsure means that the judge finds yes about as probable as no. '
        "Points below zero are for faults: there, yes is bad. These checks are no verdict on the answer: what none of "
        "them asks about is unchecked.</p>",
        joined(fill('<th scope="col">{}</th>', head) for head in heads),
        joined(rows),
    )
