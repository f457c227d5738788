"""A conversation as a file: complete, and harmless where it is shown as a page."""

import json
from typing import Any

import pytest
from markdown_it import MarkdownIt

from agent import NOTICE, build_agent
from tests.fakes import FixedClassifier, FixedRetriever, ScriptedChat, principle
from tests.unit.agent.test_agent import literal
from ui.chat.export import as_json, as_markdown, held, plain

QUESTION = "Can I rest a while with tea?"
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")
NASTY = "```\n# Now\n![x](http://pictures.invalid/x.png) <script>alert(1)</script> [a](http://b.invalid)\n````\n~~~"
LINKS = "see http://c.invalid www.d.invalid <b>&amp; e@f.invalid | `x` ![y](g.invalid)"


@pytest.fixture
def result(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: FixedClassifier())
    retriever: Any = FixedRetriever(JAM)
    asked: Any = {"messages": [{"role": "user", "content": QUESTION}]}
    return build_agent(ScriptedChat(draft="Rest a while. Eat jam daily.", chance=literal), retriever).invoke(asked)


def talk(*said: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 9, said, strict=False)]


def test_markdown_has_question_answer_draft_checks_sources_edits_and_the_notice(result: dict[str, Any]) -> None:
    made = as_markdown(talk(QUESTION, result["answer"]), [result])
    for wanted in (
        NOTICE,
        "## Question 1",
        QUESTION,
        "### Answer (1 point checked)",
        "Rest a while. Leave the sweet spread out.",
        "### First draft\n\n```\nRest a while. Eat jam daily.",
        "- urgency: non emergent",
        "| Does the answer mention jam? | -8 | ✗ yes | ✓ no |",
        "- `task.jam` (-8): The answer mentions jam. Sources: WHO, Guide, 2020",
        "- Eat jam daily.",
        "+ Leave the sweet spread out.",
    ):
        assert wanted in made


def test_json_has_the_messages_and_the_reviews_as_plain_types(result: dict[str, Any]) -> None:
    made = json.loads(as_json(talk(QUESTION, result["answer"]), [result | {"turns": ["inner"], "versions": []}]))
    assert set(made) == {"notice", "messages", "reviews"}
    assert made["notice"] == NOTICE
    assert made["messages"] == talk(QUESTION, result["answer"])
    (review,) = made["reviews"]
    assert review == plain(result)
    assert set(result) - set(review) == {"messages"}


def test_a_question_without_an_answer_and_an_answer_without_a_review_are_kept(result: dict[str, Any]) -> None:
    made = as_markdown(talk("one", "first", "two", "second", "three"), [result])
    assert (
        made.index("### Answer (1 point checked)")
        < made.index("### Answer (not reviewed)")
        < made.index("## Question 3")
    )
    assert made.count("### Answer") == 2
    assert as_markdown([], []).count("##") == 0


def test_how_far_an_answer_was_reviewed(result: dict[str, Any]) -> None:
    assert held(result) == "1 point checked"
    assert held(None) == held(result | {"reviewed": False}) == "not reviewed"
    partly = result["rubric"] | {"final": result["rubric"]["final"] | {"coverage": 0.75}}
    assert held(result | {"rubric": partly}) == "1 point checked"
    assert "no principle" in held(result | {"rubric": result["rubric"] | {"criteria": []}})


def test_a_review_that_failed_is_exported_with_its_warning(result: dict[str, Any]) -> None:
    rubric = result["rubric"] | {"draft": None, "final": None}
    failed = result | {"reviewed": False, "warnings": ["the critique failed"], "edits": [], "rubric": rubric}
    made = as_markdown(talk(QUESTION, "Rest."), [failed])
    assert "⚠️ the critique failed" in made
    assert "| -8 | not checked | not checked |" in made


def test_nothing_that_was_written_becomes_a_link_a_picture_or_a_tag(result: dict[str, Any]) -> None:
    criteria = [result["rubric"]["criteria"][0] | {"text": LINKS}]
    principles = [result["principles"][0] | {"statement": LINKS, "sources": [{"body": LINKS, "title": "x", "year": 1}]}]
    edits = [result["edits"][0] | {"added": NASTY}]
    hostile = result | {
        "draft": f"{NASTY} ",
        "answer": "else",
        "warnings": [LINKS],
        "rubric": result["rubric"] | {"criteria": criteria},
        "principles": principles,
        "edits": edits,
    }
    made = as_markdown(talk(NASTY, NASTY), [hostile])
    # What GitHub and others read: bare addresses become links, HTML stays HTML.
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable("table")
    tokens = [t for token in reader.parse(made) for t in (token, *(token.children or ()))]
    assert {t.type for t in tokens} & {"image", "link_open", "html_inline", "html_block"} == set()
    assert {t.type for t in tokens} >= {"fence", "table_open", "heading_open", "bullet_list_open"}
    headings = [t.map for t in tokens if t.type == "heading_open"]
    assert len(headings) == 8
    for mark in ("http\\://c", "www\\.d", "e\\@f"):
        assert mark in made
    columns = {line.count(" | ") for line in made.splitlines() if line.startswith("| ")}
    assert columns == {3}
