"""What a run of the agent has told so far: its stages, each with what it found, the draft and the state."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.show import stage_words
from principles.schema import DIMENSIONS
from ui.chat.verdicts import held, verdicts_of
from ui.common.html import Markup, fill, joined, markdown, percent
from ui.library.cards import words

Facts = Mapping[str, Any]
# Of interest only while they last.
PASSING = ("prepare", "retrieve", "choose")


@dataclass
class Step:
    """One stage; `seconds` is how long it took, None while it is at work."""

    stage: str
    title: str
    body: Markup = field(default_factory=Markup)
    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def at_work(self) -> bool:
        """Whether it has not ended yet."""
        return self.seconds is None

    def elapsed(self) -> float:
        """Seconds that it took, or has taken so far."""
        return time.monotonic() - self.started if self.seconds is None else self.seconds


@dataclass
class Trace:
    """Hears the parts of `agent.astream(..., version="v2")`; `state` is the agent's, complete at the end."""

    state: dict[str, Any] = field(default_factory=dict)
    scenario: dict[str, Any] | None = None
    draft: str = ""
    steps: list[Step] = field(default_factory=list)

    def hear(self, part: Facts) -> None:
        """One part: a token of the draft, what a stage says of itself, or the state after it."""
        data = part["data"]
        if part["type"] == "values":
            self.state = data
            if self.steps:
                self._fill(self.steps[-1])
        elif part["type"] == "messages":
            if data[1].get("langgraph_node") == "draft":
                self.draft += str(data[0].text)
        elif data["status"] == "start":
            title = stage_words(data["stage"]) + (", not checked yet" if data["stage"] == "draft" else "")
            self.steps.append(Step(data["stage"], title.capitalize()))
        elif data["status"] == "edit":
            self._last("revise").body += fill("<p>{}: {}</p>", data["criterion"], data["outcome"])
        else:
            self._end(self._last(data["stage"]), data)

    @property
    def doing(self) -> str:
        """The stage that is at work, in words; "" where none is."""
        return next((step.title for step in reversed(self.steps) if step.at_work), "")

    def stop(self) -> None:
        """Nothing is at work any more."""
        for step in self.steps:
            step.seconds = step.elapsed()

    def _last(self, stage: str) -> Step:
        return next(step for step in reversed(self.steps) if step.stage == stage)

    def _end(self, step: Step, event: Facts) -> None:
        step.seconds = event["seconds"]
        if step.stage in PASSING:
            self.steps.remove(step)
        elif step.stage == "draft":
            step.title, step.body = "First draft, as it was before the review", markdown(self.draft)
        elif step.stage == "scenario":
            self.scenario = event["scenario"]
            step.title, step.body = f"Question: {_kind(event['scenario'])}", scenario_list(event["scenario"])
        elif event.get("failed"):
            step.title += ": could not be finished"

    def _fill(self, step: Step) -> None:
        """What the state holds of the stage that has just ended."""
        versions, pending = self.state.get("versions"), self.state.get("pending")
        if step.stage == "rubric":
            step.title, step.body = _principles(self.state)
        elif step.stage == "claims":
            step.title, step.body = _wrong_facts(self.state)
        elif step.stage == "critique" and versions:
            step.title, step.body = _critique(self.state, len(versions))
        elif step.stage == "revise" and versions:
            edits = pending["edits"][len(versions[-1]["edits"]) :] if pending else []
            step.title = f"Edits: {len(edits) or 'none that helps'}"
            step.body += _edits(edits)


def trace_of(state: dict[str, Any]) -> Trace:
    """The trace of an earlier run, from what was kept of it. Its stages have no more than their total seconds."""
    seconds = state["timings"]
    steps = [
        Step("draft", "First draft, as it was before the review", markdown(state["draft"]), seconds.get("draft", 0)),
        Step(
            "scenario",
            f"Question: {_kind(state['scenario'])}",
            scenario_list(state["scenario"]),
            seconds.get("scenario", 0),
        ),
        Step("rubric", *_principles(state), seconds.get("rubric", 0)),
        Step("claims", *_wrong_facts(state), seconds.get("claims", 0)),
    ]
    if state["versions"]:
        steps.append(Step("critique", *_critique(state, len(state["versions"])), seconds.get("critique", 0)))
    if state["edits"]:
        steps.append(Step("revise", f"Edits: {len(state['edits'])}", _edits(state["edits"]), seconds.get("revise", 0)))
    return Trace(state, state["scenario"], state["draft"], steps)


def _kind(scenario: Facts) -> str:
    return ", ".join(words(scenario[name]) for name in ("urgency", "expertise", "task"))


def scenario_list(scenario: Facts) -> Markup:
    """The four values of a scenario with their confidence, as chips."""
    chips = []
    for name in DIMENSIONS:
        sure = percent(scenario["confidence"].get(name)) if name in scenario["confidence"] else ""
        if name in scenario["guessed"]:
            sure += " – not sure: the safer value"
        chip = '<li class="{}"><span>{}</span> <b>{}</b> <small>{}</small></li>'
        chips.append(fill(chip, scenario[name], name, words(scenario[name]), sure.removeprefix(" – ")))
    return fill('<ul class="chips">{}</ul>', joined(chips))


def _principles(state: Facts) -> tuple[str, Markup]:
    shown = [one for one in state["principles"] if not _is_card(one)]
    return f"Principles that apply: {len(shown)}", _listed(shown)


def _wrong_facts(state: Facts) -> tuple[str, Markup]:
    """The knowledge cards that the draft contradicts."""
    shown = [one for one in state["principles"] if _is_card(one)]
    return f"Facts that the draft gets wrong, by our cards: {len(shown) or 'none found'}", _listed(shown)


def _is_card(one: Facts) -> bool:
    return one.get("kind") == "fact"  # conversations that were kept earlier have no kind


def _listed(shown: Sequence[Facts]) -> Markup:
    line = "<li><b>{}</b> ({:+}): {} <small>{}</small></li>"
    items = [fill(line, one["id"], one["points"], one["statement"], sources(one)) for one in shown]
    return fill("<ul>{}</ul>", joined(items)) if items else Markup("")


def sources(principle: Facts) -> str:
    """What a principle rests on, in a line."""
    return "; ".join(f"{source['body']}: {source['title']} ({source['year']})" for source in principle["sources"])


def _critique(state: Facts, rounds: int) -> tuple[str, Markup]:
    """What the last of `rounds` gradings found, beside those before it."""
    grades = [version["grade"] for version in state["versions"][:rounds]]
    names = ["Draft", *(f"Revision {i}" if rounds > 2 else "Revision" for i in range(1, rounds))]
    columns = [verdicts_of(state, grade) for grade in grades]
    head = joined(fill('<th scope="col">{}</th>', name) for name in ("Check", "Points", *names))
    rows = [
        fill(
            '<tr><th scope="row">{}</th><td>{:+.0f}</td>{}</tr>',
            criterion["text"],
            criterion["points"],
            joined(fill("<td>{}</td>", column[criterion["id"]].html()) for column in columns),
        )
        for criterion in state["rubric"]["criteria"]
    ]
    table = fill("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, joined(rows))
    return f"{names[-1]}, {held(state, grades[-1])}", table


def _edits(edits: list[dict[str, Any]]) -> Markup:
    items = []
    for edit in edits:
        out = fill("<del>{}</del>", edit["removed"]) if edit["removed"] else ""
        into = fill("<ins>{}</ins>", edit["added"]) if edit["added"] else ""
        items.append(fill("<li><b>{}</b> for {}: {} {}</li>", edit["kind"], edit["criterion_id"], out, into))
    return fill("<ul>{}</ul>", joined(items)) if items else Markup("")
