"""The principles: browse and search them, and see which ones a question brings in, and why."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import gradio as gr

from agent import NOTICE
from agent.language import is_english
from agent.llm.sendable import sendable
from agent.service import Service
from agent.state import Context
from principles.errors import ClinAlignError
from principles.library import Library, load_library
from principles.schema import DIMENSIONS, Principle, Scenario
from ui.common.failures import explained
from ui.common.html import Markup, fill, percent
from ui.library.cards import CSS, cards, fits, found_table, scenario_list, table, words

ANY = "any"
MOST_CHARACTERS = 20_000
NOT_READ = "The search reads English only. The chat has such a question translated first; please ask in English here."


def library_tab(service: Service) -> None:
    """The tab's content, over the library that the agent uses."""
    given = service.resources.given_retriever
    library = given.library if given else _library()
    everything = list(library.principles)
    with gr.Row():
        text = gr.Textbox(label="Search", placeholder="words, e.g. anticoagulant bleeding", scale=2)
        dimension = gr.Dropdown([ANY, *DIMENSIONS], value=ANY, label="Dimension", filterable=False)
        value = gr.Dropdown(_values(ANY), value=ANY, label="Value", filterable=False)
    with gr.Accordion("Try a question", open=False):
        question = gr.Textbox(
            label="Question", lines=2, max_length=MOST_CHARACTERS, placeholder="What would this question bring in?"
        )
        tried = gr.Button("See what retrieval brings", variant="primary")
        brought = gr.HTML(css_template=CSS)
    shown = gr.HTML(cards(everything, len(everything)), css_template=CSS)

    def browse(text: str, dimension: str, value: str) -> str:
        return cards(search(library, text, dimension, value), len(everything))

    filters = [text, dimension, value]
    dimension.change(
        lambda chosen: gr.Dropdown(_values(chosen), value=ANY), dimension, value, api_visibility="private", queue=False
    )
    gr.on(
        [text.change, dimension.change, value.change],
        browse,
        filters,
        shown,
        api_visibility="private",
        queue=False,
        show_progress="hidden",
        trigger_mode="always_last",
    )
    gr.on(
        [tried.click, question.submit],
        lambda asked: brings(service, asked),
        question,
        brought,
        api_visibility="private",
    )


def search(library: Library, text: str, dimension: str = ANY, value: str = ANY) -> list[Principle]:
    """The principles that have every word of `text` anywhere, of that dimension and value; ANY filters nothing."""
    wanted = text.casefold().split()
    return [
        one
        for one in library.principles
        if dimension in (ANY, one.dimension)
        and value in (ANY, *one.values)
        and all(word in _everything(one) for word in wanted)
    ]


def brings(service: Service, question: str) -> str:
    """What retrieval brings for a question, as HTML: its scenario, and the principles with their scores."""
    question = sendable(question)
    if not question.strip():
        return fill("<p>{}</p>", "Write a question first.")
    try:
        search = service.resources.search()
        turns = [{"role": "user", "content": question}]
        scenario = search.scenario(turns, said=question)
        found = search.principles(turns, scenario, Context().top_k)
    except Exception as error:  # noqa: BLE001 - the page shows any failure, in words that quote nothing
        return fill("<p>⚠️ {}</p>", Markup(explained(error)))
    unread = "" if is_english(question) else fill("<p>{}</p>", NOT_READ)
    return unread + scenario_list(scenario) + found_table(found, scenario) + fill("<p><small>{}</small></p>", NOTICE)


def why_picked(result: Mapping[str, Any], library: Library | None = None) -> str:
    """Why each principle of an agent's output was taken, as HTML: mandatory or alike, for what, and P(applies)."""
    if not result.get("principles"):
        return fill("<p>{}</p>", "No principle was found to apply.")
    library = library or _library()
    scenario = Scenario.model_validate(result["scenario"])
    rows = [
        (
            fill("{} <small>{}</small>", one["statement"], one["id"]),
            "mandatory for its kind of question" if one["mandatory"] else "similar to the question",
            f"{one['similarity']:.2f}",
            _fits(one, scenario, library),
            "not asked" if one.get("applies") is None else percent(one["applies"]),
        )
        for one in result["principles"]
    ]
    heads = ("principle", "why", "similarity", "fits", "chance that it applies")
    return table("Why these principles were picked", heads, rows)


def _fits(one: Mapping[str, Any], scenario: Scenario, library: Library) -> str:
    try:
        values = library.get(one["id"]).values
    except ClinAlignError:  # an answer that was kept from a time when the library was another
        return str(one["dimension"])
    return fits(values, one["dimension"], scenario)


def _values(dimension: str) -> list[tuple[str, str]]:
    kinds = DIMENSIONS.values() if dimension == ANY else [DIMENSIONS[dimension]]
    return [(ANY, ANY), *((words(str(value)), str(value)) for kind in kinds for value in kind)]


def _everything(one: Principle) -> str:
    sources = (f"{source.body} {source.title} {source.year}" for source in one.sources)
    parts = (one.id, one.statement, one.rationale, one.applies_when, one.criterion, one.advice, *one.facets, *sources)
    return "\n".join(parts).casefold()


@cache
def _library() -> Library:
    return load_library()
