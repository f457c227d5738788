"""Principles as HTML: cards to browse, and tables that say why a question brings them in."""

from collections.abc import Callable, Iterable, Sequence

from principles.schema import Principle, Scenario
from retrieval.retriever import Retrieved
from ui.common.html import Markup, fill, joined, percent

CSS = """
.card { border: 1px solid var(--border-color-primary); border-radius: 8px; margin: 6px 0; padding: 0 12px; }
.card summary { cursor: pointer; padding: 10px 0; }
.card summary small, .card dt { color: var(--body-text-color-subdued); }
.card dl { margin: 0 0 12px; }
.card dt { font-size: 0.85em; margin-top: 8px; }
.card dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.scroll table { border-collapse: collapse; width: 100%; }
.scroll caption { text-align: start; padding: 8px 0; }
.scroll th, .scroll td { text-align: start; vertical-align: top; padding: 6px 10px 6px 0;
  border-bottom: 1px solid var(--border-color-primary); }
.scroll td { overflow-wrap: anywhere; }
"""
_NOTES = {"always": "in every rubric of its scenario", "safety_critical": "safety-critical"}


def words(name: str) -> str:
    """A value of a dimension as a person reads it."""
    return name.replace("_", " ")


def card(principle: Principle) -> Markup:
    """One principle, folded to its statement, with all that the library says of it inside."""
    notes = [said for name, said in _NOTES.items() if getattr(principle, name)]
    facts = {
        "For": f"{principle.dimension}: {', '.join(words(value) for value in principle.values)}",
        "Applies when": principle.applies_when,
        "Why": principle.rationale,
        "The check": principle.criterion,
        "Points": f"{principle.points:+} for a yes" + "".join(f", {note}" for note in notes),
        "What an answer may say": principle.advice and f"{principle.advice} (as its {principle.placement})",
        "Found by": joined((fill("“{}”", facet) for facet in principle.facets), "; "),
        "Sources": joined((fill("{}, {}, {}", s.body, s.title, s.year) for s in principle.sources), "; "),
    }
    rows = joined(fill("<dt>{}</dt><dd>{}</dd>", name, fact) for name, fact in facts.items() if fact)
    return fill(
        '<details class="card"><summary>{} <small>{} ({:+})</small></summary><dl>{}</dl></details>',
        principle.statement,
        principle.id,
        principle.points,
        rows,
    )


def cards(found: Sequence[Principle], total: int) -> Markup:
    """How many were found, and their cards."""
    count = fill('<p role="status">{} of {} principles</p>', len(found), total)
    return count + joined(card(principle) for principle in found)


def scenario_list(scenario: Scenario) -> Markup:
    """The four values, each with the classifier's confidence."""
    lines = []
    for dimension in ("urgency", "uncertainty", "expertise", "task"):
        sure = scenario.confidence.get(dimension)
        note = " (not sure: the safer value)" if dimension in scenario.guessed else ""
        share = f", {percent(sure)} sure" if sure is not None else ""
        value = words(str(getattr(scenario, dimension)))
        lines.append(fill("<li>{}: <b>{}</b>{}{}</li>", dimension, value, share, note))
    return fill("<ul>{}</ul>", joined(lines))


def found_table(found: Sequence[Retrieved], scenario: Scenario) -> Markup:
    """What retrieval brings: mandatory ones first, then best first."""
    rows = [
        (
            fill("{} <small>{}</small>", one.principle.statement, one.principle.id),
            "yes" if one.mandatory else "no",
            f"{one.similarity:.2f}",
            fits(one.principle.values, one.principle.dimension, scenario),
        )
        for one in found
    ]
    return table("Principles that retrieval brings in", ("principle", "mandatory", "similarity", "fits"), rows)


def fits(values: Iterable[str], dimension: str, scenario: Scenario) -> str:
    """The value of the scenario that a principle is for, or that it is for another."""
    value = str(getattr(scenario, dimension))
    known = words(value) if value in values else f"another than {words(value)}"
    return f"{dimension}: {known}"


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table whose first column names its rows; each cell is escaped unless it is Markup."""
    top = joined(fill('<th scope="col">{}</th>', head) for head in heads)
    first: Callable[[str], Markup] = lambda cell: fill('<th scope="row">{}</th>', cell)  # noqa: E731
    body = joined(
        fill("<tr>{}{}</tr>", first(row[0]), joined(fill("<td>{}</td>", cell) for cell in row[1:])) for row in rows
    )
    return fill(
        '<div class="scroll" tabindex="0" role="region" aria-label="{}"><table><caption>{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        caption,
        caption,
        top,
        body,
    )
