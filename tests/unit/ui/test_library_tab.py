"""The principles' tab: search, cards, what a question brings in, and why; all text harmless."""

import re
from typing import Any

import gradio as gr
import pytest

from agent import NOTICE, build_agent
from agent.resources import Resources
from agent.service import Service
from principles.library import Library, load_library
from principles.schema import DIMENSIONS
from tests.fakes import FixedClassifier, FixedRetriever, ScriptedChat, principle
from ui.library.cards import card, cards
from ui.library.tab import ANY, NOT_READ, _values, brings, library_tab, search, why_picked

TEA = principle("tea", values=("medication", "documentation"))
RUSH = principle("rush", dimension="urgency", points=-8, safety_critical=True, always=True)
HOSTILE = '<img src=x onerror="alert(1)"> <script>alert(2)</script> ${alert(3)} {{value}}'


@pytest.fixture(autouse=True)
def classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: FixedClassifier())


def service(*principles: Any) -> Service:
    retriever: Any = FixedRetriever(*principles)
    return Service(Resources(ScriptedChat(), retriever))


def library(*principles: Any) -> Library:
    return Library(tuple(principles), "digest")


def ids(found: Any) -> list[str]:
    return [one.id for one in found]


def test_search_wants_every_word_anywhere() -> None:
    both = library(TEA, RUSH)
    assert ids(search(both, "")) == ["task.tea", "urgency.rush"]
    assert ids(search(both, "TEA")) == ["task.tea"]
    assert ids(search(both, "who rush")) == ["urgency.rush"]
    assert ids(search(both, "tea rush")) == []


def test_dimension_and_value_narrow_it() -> None:
    both = library(TEA, RUSH)
    assert ids(search(both, "", "urgency")) == ["urgency.rush"]
    assert ids(search(both, "", ANY, "documentation")) == ["task.tea"]
    assert ids(search(both, "", "urgency", "documentation")) == []


def test_every_principle_of_the_library_is_found_by_its_dimension_and_values() -> None:
    whole = load_library()
    by_dimension = [search(whole, "", dimension) for dimension in DIMENSIONS]
    assert sum(map(len, by_dimension)) == len(whole.principles) == 119
    for dimension in DIMENSIONS:
        found = {one.id for _, value in _values(dimension) for one in search(whole, "", dimension, value)}
        assert found == {one.id for one in search(whole, "", dimension)}


def test_a_card_has_all_that_the_library_says() -> None:
    for one in load_library().principles:
        shown = card(one)
        fields = (one.statement, one.rationale, one.applies_when, one.criterion, one.advice, one.sources[0].title)
        for text in (*fields, *one.facets):
            assert str(gr_escape(text)) in shown
        assert f"({one.points:+})" in shown
    assert "in every rubric of its scenario" in card(RUSH)
    assert "in every rubric of its scenario" not in card(TEA)


def gr_escape(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))


def test_what_a_question_brings_in_is_shown_with_scores() -> None:
    shown = brings(service(RUSH, TEA), "Can I take tea?")
    assert "urgency: <b>non emergent</b>" in shown
    assert NOTICE in shown
    rows = re.findall("<tr>(.*?)</tr>", shown)[1:]
    assert [row.count("<td>") for row in rows] == [3, 3]
    assert "<td>yes</td><td>0.90</td><td>urgency: another than non emergent</td>" in rows[0]
    assert "<td>no</td><td>0.90</td><td>task: medication</td>" in rows[1]


def test_a_question_that_the_search_cannot_read_is_said_to_be_one() -> None:
    assert NOT_READ in brings(service(TEA), "¿Puedo tomar ibuprofeno si tomo warfarina?")
    assert NOT_READ not in brings(service(TEA), "Can I take tea?")


def test_a_search_that_fails_is_explained_without_the_question(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError(*args[1:2])

    monkeypatch.setattr(FixedRetriever, "retrieve", fail)
    shown = brings(service(TEA), "zanzibar?")
    assert "RuntimeError" in shown
    assert "zanzibar" not in shown + caplog.text + "".join(capfd.readouterr())
    assert "Write a question" in brings(service(TEA), " \0")


def test_why_a_principle_was_picked() -> None:
    retriever: Any = FixedRetriever(TEA)
    asked: Any = {"messages": [{"role": "user", "content": "Can I take tea?"}]}
    result = build_agent(ScriptedChat(), retriever).invoke(asked)
    assert "<td>similar to the question</td><td>0.90</td><td>task: medication</td><td>90%</td>" in why_picked(
        result, library(TEA)
    )
    mandatory = result | {"principles": [result["principles"][0] | {"mandatory": True, "applies": None}]}
    assert "<td>mandatory for its kind of question</td>" in why_picked(mandatory, library(TEA))
    assert "<td>not asked</td>" in why_picked(mandatory, library(TEA))
    # The library has changed since: what is not known is left out.
    assert "<td>task</td>" in why_picked(result, library(RUSH))
    assert "No principle" in why_picked({"principles": []})


def test_nothing_in_a_principle_becomes_part_of_the_page() -> None:
    source = {"body": HOSTILE, "title": HOSTILE, "year": 2020}
    hostile = principle(
        "x", **dict.fromkeys(("statement", "rationale", "applies_when", "criterion", "advice"), HOSTILE)
    )
    hostile = type(hostile).model_validate(hostile.model_dump() | {"facets": (HOSTILE,) * 3, "sources": (source,)})
    picked = {"principles": [{"id": HOSTILE, "statement": HOSTILE, "mandatory": False, "similarity": 0.1}]}
    scenario = FixedClassifier().classify([]).model_dump(mode="json")
    picked |= {"scenario": scenario, "principles": [picked["principles"][0] | {"dimension": "task"}]}  # type: ignore[dict-item]
    for shown in (
        cards([hostile], 1),
        brings(service(hostile), HOSTILE),
        why_picked(picked, library(TEA)),
    ):
        assert "alert" in shown
        assert "<img" not in shown
        assert "<script" not in shown


def test_the_tab_offers_no_public_endpoint() -> None:
    with gr.Blocks() as page:
        library_tab(service(TEA, RUSH))
    assert {fn.api_visibility for fn in page.fns.values()} == {"private"}


def test_what_a_principle_of_others_lacks_is_not_shown() -> None:
    bare = str(card(principle("tea", advice="", rationale="", facets=(), sources=())))
    whole = str(card(principle("tea")))
    for name in ("What an answer may say", "Why", "Found by", "Sources"):
        assert (f"<dt>{name}</dt>" in whole, f"<dt>{name}</dt>" in bare) == (True, False)
