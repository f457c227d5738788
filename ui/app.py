"""The page: a tab for the chat, one for the principles, one for clinicians' reviews.

What is asked and answered stays in the browser and in memory, unless a person turns its keeping on: no log, error
or temporary file has it.
"""

import os
from pathlib import Path
from urllib.request import getproxies

import gradio as gr
from sqlalchemy import Engine

from agent import NOTICE
from agent.service import Service
from ui.chat.history import History
from ui.chat.tab import chat_tab
from ui.common.database import open_database
from ui.common.html import fill
from ui.library.tab import library_tab
from ui.programs.endpoints import add_programs, mcp_options, speak_json
from ui.review.tab import review_tab

WAITING = 100
# Each session costs memory for as long as the server remembers it; the least recently used go first.
SESSIONS = 200
STATIC = Path(__file__).parent / "static"
TITLE = (
    '<header class="title"><h1>ClinAlign</h1><p>Answers health questions, checks each answer against clinical '
    'principles, and shows what it changed.</p><p class="always">⚠️ {}</p></header>'
)
ADAPTED = '<p class="always">The model that answers is {}: it was trained further.</p>'
COLOURS = {
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_cancel_background_fill": "#b91c1c",
    "button_cancel_background_fill_hover": "#991b1b",
    "button_cancel_text_color": "white",
    "input_placeholder_color": "*neutral_500",
}
# What a model or a library names is shown as text; should a picture slip through, it still loads from here only.
POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'self'; base-uri 'self'"


def build_app(service: Service, engine: Engine) -> gr.Blocks:
    """The page over what its visitors share."""
    app: gr.Blocks
    with gr.Blocks(title="ClinAlign", analytics_enabled=False) as app:
        # First of all: Gradio names the page's own events after their functions, and one of those is an `ask`, too.
        add_programs(service)
        alert = gr.HTML("", elem_id="alert", apply_default_css=False)
        with gr.Row(elem_id="top"):
            title = fill(TITLE, NOTICE) + (fill(ADAPTED, service.adapted) if service.adapted else "")
            gr.HTML(str(title), apply_default_css=False)
            dark = gr.Button("Dark or light", size="sm", scale=0, min_width=110, elem_id="theme")
            dark.click(None, None, None, js="() => window.clinalign.theme()", api_visibility="private")
        with gr.Tabs():
            with gr.Tab("Chat", id="chat"):
                chat_tab(app, service, History(engine), alert)
            with gr.Tab("Principles", id="principles"):
                library_tab(service)
            with gr.Tab("Rubric review", id="rubric-review"):
                review_tab(engine, service)
    app.queue(max_size=WAITING)
    return app


def launch(service: Service, host: str, port: int, mcp: bool = False) -> str:
    """Serve the page in the background; returns its address. `mcp` offers its programs as MCP tools as well.

    Raises ConfigError where an option, an environment variable or the database cannot be used.
    """
    tools = mcp_options(host) if mcp else {"mcp_server": False}
    # Gradio asks its own server whether it is up, and a proxy of the environment must not be asked instead.
    for name in ("no_proxy", "NO_PROXY") if getproxies() else ():
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "localhost,127.0.0.1")))
    app = build_app(service, open_database())
    _, address, _ = app.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        state_session_capacity=SESSIONS,
        head=head(),
        css_paths=STATIC / "page.css",
        theme=theme(),
        **tools,
    )
    if mcp:
        speak_json(app)
    return address


def theme() -> gr.themes.Base:
    """Fonts of the visitor's own system, and colours with enough contrast."""
    base = gr.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    dark = {f"{name}_dark": value for name, value in COLOURS.items()}
    return base.set(**COLOURS, **dark, color_accent="*primary_700", body_text_color_subdued="*neutral_600")


def head() -> str:
    """What goes into the page's head."""
    script = (STATIC / "page.js").read_text("utf-8")
    return f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><script>{script}</script>'
