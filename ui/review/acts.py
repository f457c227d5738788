"""What happens in the review tab: each act takes what the page shows and tells what to show next."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from typing import Any

import gradio as gr

from agent.service import Service
from principles.errors import ClinAlignError, InputError
from training.common.questions import Question, question_of
from training.reviews.begun import shuffled
from training.reviews.compared import all_pairs
from training.reviews.record import Review, initials_from
from ui.common.html import fill, joined, percent
from ui.review.choices import owners_listed, questions_listed
from ui.review.desk import Desk, Desks, Unfinished, filled_in
from ui.review.drafting import draft_answers, propose
from ui.review.editor import proposed_in_editor, shown_in_editor
from ui.review.layout import Fields
from ui.review.shown import (
    agreement_shown,
    conflict_shown,
    history_shown,
    question_shown,
    score_shown,
    status_shown,
)

Shown = dict[Any, Any]
UNDECIDED = "decide first: load theirs, or keep yours as a new version"


class Acts:
    """`desk` is the State that holds the open review; an act returns new values by component."""

    def __init__(self, fields: Fields, desk: Any, desks: Desks, service: Service) -> None:
        self._fields = fields
        self._desk = desk
        self._desks = desks
        self._service = service

    def ready(self) -> Iterator[str]:
        """Load the search, which takes a while the first time, and say so."""
        yield fill('<p role="status">Getting the principles ready. The first time this takes up to a minute …</p>')
        with suppress(ClinAlignError):  # met again where a rubric is drafted, and told there
            self._service.resources.search()
        yield ""

    def begin(self, initials: str, desk: Desk | None, *form: Any) -> Shown:
        """The first question that this person has not signed; the last one if there is none."""
        editor = initials_from(initials)
        if desk and desk.editor == editor:
            return {}
        if desk and (blocked := self._left(desk, form)):
            return blocked
        question = self._desks.next_open(editor) or next(iter(self._desks.store.questions()), None)
        if question is None:
            return {self._fields.welcome: fill("<p>There are no questions yet: add one below.</p>")}
        return self._open(editor, question)

    def go(self, desk: Desk | None, question_id: str, owner: str | None, *form: Any) -> Shown:
        """Another question, or another person's review of this one; what is open is saved first."""
        desk = _there(desk)
        if blocked := self._left(desk, form):
            return blocked
        question = next((one for one in self._desks.store.questions() if one.prompt_id == question_id), desk.question)
        same = question.prompt_id == desk.question.prompt_id
        return self._open(desk.editor, question, owner if same else None)

    def skip(self, desk: Desk | None, *form: Any) -> Shown:
        """The next question that this person has not signed; what is open is saved first."""
        desk = _there(desk)
        if blocked := self._left(desk, form):
            return blocked
        return self._open(desk.editor, self._desks.next_open(desk.editor, desk.question) or desk.question)

    def change(self, desk: Desk | None, *form: Any) -> Shown:
        """Save what the page shows now. What it showed before it was filled anew comes too late and is left."""
        sheet = form[0]["sheet"] if form[0] else ""
        if sheet and desk is None:
            raise InputError("the server no longer knows this page: copy what is not saved, and reload")
        if desk is None or sheet != desk.sheet:
            return {}
        review = _review(desk, form)
        return self._saved(self._desks.save(desk, review), review)

    def sign(self, desk: Desk | None, *form: Any) -> Shown:
        """Save as signed, or say what is missing."""
        desk = _there(desk)
        review = _review(desk, form)
        if desk.theirs:
            return {self._fields.status: status_shown(desk, UNDECIDED)}
        try:
            signed = self._desks.sign(desk, review)
        except Unfinished as error:
            faults = [fill("<li>{}</li>", fault) for fault in error.faults]
            said = fill('<div role="alert"><b>Not signed yet:</b><ul>{}</ul></div>', joined(faults))
            return self._saved(error.desk, review) | {self._fields.status: said}
        if signed.theirs:
            return self._saved(signed, review)
        question = self._desks.next_open(desk.editor, desk.question)
        if question:
            return self._open(desk.editor, question)
        done = fill('<p role="status">✓ Signed. You have signed all questions.</p>')
        return self._open(desk.editor, desk.question, desk.owner) | {self._fields.status: done}

    def keep_mine(self, desk: Desk | None, *form: Any) -> Shown:
        """Save over a colleague's change that was shown."""
        desk = _there(desk)
        review = _review(desk, form)
        return self._saved(self._desks.keep_mine(desk, review), review)

    def load_theirs(self, desk: Desk | None) -> Shown:
        """Show the review as a colleague has changed it."""
        return self._shown(self._desks.load_theirs(_there(desk)))

    def add(self, text: str, initials: str, desk: Desk | None, *form: Any) -> Shown:
        """Add a question that was typed in, and open it."""
        question = question_of(text)
        self._desks.store.add([question])
        cleared = {self._fields.typed: ""}
        if desk and (blocked := self._left(desk, form)):
            return blocked | cleared
        return self._open(desk.editor if desk else initials_from(initials), question) | cleared

    async def write(self, desk: Desk | None) -> AsyncGenerator[tuple[str, Any], None]:
        """Progress in words, and at last the answers for `place`."""
        desk = _there(desk)
        answers = None
        async with aclosing(draft_answers(desk.question, self._service)) as tellings:
            async for told in tellings:
                if isinstance(told, str):
                    yield fill('<p role="status">The model is at work: {} …</p>', told), None
                else:
                    answers = told
        yield "", (desk.sheet, answers)

    def place(self, desk: Desk | None, written: Any, *form: Any) -> Shown:
        """Put the written answers into the page, unless somebody has written there meanwhile."""
        if desk is None or written is None or written[0] != desk.sheet:
            return {}
        if any((text or "").strip() for text in form[1:3]):
            return {self._fields.progress: fill("<p>Answers were there already: nothing was replaced.</p>")}
        draft, revision = written[1]
        if draft == revision:
            answers, origins = (draft, ""), ("draft", "pasted")
            said = "The model left its draft as it is: this is A. Write B yourself."
        else:
            (answers, origins), said = shuffled(desk.question, (draft, revision), ("draft", "revision")), ""
        review = _review(desk, (form[0], *answers, *form[3:])).model_copy(update={"origins": origins})
        shown = {self._fields.answer_a: answers[0], self._fields.answer_b: answers[1]}
        return self._saved(self._desks.save(desk, review), review) | shown | {self._fields.progress: said}

    def propose(self, desk: Desk | None, *form: Any) -> Iterator[tuple[str, Any]]:
        """The judge's verdicts where there are none, one after the other."""
        desk = _there(desk)
        for done, of, proposals in propose(desk.question, _review(desk, form), self._service):
            if not of:
                yield fill("<p>Nothing to propose: each answer that is there has all its verdicts.</p>"), gr.skip()
            elif done < of:
                words = '<p role="status">The model proposes verdicts: {} of {} ({})</p>'
                yield fill(words, done, of, self._service.loading or percent(done / of)), gr.skip()
            else:
                said = fill("<p>Proposed verdicts are marked “judge’s”. Check each: your signature stands for it.</p>")
                yield said, proposed_in_editor(desk.sheet, proposals)

    def past(self, desk: Desk | None) -> str:
        """Who changed what and when, as HTML."""
        desk = _there(desk)
        return history_shown(self._desks.store.history(desk.question.prompt_id, desk.owner))

    def agreement(self, desk: Desk | None) -> str:
        """On this question; not before one has signed oneself, or the other's verdicts would show through."""
        desk = _there(desk)
        if desk.owner == desk.editor and not desk.saved.signed:
            return fill(
                "<p>Sign your own review first: agreement means something only where neither saw the other.</p>"
            )
        return agreement_shown(all_pairs(self._desks.store.signed(desk.question.prompt_id)))

    def agreement_of_all(self) -> str:
        """How far each two reviewers agree, over all questions that both have signed, as HTML."""
        return agreement_shown(all_pairs(self._desks.store.signed()))

    def _left(self, desk: Desk, form: Any) -> Shown:
        """Save before something else is opened; what to show instead where that is refused."""
        if form[0] and form[0]["sheet"] == desk.sheet:
            review = _review(desk, form)
            desk = self._desks.save(desk, review)
            if desk.theirs:
                back = {self._fields.question: desk.question.prompt_id, self._fields.owner: desk.owner}
                return self._saved(desk, review) | back | {self._fields.status: status_shown(desk, UNDECIDED)}
        return {}

    def _open(self, editor: str, question: Question, owner: str | None = None) -> Shown:
        return self._shown(self._desks.open(editor, question, owner))

    def _shown(self, desk: Desk) -> Shown:
        """Everything, for a desk that was just opened."""
        fields, review, store = self._fields, desk.saved, self._desks.store
        opened = {
            fields.welcome: "",
            fields.work: gr.update(visible=True),
            fields.past: gr.update(visible=True, open=False),
            fields.agreeing: gr.update(visible=True, open=False),
            fields.question: gr.update(choices=questions_listed(store, desk.question), value=desk.question.prompt_id),
            fields.owner: gr.update(choices=owners_listed(store, desk), value=desk.owner),
            fields.conversation: question_shown(desk),
            fields.editor: shown_in_editor(desk),
            fields.answer_a: review.answers[0],
            fields.answer_b: review.answers[1],
            fields.preference: review.preference,
            fields.reason: review.reason,
            fields.progress: "",
        }
        return opened | self._saved(desk, review)

    def _saved(self, desk: Desk, review: Review) -> Shown:
        fields = self._fields
        return {
            self._desk: desk,
            fields.status: status_shown(desk),
            fields.conflict: conflict_shown(desk),
            fields.conflict_row: gr.update(visible=desk.theirs is not None),
            fields.score: score_shown(review),
        }


def _there(desk: Desk | None) -> Desk:
    if desk is None:
        raise InputError("no review is open here: give your initials and press Begin")
    return desk


def _review(desk: Desk, form: Any) -> Review:
    editor, answer_a, answer_b, preference, reason = form
    if not editor or editor["sheet"] != desk.sheet:
        raise InputError("the page has just changed: look, and press again")
    return filled_in(desk, editor["rows"], (answer_a, answer_b), preference, reason)
