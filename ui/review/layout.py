"""The fields of the review tab, from top to bottom in the order in which a clinician needs them."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from agent import NOTICE
from ui.common.html import fill
from ui.review.editor import rubric_editor
from ui.review.shown import STYLE

INTRO = (
    "For each question you are given a draft rubric. Correct it until it says what a good answer must do, grade two "
    "answers with it, say which is better, and sign. Everything is saved as you go."
)
RUBRIC_HELP = (
    "Each criterion is a yes/no question about an answer. **Points above 0**: the answer should do this. "
    "**Points below 0**: it is a fault if it does. From -10 to 10, and the further from 0 the more it matters. "
    "Choose **yes** or **no** for each of the answers A and B."
)
ANSWERS_HELP = (
    "Paste two answers, or let the model write them: its first draft and its revision, in an order that is not shown. "
    "Without answers you can sign the rubric alone."
)
PREFERENCES = [("Answer A is better", "A"), ("Answer B is better", "B"), ("It is a tie", "tie")]


@dataclass
class Fields:
    """Components by name; `form` is what the clinician fills in, the editor first."""

    initials: Any
    begin: Any
    welcome: Any
    work: Any
    status: Any
    question: Any
    owner: Any
    conversation: Any
    conflict: Any
    conflict_row: Any
    theirs: Any
    mine: Any
    answer_a: Any
    answer_b: Any
    write: Any
    stop: Any
    progress: Any
    editor: Any
    propose: Any
    score: Any
    preference: Any
    reason: Any
    sign: Any
    skip: Any
    past: Any
    history: Any
    agreeing: Any
    agreement: Any
    every: Any
    typed: Any
    add: Any
    export: Any

    @property
    def form(self) -> list[Any]:
        """The components that hold the review, in the order in which acts take them."""
        return [self.editor, self.answer_a, self.answer_b, self.preference, self.reason]


def layout() -> Fields:
    """Draw the tab."""
    made: dict[str, Any] = {}
    gr.HTML(f"<style>{STYLE}</style>", padding=False)
    gr.Markdown(INTRO)
    with gr.Row(equal_height=True):
        made["initials"] = gr.Textbox(
            label="Your initials", max_lines=1, max_length=8, placeholder="e.g. AB", scale=1, min_width=140
        )
        made["begin"] = gr.Button("Begin", variant="primary", scale=0, min_width=120)
    made["welcome"] = gr.HTML("", padding=False)
    with gr.Column(visible=False) as made["work"]:
        _choosing(made)
        _answers(made)
        _rubric(made)
        _deciding(made)
        _bar(made)
    _besides(made)
    return Fields(**made)


def _choosing(made: dict[str, Any]) -> None:
    with gr.Row():
        made["question"] = gr.Dropdown(label="Question (✓: signed by)", choices=[], scale=4, min_width=260)
        made["owner"] = gr.Dropdown(label="Whose review", choices=[], scale=1, min_width=160)
    made["conversation"] = gr.HTML("", padding=False)


def _answers(made: dict[str, Any]) -> None:
    gr.Markdown(f"## 1 · Two answers\n{ANSWERS_HELP}")
    with gr.Row():
        for side in ("a", "b"):
            made[f"answer_{side}"] = gr.Textbox(label=f"Answer {side.upper()}", lines=4, max_lines=16, min_width=280)
    gr.HTML(str(fill('<small class="review-quiet">⚠️ {}</small>', NOTICE)), padding=False)
    with gr.Row():
        made["write"] = gr.Button("Let the model write both answers", size="sm", min_width=200)
        made["propose"] = gr.Button("Let the model propose missing verdicts", size="sm", min_width=200)
        made["stop"] = gr.Button("Stop", size="sm", scale=0, min_width=90)
    made["progress"] = gr.HTML("", padding=False)


def _rubric(made: dict[str, Any]) -> None:
    gr.Markdown(f"## 2 · Rubric and verdicts\n{RUBRIC_HELP}")
    made["editor"] = rubric_editor()
    made["score"] = gr.HTML("", padding=False)


def _deciding(made: dict[str, Any]) -> None:
    gr.Markdown("## 3 · Which answer is better?")
    made["preference"] = gr.Radio(PREFERENCES, show_label=False, label="Which answer is better?")
    made["reason"] = gr.Textbox(label="Why? (optional)", lines=2, max_lines=6)
    gr.Markdown("## 4 · Sign")
    with gr.Row():
        made["sign"] = gr.Button("Sign and go to the next question", variant="primary", min_width=220)
        made["skip"] = gr.Button("Next question without signing", min_width=220)


def _bar(made: dict[str, Any]) -> None:
    """It stays in sight: whether one's work is saved must never be out of it."""
    with gr.Column(elem_id="review-bar"):
        made["conflict"] = gr.HTML("", padding=False)
        with gr.Row(visible=False) as made["conflict_row"]:
            made["theirs"] = gr.Button("Load theirs and drop my unsaved changes", size="sm")
            made["mine"] = gr.Button("Keep mine as a new version", variant="primary", size="sm")
        made["status"] = gr.HTML("", padding=False)


def _besides(made: dict[str, Any]) -> None:
    with gr.Accordion("History of this review", open=False, visible=False) as made["past"]:
        made["history"] = gr.HTML("", padding=False)
    with gr.Accordion("Agreement between reviewers", open=False, visible=False) as made["agreeing"]:
        made["agreement"] = gr.HTML("", padding=False)
        made["every"] = gr.Button("Compare over all questions", size="sm")
    with gr.Accordion("Add a question, export", open=False):
        made["typed"] = gr.Textbox(label="A new question", lines=3, max_lines=10)
        made["add"] = gr.Button("Add the question", size="sm")
        made["export"] = gr.Button("Download all signed reviews (JSONL)", size="sm")
