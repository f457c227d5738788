"""A conversation: its questions, and what is known of the answer to each, as it is shown."""

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from agent import NOTICE
from principles.schema import Grade, Scenario
from ui.chat.marks import changes_list, changes_of, marked
from ui.chat.notices import notice_html
from ui.chat.trace import Step, Trace, trace_of
from ui.chat.verdicts import held, verdicts_of
from ui.common.html import Markup, fill, joined, markdown

Message = dict[str, str]
# Of the state, what is no result.
INNER = ("messages", "turns", "english", "pending", "given", "drafted")


@dataclass
class Turn:
    """A question and its answer, which exists once the status is "done"; `notice` once the urgency is known."""

    question: str
    trace: Trace = field(default_factory=Trace)
    status: Literal["waiting", "running", "done", "stopped", "failed"] = "waiting"
    failure: Markup = field(default_factory=Markup)
    name: str = field(default_factory=lambda: f"turn-{secrets.token_hex(4)}")
    notice: str | None = None

    @property
    def open(self) -> bool:
        """Whether its answer is still to come."""
        return self.status in ("waiting", "running")

    @property
    def result(self) -> dict[str, Any]:
        """What the agent returned, plain types only."""
        return {key: value for key, value in self.trace.state.items() if key not in INNER}


@dataclass
class Conversation:
    """`id` is made with the first question; `editing` says that the next question takes the last one's place."""

    turns: list[Turn] = field(default_factory=list)
    id: str = ""
    editing: bool = False

    @property
    def last(self) -> Turn | None:
        """The newest turn; None where nothing was asked."""
        return self.turns[-1] if self.turns else None

    @property
    def busy(self) -> bool:
        """Whether an answer is being made."""
        return self.last is not None and self.last.open

    @property
    def answered(self) -> list[Turn]:
        """The turns that have their answer."""
        return [turn for turn in self.turns if turn.status == "done"]

    def ask(self, question: str) -> None:
        """Add a question, or put it in the place of the last one while that is being edited."""
        self.id = self.id or secrets.token_hex(8)
        if self.editing:
            self.turns.pop()
        self.editing = False
        self.turns.append(Turn(question))

    def messages(self) -> list[Message]:
        """The answered questions and their answers, as the agent wants them."""
        return [
            message
            for turn in self.answered
            for message in (
                {"role": "user", "content": turn.question},
                {"role": "assistant", "content": turn.trace.state["answer"]},
            )
        ]


def reopened(conversation_id: str, messages: list[Any], results: list[Any]) -> Conversation:
    """A conversation from what `messages` and the turns' `result` were."""
    questions = [message["content"] for message in messages if message["role"] == "user"]
    pairs = zip(questions, map(_current, results), strict=True)
    return Conversation([Turn(question, trace_of(result), "done") for question, result in pairs], conversation_id)


def _current(result: dict[str, Any]) -> dict[str, Any]:
    """A kept result in this version's words."""
    return result | {"scenario": Scenario.model_validate(result["scenario"]).model_dump(mode="json")}


def emergency(turn: Turn | None) -> str:
    """The notice for the urgency of a question, once it is known."""
    if turn is None or not turn.trace.scenario:
        return ""
    if turn.notice is None:  # the page is drawn ten times a second, and the question's language stays the same
        turn.notice = notice_html(turn.question, turn.trace.scenario["urgency"])
    return turn.notice


def turn_html(turn: Turn, number: int) -> Markup:
    """Question, badge, answer or draft so far, changes, stages, and the notice that is always there."""
    body = _done(turn) if turn.status == "done" else _unfinished(turn)
    return fill(
        '<article class="turn" id="{}" aria-label="Question {}"><div class="question">'
        '<span class="sr">You asked: </span>{}</div>'
        '<div class="reply">{}{}<small class="always">{}</small></div></article>',
        turn.name,
        number,
        joined(turn.question.splitlines(), "<br>"),
        body,
        _making(turn),
        NOTICE,
    )


def badge(state: dict[str, Any]) -> Markup:
    """How many points of the answer were checked and hold, or that none were: no word of praise for the rest."""
    grade = state["rubric"].get("final")
    if not state["reviewed"] or grade is None or not state["rubric"]["criteria"]:
        why = f"{' '.join(state['warnings'])}.".capitalize() if state["warnings"] else "Nothing was checked."
        return _badge("not", "Not reviewed", why)
    kind = "reviewed" if Grade.model_validate(grade).coverage == 1 else "partly"
    return _badge(kind, held(state, grade).capitalize(), "What no check asks about is unchecked.")


def _badge(kind: str, name: str, words: str) -> Markup:
    return fill('<p class="badge {}"><b>{}</b> <span>{}</span></p>', kind, name, words)


def _done(turn: Turn) -> Markup:
    state, changes = turn.trace.state, changes_of(turn.trace.state)
    answer = fill('<div class="answer prose">{}</div>', marked(state["answer"], changes, turn.name))
    return joined([badge(state), _left_out(state), _faults(state), answer, changes_list(changes, turn.name)])


def _left_out(state: dict[str, Any]) -> Markup:
    """What was not read or not finished, where the badge does not say it already."""
    said = state["warnings"] if state["reviewed"] else []
    return joined([fill('<p class="hint">⚠️ {}.</p>', warning[:1].upper() + warning[1:]) for warning in said])


def _faults(state: dict[str, Any]) -> Markup:
    """What the review could not mend is said before the answer."""
    if not state["reviewed"]:
        return Markup("")
    shown = verdicts_of(state, state["rubric"].get("final"))
    texts = {criterion["id"]: criterion["text"] for criterion in state["rubric"]["criteria"]}
    items = [fill("<li>{} {}</li>", texts[key], one.html()) for key, one in shown.items() if one.holds is False]
    if not items:
        return Markup("")
    return fill('<div class="warning"><b>The review still finds faults here:</b><ul>{}</ul></div>', joined(items))


def _unfinished(turn: Turn) -> Markup:
    words = {
        "waiting": "Waiting for a free place",
        "running": "Draft, not checked yet" if turn.trace.draft else "Working on it",
        "stopped": "Stopped: what is here was not reviewed",
        "failed": "No answer",
    }[turn.status]
    draft = fill('<div class="answer draft prose">{}</div>', markdown(turn.trace.draft)) if turn.trace.draft else ""
    failure = fill('<div class="warning"><b>No answer.</b> {}</div>', turn.failure) if turn.failure else ""
    return joined([_badge(turn.status, words, ""), draft, failure])


def _making(turn: Turn) -> Markup:
    """All stages, in the open while they are at work and folded up afterwards."""
    steps = [step for step in turn.trace.steps if step.stage != "draft" or not step.at_work]
    if not steps:
        return Markup("")
    seconds = sum(step.elapsed() for step in turn.trace.steps)
    return fill(
        '<details class="making" data-key="{name}-making"{open}><summary>How this answer is made'
        ' <span class="seconds">{seconds:.1f} s</span></summary>{steps}</details>',
        name=turn.name,
        open=Markup(" open") if turn.open else "",
        seconds=seconds,
        steps=joined(_step(step, f"{turn.name}-{step.started}") for step in steps),
    )


def _step(step: Step, key: str) -> Markup:
    return fill(
        '<details class="step{}" data-key="{}"{}><summary>{} <span class="seconds">{:.1f} s</span></summary>'
        '<div class="prose">{}</div></details>',
        " at-work" if step.at_work else "",
        key,
        Markup(" open") if step.at_work and step.body else "",
        step.title,
        step.elapsed(),
        step.body,
    )
