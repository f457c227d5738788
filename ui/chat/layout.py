"""Where things are on the chat's page; what they do is in `ui.chat.tab`."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.chat.panel import EMPTY
from ui.chat.settings import MOST_PRINCIPLES, MOST_ROUNDS, MOST_TEMPERATURE
from ui.chat.turn import Conversation
from ui.common.html import fill

EXAMPLES = (
    "My father has had crushing chest pain and has been sweating for 20 minutes. What should I do?",
    "I take warfarin. Can I take ibuprofen for my back pain?",
    "My TSH is 6.8 and my free T4 is normal. What does that mean?",
    "I am a GP. How should apixaban be dosed at 82 years, 58 kg and creatinine 140 umol/L?",
)
WELCOME = (
    '<div class="welcome"><h2>Ask a health question</h2><ol>'
    "<li><b>Draft</b> A language model writes a first answer.</li>"
    "<li><b>Check</b> The draft is checked against clinical principles that fit your question.</li>"
    "<li><b>Mend</b> What fails is mended. Every change names the principle behind it.</li>"
    "</ol></div>"
)
# A closed page's conversation is forgotten within the hour, and that of one left open after this time.
FORGOTTEN_AFTER_S = 12 * 3600
Component = Any


@dataclass(frozen=True)
class Layout:
    """The components of the page that something happens to."""

    talk: Component
    welcome: Component
    examples: list[Component]
    past: Component
    now: Component
    stage: Component
    question: Component
    ask: Component
    stop: Component
    retry: Component
    edit: Component
    new: Component
    copy: Component
    markdown: Component
    json: Component
    text: Component
    settings: list[Component]
    which: Component
    panel: Component


def stage_html(words: str) -> str:
    """The line that a screen reader follows; it stays in its place so that its changes are told."""
    return str(fill('<p class="stage" role="status">{}</p>', words))


def left_column(endpoint: bool) -> dict[str, Any]:
    """Conversation, question and settings; `endpoint` says whether visitors may name a model endpoint."""
    made: dict[str, Any] = {"talk": gr.State(Conversation(), time_to_live=FORGOTTEN_AFTER_S)}
    with gr.Column(elem_id="welcome") as made["welcome"]:
        gr.HTML(WELCOME)
        made["examples"] = [gr.Button(example, elem_classes="example") for example in EXAMPLES]
    made["past"] = gr.HTML(elem_id="past", apply_default_css=False)
    made["now"] = gr.HTML(elem_id="now", apply_default_css=False)
    made["stage"] = gr.HTML(stage_html(""), elem_id="stage", apply_default_css=False)
    with gr.Row(elem_id="composer", equal_height=True):
        made["question"] = gr.Textbox(
            label="Your question",
            show_label=False,
            placeholder="Ask a health question",
            elem_id="question",
            lines=1,
            max_lines=8,
            max_length=50_000,
            scale=8,
            autofocus=True,
            container=False,
        )
        made["ask"] = gr.Button("Ask", variant="primary", scale=1, min_width=80, elem_id="ask")
        made["stop"] = gr.Button("Stop", variant="stop", scale=1, min_width=80, elem_id="stop", visible=False)
    with gr.Row(elem_id="tools"):
        for name, words in (
            ("retry", "Retry"),
            ("edit", "Edit question"),
            ("copy", "Copy answer"),
            ("markdown", "Save as Markdown"),
            ("json", "Save as JSON"),
        ):
            made[name] = gr.Button(words, size="sm", min_width=80, interactive=False, elem_id=name)
        made["new"] = gr.Button("New conversation", size="sm", min_width=80, elem_id="new")
    made["text"] = gr.Textbox(visible="hidden", label="Export", elem_id="export")
    made["settings"] = _settings(endpoint)
    return made


def _settings(endpoint: bool) -> list[Component]:
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        return [
            gr.Slider(
                0, MOST_ROUNDS, 1, step=1, label="Rounds of revision", info="0: the draft is checked and not changed"
            ),
            gr.Slider(1, MOST_PRINCIPLES, 6, step=1, label="Principles", info="The most to check an answer against"),
            gr.Radio(
                [("Mend sentence by sentence", "edits"), ("Rewrite the whole answer (for strong models)", "rewrite")],
                value="edits",
                label="Way of revising",
            ),
            gr.Slider(
                0, MOST_TEMPERATURE, 0, step=0.1, label="Temperature", info="0: the same question, the same draft"
            ),
            gr.Textbox(
                label="Model endpoint",
                info="Empty: the usual model. Otherwise a URL on a host that the operator of this page allows.",
                placeholder="http://host:8000/v1",
                max_lines=1,
                visible=endpoint,
            ),
        ]


def right_column() -> dict[str, Any]:
    """The review of an answer."""
    gr.HTML("<h2>Review</h2>", apply_default_css=False)
    which = gr.Dropdown([], label="Review of", visible=False, elem_id="which")
    return {"which": which, "panel": gr.HTML(str(EMPTY), elem_id="panel", apply_default_css=False)}
