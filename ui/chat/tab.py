"""The chat: a question, its answer as it is made, and everything that a person can do with it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from agent import NOTICE
from agent.graph import Agent
from agent.service import Service
from agent.state import Context
from ui.chat.answering import answering, stopped
from ui.chat.export import as_json, as_markdown
from ui.chat.history import History
from ui.chat.history_box import HistoryBox
from ui.chat.layout import Layout, left_column, right_column, stage_html
from ui.chat.panel import panel
from ui.chat.settings import Host, allowed_hosts, checked_endpoint, chosen
from ui.chat.turn import Conversation, Turn, emergency, turn_html
from ui.common.html import joined

Shown = dict[Any, Any]
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
EDITING = "Your last question is below: asking again replaces it and its answer."


@dataclass
class Chat:
    """Handlers of the chat's events. They return what changes on the page, by component."""

    service: Service
    page: Layout
    alert: Any
    kept: HistoryBox
    allowed: frozenset[Host]
    _at_work: dict[str, tuple[str, Turn]] = field(default_factory=dict, init=False)

    def view(self, talk: Conversation) -> Shown:
        """The whole page."""
        page, idle = self.page, not talk.busy
        after = gr.update(interactive=idle and bool(talk.turns))
        answered = gr.update(interactive=idle and bool(talk.answered))
        numbered = list(enumerate(talk.turns, 1))
        names = [(f"{number}. {' '.join(turn.question.split())[:60]}", number) for number, turn in numbered]
        return {
            page.talk: talk,
            page.welcome: gr.update(visible=not talk.turns),
            page.past: str(joined(turn_html(turn, number) for number, turn in numbered[:-1])),
            page.ask: gr.update(visible=idle),
            page.stop: gr.update(visible=not idle),
            page.retry: after,
            page.edit: after,
            page.copy: answered,
            page.markdown: answered,
            page.json: answered,
            page.which: gr.update(choices=names, value=len(names) or None, visible=len(names) > 1),
            **self.live(talk),
        }

    def live(self, talk: Conversation) -> Shown:
        """What changes while an answer is made."""
        last, page = talk.last, self.page
        words = EDITING if talk.editing else _stage(last, self.service.loading)
        return {
            page.now: str(turn_html(last, len(talk.turns))) if last else "",
            page.stage: stage_html(words),
            page.panel: str(panel(last.trace if last else None)),
            self.alert: emergency(last),
        }

    def ask(self, talk: Conversation, question: str) -> Shown:
        """A question is put where it can be answered; an empty one, or one too many, stays in the field."""
        if talk.busy or not question.strip():
            return {self.page.talk: talk}
        talk.ask(question)
        return self.view(talk) | {self.page.question: ""}

    def retry(self, talk: Conversation) -> Shown:
        """The last question once more, in its own place."""
        last = talk.last
        if last is None or talk.busy:
            return {self.page.talk: talk}
        talk.editing = True
        return self.ask(talk, last.question)

    def edit(self, talk: Conversation) -> Shown:
        """The last question in the field again; a second click leaves it as it was."""
        if talk.last is None or talk.busy:
            return {self.page.talk: talk}
        talk.editing = not talk.editing
        return self.view(talk) | {self.page.question: talk.last.question if talk.editing else ""}

    def stop(self, talk: Conversation) -> Shown:
        """End the answer that is being made."""
        if talk.last:
            stopped(talk.last)
        return self.view(talk)

    def new(self, talk: Conversation) -> Shown:
        """An empty conversation; what is being made ends."""
        if talk.last:
            stopped(talk.last)
        return self.view(Conversation()) | {self.page.question: ""}

    async def run(
        self, talk: Conversation, request: gr.Request, *settings: Any
    ) -> AsyncGenerator[tuple[str, ...], None]:
        """The last question being answered: what changes on the page meanwhile, in the order of `moving`.

        All of it each time: Gradio sends the difference alone, but makes a component anew for what is left out.
        """
        turn = talk.last
        if turn is None:
            return
        self._at_work[turn.name] = (str(request.session_hash), turn)
        try:
            async with aclosing(answering(talk, self._setup(*settings))) as turns:
                async for _ in turns:
                    # What has ended is drawn by `finish`, in whatever conversation the page shows by then.
                    if talk.busy:
                        yield tuple(self.live(talk).values())
        finally:
            self._at_work.pop(turn.name, None)

    def leave(self, request: gr.Request) -> None:
        """The page is closed: what it was waiting for ends.

        Gradio lets go of a run by itself, but not where the page goes away while a piece is being sent to it.
        """
        for page, turn in list(self._at_work.values()):
            if page == str(request.session_hash):
                stopped(turn)

    async def finish(self, talk: Conversation, browser: Any) -> Shown:
        """The whole page, once the answer is there; then, where the person wants that, the conversation is kept."""
        return self.view(talk) | await asyncio.to_thread(self.kept.save, talk, browser)

    def _setup(
        self, rounds: float, top_k: float, revise: str, temperature: float, url: str
    ) -> Callable[[], tuple[Agent, Context]]:
        def setup() -> tuple[Agent, Context]:
            context = chosen(rounds, top_k, revise, temperature)
            return self.service.agent(checked_endpoint(url or "", self.allowed)), context

        return setup

    def review(self, talk: Conversation, number: int | None) -> str:
        """The review of one of the answers."""
        turn = talk.turns[number - 1] if number and number <= len(talk.turns) else None
        return str(panel(turn.trace if turn else None))

    def answer(self, talk: Conversation) -> str:
        """The last answer with the notice, to copy."""
        return f"{talk.messages()[-1]['content']}\n\n{NOTICE}" if talk.answered else ""

    def markdown(self, talk: Conversation) -> str:
        """The conversation and its reviews to keep, to be read."""
        return as_markdown(talk.messages(), [turn.result for turn in talk.answered])

    def json(self, talk: Conversation) -> str:
        """The same for programs."""
        return as_json(talk.messages(), [turn.result for turn in talk.answered])


def _stage(turn: Turn | None, loading: str) -> str:
    if turn is None:
        return ""
    if turn.status == "running":
        preparing = any(step.stage == "prepare" for step in turn.trace.steps)
        doing = turn.trace.doing or "Starting"
        return f"{doing} … {loading if preparing else ''}".strip()
    return {"waiting": "Waiting for a free place …", "done": "The answer is there.", "stopped": "Stopped."}.get(
        turn.status, "There is no answer."
    )


def chat_tab(app: gr.Blocks, service: Service, history: History, alert: Any) -> None:
    """The tab's content and events; `alert` is where the emergency notice goes."""
    allowed = allowed_hosts()
    with gr.Row(elem_id="chat"):
        with gr.Column(scale=3, min_width=320):
            left = left_column(endpoint=bool(allowed))
            kept = HistoryBox(history)
        with gr.Column(scale=2, min_width=320, elem_id="review"):
            page = Layout(**left, **right_column())
    chat = Chat(service, page, alert, kept, allowed)
    shown = [*{id(one): one for one in (*chat.view(Conversation()), page.question)}.values()]
    moving = list(chat.live(Conversation()))

    def answers(trigger: Any, handler: Callable[..., Shown], *inputs: Any) -> None:
        begun = trigger(handler, [page.talk, *inputs], shown, queue=False, **PRIVATE)
        begun.then(None, None, None, js="() => window.clinalign.toQuestion()", **PRIVATE)
        limit = {"concurrency_limit": service.at_once, "concurrency_id": "answers"}
        run = begun.then(chat.run, [page.talk, *page.settings], moving, **limit, **PRIVATE)
        run.success(chat.finish, [page.talk, kept.browser], [*shown, *kept.outputs], queue=False, **PRIVATE)
        run.failure(chat.stop, page.talk, shown, queue=False, **PRIVATE)

    answers(page.question.submit, chat.ask, page.question)
    answers(page.ask.click, chat.ask, page.question)
    answers(page.retry.click, chat.retry)
    for example in page.examples:
        answers(example.click, chat.ask, example)
    # A run ends by itself once its turn is stopped. Gradio's `cancels` would close the page's stream of events a moment
    # later, and with it what was asked meanwhile.
    app.unload(chat.leave)
    page.stop.click(chat.stop, page.talk, shown, queue=False, **PRIVATE)
    page.new.click(chat.new, page.talk, shown, queue=False, **PRIVATE)
    page.edit.click(chat.edit, page.talk, shown, queue=False, **PRIVATE).then(
        None, None, None, js="() => window.clinalign.toInput()", **PRIVATE
    )
    page.which.input(chat.review, [page.talk, page.which], page.panel, queue=False, **PRIVATE)
    _exports(chat, page)
    kept.wire(app, chat.view, page.talk, shown)


def _exports(chat: Chat, page: Layout) -> None:
    for button, made, action in (
        (page.copy, chat.answer, "copy(text)"),
        (page.markdown, chat.markdown, "save(text, 'md')"),
        (page.json, chat.json, "save(text, 'json')"),
    ):
        ready = button.click(made, page.talk, page.text, queue=False, **PRIVATE)
        ready.then(None, page.text, None, js=f"(text) => {{ window.clinalign.{action} }}", **PRIVATE).then(
            lambda: "", None, page.text, queue=False, **PRIVATE
        )
