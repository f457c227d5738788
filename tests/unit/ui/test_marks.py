"""Marks, badge, panel and diff: what the review changed and why; and hostile text in all of them."""

import re
from typing import Any

import pytest

import ui.chat.answering
from tests.fakes import FixedClassifier, ScriptedChat, principle
from tests.unit.ui.page import QUESTION, answered, mended, reader, service, words
from ui.chat.diff import side_by_side
from ui.chat.marks import changes_list, changes_of, marked, pieces
from ui.chat.panel import EMPTY, checks, panel
from ui.chat.trace import Trace
from ui.chat.turn import Turn, emergency, turn_html
from ui.common.html import fill, markdown

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://evil.invalid/x.png)",
    "[press](http://evil.invalid/)",
    "[press](javascript:alert(1))",
    "<http://evil.invalid/>",
    "[x]: http://evil.invalid",
    '"><svg onload=alert(1)>',
    "</textarea></style><b onmouseover=alert(1)>x</b>",
    "${alert(1)} {{value}} `${1}`",
    "⸢1⸴forged⸣",
    "```html\n<iframe src=//evil.invalid></iframe>\n```",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
)
TAGS = re.compile(r"<\s*/?\s*([a-z0-9]+)((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)


@pytest.fixture(autouse=True)
def classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: FixedClassifier())
    monkeypatch.setattr(ui.chat.answering, "DRAWN_EVERY_S", 100.0)


def harmless(html: str) -> None:
    """No tag that runs or loads something, and no attribute that does."""
    for tag, attributes in TAGS.findall(html):
        assert tag.lower() not in {"script", "img", "a", "iframe", "style", "link", "form", "object", "embed", "base"}
        assert not re.search(r"(?:^|\s)(?:on\w+|src|href|style)\s*=", re.sub(r"\"[^\"]*\"", '""', attributes))


def revised(draft: str, answer: str, edits: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """A state in which the answer differs from the draft by `edits`."""
    state = mended().trace.state
    return state | {"draft": draft, "answer": answer, "edits": edits} | fields


def edit(added: str, removed: str = "") -> dict[str, Any]:
    return {
        "criterion_id": "task.jam",
        "kind": "add",
        "removed": removed,
        "added": added,
        "source": "advice",
        "gain": 1,
    }


def test_what_was_added_is_marked_and_names_its_principle() -> None:
    turn = mended()
    changes = changes_of(turn.trace.state)
    page = str(marked(turn.trace.state["answer"], changes, "t"))
    assert re.search(r'<mark class="change" tabindex="0" aria-describedby="t-why-1">Leave the sweet spread out\.', page)
    assert 'role="tooltip" id="t-why-1"' in page
    tip = words(page.split('role="tooltip"')[1])
    assert "The answer mentions jam." in tip
    assert "draft ✗ fails: yes → answer ✓ holds: no" in tip
    assert "WHO: Guide (2020)" in tip
    assert page.count("<mark") == 1


def test_the_list_below_names_what_was_taken_out_too() -> None:
    listed = words(changes_list(changes_of(mended().trace.state), "t"))
    assert listed.startswith("1 change by the review, and why Replaced: Eat jam daily. Leave the sweet spread out.")
    gone = revised("Rest. Eat jam.", "Rest.", [edit("", "Eat jam.")])
    assert "Removed: Eat jam." in words(changes_list(changes_of(gone), "t"))
    assert "<mark" not in marked(gone["answer"], changes_of(gone), "t")


def test_marks_stand_in_lists_and_bold_text_without_breaking_them() -> None:
    answer = "1. Rest.\n2. **Leave it.** Now.\n\n- Drink *water*."
    state = revised("1. Rest.", answer, [edit("**Leave it.** Now."), edit("- Drink *water*.")])
    page = str(marked(answer, changes_of(state), "t"))
    assert re.search(r"<li><mark[^>]*><strong>Leave it\.</strong> Now\.<sup>1</sup>", page)
    assert re.search(r"<ul>\s*<li><mark[^>]*>Drink <em>water</em>\.<sup>2</sup>", page)


def test_a_change_that_a_later_round_took_away_leaves_no_mark() -> None:
    state = revised("Rest.", "Rest well.", [edit("Drink water.")])
    assert "<mark" not in marked(state["answer"], changes_of(state), "t")
    assert "Drink water." in words(changes_list(changes_of(state), "t"))


def test_a_rewritten_answer_is_marked_where_it_differs_for_all_that_it_mended() -> None:
    state = revised("Rest. Eat jam. Sleep.", "Rest. Leave it out. Sleep. See a nurse.", [])
    changes = changes_of(state)
    assert [(change.removed, change.added) for change in changes] == [
        ("Eat jam.", "Leave it out."),
        ("", "See a nurse."),
    ]
    assert [reason.principle for change in changes for reason in change.reasons] == ["task.jam", "task.jam"]
    assert str(marked(state["answer"], changes, "t")).count("<mark") == 2


def test_an_unchanged_answer_has_no_changes() -> None:
    turn = mended("Rest a while.")
    assert changes_of(turn.trace.state) == []
    assert str(changes_list([], "t")) == ""
    assert "unchanged" in words(panel(turn.trace))


def test_pieces_are_all_of_the_text() -> None:
    text = "# Title\nOne. Two.\n\n- a\n- b c\n\n| x | y |"
    assert pieces(text) == ["# Title", "One.", "Two.", "- a", "- b c", "| x | y |"]


def test_a_table_and_a_code_block_stay_whole_side_by_side() -> None:
    draft = (
        "Two doses:\n\n| dose | when |\n| --- | --- |\n| one | now |\n\nThat is all. Rest.\n\n```\na = 1\nb = 2\n```"
    )
    assert len(pieces(draft)) == 5
    shown = str(side_by_side(draft, f"{draft}\n\nSleep well."))
    assert "<th>dose</th>" in shown
    assert "<code>a = 1\nb = 2\n</code>" in shown


def test_the_panel_fills_as_the_review_goes_on() -> None:
    assert panel(None) == panel(Trace()) == EMPTY
    pages: list[str] = []
    answered(
        service(ScriptedChat(draft="Rest a while. Eat jam daily.", chance=reader)),
        look=lambda turn: pages.append(str(panel(turn.trace))),
    )
    assert any("Kind of question" in page and "Checks" not in page for page in pages)
    last = words(pages[-1])
    for part in ("urgency non emergent", "task medication", "safety Does the answer mention jam? task.jam | -8 |"):
        assert part in last
    assert "✗ fails: yes | ✓ holds: no |" in last
    assert "Why these principles?" in last
    assert "Draft | Answer | Rest a while. | Rest a while. | Eat jam daily. | Leave the sweet spread out. |" in last


def test_confidence_and_caution_stand_on_the_chips() -> None:
    trace = mended().trace
    assert trace.scenario is not None
    trace.scenario = trace.scenario | {"confidence": {"urgency": 0.93, "task": 0.4}, "guessed": ("task",)}
    page = words(panel(trace))
    assert "urgency non emergent 93%" in page
    assert "task medication 40% – not sure: the safer value" in page


def test_without_a_principle_nothing_is_said_to_be_checked() -> None:
    state = mended().trace.state
    assert "nothing was checked" in checks(state | {"rubric": {"criteria": [], "draft": None, "final": None}})


@pytest.mark.parametrize(
    ("urgency", "kind"), [("emergent", "emergent"), ("conditionally_emergent", "conditionally-emergent")]
)
def test_an_emergency_has_its_notice_as_soon_as_the_scenario_is_known(urgency: str, kind: str) -> None:
    start = {"type": "custom", "data": {"stage": "scenario", "status": "start"}}
    turn = Turn("My chest hurts", status="running")
    assert emergency(turn) == emergency(None) == ""
    turn.trace.hear(start)
    found: dict[str, Any] = {"urgency": urgency, "uncertainty": "none", "expertise": "layperson", "task": "medication"}

    def end(scenario: dict[str, Any]) -> dict[str, Any]:
        data = {"stage": "scenario", "status": "end", "seconds": 0.1, "scenario": scenario}
        return {"type": "custom", "data": data}

    found |= {"confidence": {}, "guessed": ()}
    turn.trace.hear(end(found))
    assert f'class="notice {kind}"' in emergency(turn)
    calm = Turn("My chest hurt long ago", status="running")
    calm.trace.hear(start)
    calm.trace.hear(end(found | {"urgency": "non_emergent"}))
    assert emergency(calm) == ""


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_only_text(hostile: str) -> None:
    harmless(str(markdown(hostile)))
    harmless(str(fill('<p title="{}">{}</p>', hostile, hostile)))
    harmless(str(side_by_side(hostile, f"{hostile} more")))
    state = revised("Rest.", f"Rest. {hostile}", [edit(hostile)])
    harmless(str(marked(state["answer"], changes_of(state), "t")) + str(changes_list(changes_of(state), "t")))
    harmless(str(turn_html(Turn(hostile, Trace(draft=hostile), "running"), 1)))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_question_answer_and_principle_are_only_text_all_the_way(hostile: str) -> None:
    bad = principle("jam", points=-8, advice=f"Leave it {hostile}", statement=hostile, criterion=f"{hostile} jam?")
    talk = answered(service(ScriptedChat(draft=f"Eat jam. {hostile}", chance=reader), bad), question=hostile)
    assert talk.last is not None
    assert talk.last.status == "done"
    harmless(str(turn_html(talk.last, 1)))
    harmless(str(panel(talk.last.trace)))


def test_the_question_is_shown_as_it_was_written() -> None:
    page = turn_html(Turn("a < b\n*c*"), 1)
    assert "a &lt; b<br>*c*" in page
    assert QUESTION not in page


def test_a_stage_that_a_program_has_added_goes_by_its_name() -> None:
    trace = Trace()
    trace.hear({"type": "custom", "data": {"stage": "drug_check", "status": "start"}})
    assert trace.doing == "Drug check"
