"""The tab of clinicians' rubric reviews: its fields, and which act each of them starts."""

import functools
import os
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from sqlalchemy import Engine

from agent.service import Service
from training.common.questions import read_questions
from ui.common.failures import explained
from ui.common.html import Markup, fill
from ui.review.acts import Acts
from ui.review.desk import Desks
from ui.review.drafting import draft_review
from ui.review.export import export_lines
from ui.review.layout import Fields, layout
from ui.review.store import ReviewStore

# The browser hands it over as a file: on the server none is written.
DOWNLOAD = """(text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
  link.download = "healthrubrics.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}"""
# One after the other in the order of arrival: a page's later state must not be overtaken by an earlier one.
IN_ORDER: Any = {"concurrency_id": "review", "concurrency_limit": 1, "api_visibility": "private"}
AT_LENGTH: Any = {"concurrency_id": "review-model", "concurrency_limit": 2, "api_visibility": "private"}
# Apart from the others: while one person waits for the first load, nobody else's work waits to be saved.
LOADING: Any = {"concurrency_id": "review-ready", "concurrency_limit": 20, "api_visibility": "private"}
AT_ONCE: Any = {"queue": False, "api_visibility": "private"}
QUIET: Any = {"show_progress": "hidden"}


def review_tab(engine: Engine, service: Service) -> None:
    """Draw the tab. CLINALIGN_REVIEW_QUESTIONS names a JSONL file whose questions are added first.

    Raises ConfigError where the database or that file cannot be used.
    """
    store = ReviewStore(engine)
    if path := os.environ.get("CLINALIGN_REVIEW_QUESTIONS"):
        store.add(read_questions(Path(path).expanduser())[0])
    fields = layout()
    desk = gr.State(None)
    desks = Desks(store, lambda question: draft_review(question, service))
    acts = Acts(fields, desk, desks, service)
    _wire_review(fields, desk, acts)
    _wire_model(fields, desk, acts)
    _wire_besides(fields, desk, acts, store)


def _wire_review(fields: Fields, desk: Any, acts: Acts) -> None:
    everything = [desk, *vars(fields).values()]
    act = functools.partial(_safely, fields.status)
    begun = gr.on([fields.initials.submit, fields.begin.click], acts.ready, None, fields.welcome, **LOADING)
    begin = _safely(fields.welcome, acts.begin)
    begun.then(begin, [fields.initials, desk, *fields.form], everything, **IN_ORDER)
    chosen = [desk, fields.question, fields.owner, *fields.form]
    gr.on([fields.question.input, fields.owner.input], act(acts.go), chosen, everything, **IN_ORDER)
    changed = [
        fields.editor.change,
        fields.answer_a.blur,
        fields.answer_b.blur,
        fields.preference.input,
        fields.reason.blur,
    ]
    gr.on(changed, act(acts.change), [desk, *fields.form], everything, **IN_ORDER, **QUIET)
    for button, what in ((fields.sign, acts.sign), (fields.skip, acts.skip), (fields.mine, acts.keep_mine)):
        button.click(act(what), [desk, *fields.form], everything, **IN_ORDER)
    fields.theirs.click(act(acts.load_theirs), desk, everything, **IN_ORDER)
    added = [fields.typed, fields.initials, desk, *fields.form]
    adding = fields.add.click(acts.ready, None, fields.welcome, **LOADING)
    adding.then(_safely(fields.welcome, acts.add), added, everything, **IN_ORDER)


@dataclass
class Work:
    """What the model does for one page. It ends by this: after Gradio's `cancels`, what was asked next can be lost."""

    stopped: bool = False


def _wire_model(fields: Fields, desk: Any, acts: Acts) -> None:
    everything = [desk, *vars(fields).values()]
    written, writing, proposing = gr.State(None), gr.State(Work()), gr.State(Work())

    async def write(work: Work, *given: Any) -> Any:
        try:
            async with aclosing(acts.write(*given)) as tellings:
                async for told in tellings:
                    if work.stopped:
                        yield "", None  # again: what was told before the stop can reach the page after it
                        return
                    yield told
        except Exception as error:  # noqa: BLE001 - the page shows any failure, in words that quote nothing
            yield _told(error), None

    def propose(work: Work, *given: Any) -> Any:
        try:
            for told in acts.propose(*given):
                if work.stopped:
                    yield "", gr.skip()
                    return
                yield told
        except Exception as error:  # noqa: BLE001 - as above
            yield _told(error), gr.skip()

    def stop(*works: Work) -> str:
        for work in works:
            work.stopped = True
        return ""

    begun = fields.write.click(Work, None, writing, **AT_ONCE)
    answered = begun.then(write, [writing, desk], [fields.progress, written], **AT_LENGTH, **QUIET)
    place = _safely(fields.status, acts.place)
    answered.then(place, [desk, written, *fields.form], everything, **IN_ORDER, **QUIET)
    judged = [fields.progress, fields.editor]
    begun = fields.propose.click(Work, None, proposing, **AT_ONCE)
    begun.then(propose, [proposing, desk, *fields.form], judged, **AT_LENGTH, **QUIET)
    fields.stop.click(stop, [writing, proposing], fields.progress, **AT_ONCE)


def _wire_besides(fields: Fields, desk: Any, acts: Acts, store: ReviewStore) -> None:
    private: Any = {"api_visibility": "private"}
    fields.past.expand(_shown(acts.past), desk, fields.history, **private)
    fields.agreeing.expand(_shown(acts.agreement), desk, fields.agreement, **private)
    fields.every.click(_shown(acts.agreement_of_all), None, fields.agreement, **private)
    carrier = gr.Textbox(visible="hidden", label="export")
    made = fields.export.click(lambda: "".join(export_lines(store)), None, carrier, **private)
    made.success(None, carrier, None, js=DOWNLOAD, **private)


def _safely(place: Any, act: Callable[..., Any]) -> Callable[..., Any]:
    """The act, with any failure told at `place` instead of raised: what Gradio logs of one may quote a review."""

    @functools.wraps(act)
    def safe(*given: Any) -> Any:
        try:
            return act(*given) or gr.skip()
        except Exception as error:  # noqa: BLE001 - the page shows any failure, in words that quote nothing
            return {place: _told(error)}

    return safe


def _shown(act: Callable[..., str]) -> Callable[..., str]:
    def safe(*given: Any) -> str:
        try:
            return act(*given)
        except Exception as error:  # noqa: BLE001 - as above
            return _told(error)

    return safe


def _told(error: Exception) -> str:
    return fill('<p role="alert">⚠ {}</p>', Markup(explained(error)))  # escaped there
