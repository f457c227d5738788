"""What a person can do with a conversation: ask, stop, retry, edit, begin anew, export, keep, open and delete."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

import ui.chat.answering
from agent import NOTICE
from tests.fakes import FixedClassifier, ScriptedChat
from tests.unit.ui.page import MENDED, QUESTION, reader, service, words
from ui.chat.history import History
from ui.chat.history_box import OFF, HistoryBox
from ui.chat.layout import Layout, left_column, right_column
from ui.chat.tab import EDITING, Chat
from ui.chat.turn import Conversation
from ui.common.database import open_database

SETTINGS = (1, 6, "edits", 0.0, "")


# The page that asks.
PAGE = gr.Request(session_hash="page")


@pytest.fixture(autouse=True)
def classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: FixedClassifier())
    monkeypatch.setattr(ui.chat.answering, "DRAWN_EVERY_S", 100.0)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(open_database(f"sqlite:///{tmp_path}/kept.sqlite"))


@pytest.fixture
def chat(history: History) -> Iterator[Chat]:
    model = ScriptedChat(draft="Rest a while. Eat jam daily.", chance=reader)
    with gr.Blocks():
        page = Layout(**left_column(endpoint=True), **right_column())
        yield Chat(service(model), page, gr.HTML(), HistoryBox(history), frozenset())


def run(chat: Chat, talk: Conversation, browser: Any = OFF, settings: Any = SETTINGS) -> list[dict[Any, Any]]:
    """What the page is sent while the last question is answered, and once it is."""

    async def all_shown() -> list[dict[Any, Any]]:
        moving = list(chat.live(talk))
        meanwhile = [dict(zip(moving, shown, strict=True)) async for shown in chat.run(talk, PAGE, *settings)]
        return [*meanwhile, await chat.finish(talk, browser)]

    return asyncio.run(all_shown())


def asked(chat: Chat, *questions: str, browser: Any = OFF) -> Conversation:
    talk = Conversation()
    for question in questions or (QUESTION,):
        chat.ask(talk, question)
        run(chat, talk, browser)
    return talk


def owner(keep: bool = True) -> dict[str, Any]:
    return {"keep": keep, "owner": secrets.token_urlsafe(32)}


def test_a_question_goes_from_the_field_into_the_conversation(chat: Chat) -> None:
    talk, page = Conversation(), chat.page
    shown = chat.ask(talk, QUESTION)
    assert shown[page.question] == ""
    assert QUESTION in shown[page.now]
    assert (shown[page.ask]["visible"], shown[page.stop]["visible"]) == (False, True)
    assert not shown[page.welcome]["visible"]
    *_, last = run(chat, talk)
    assert MENDED.split(".")[0] in words(last[page.now])
    assert (last[page.ask]["visible"], last[page.stop]["visible"]) == (True, False)
    assert all(last[button]["interactive"] for button in (page.retry, page.edit, page.copy, page.markdown, page.json))
    assert "done" not in str(last[page.stage])
    assert "The answer is there." in last[page.stage]


@pytest.mark.parametrize("question", ["", "  \n "])
def test_an_empty_question_stays_in_the_field(chat: Chat, question: str) -> None:
    talk = Conversation()
    assert chat.ask(talk, question) == {chat.page.talk: talk}
    assert len(run(chat, talk)) == 1
    assert talk.turns == []


def test_a_question_beside_a_running_one_stays_in_the_field(chat: Chat) -> None:
    talk = Conversation()
    chat.ask(talk, QUESTION)
    for act in (lambda: chat.ask(talk, "Another?"), lambda: chat.retry(talk), lambda: chat.edit(talk)):
        assert act() == {chat.page.talk: talk}
    assert [turn.question for turn in talk.turns] == [QUESTION]


def test_only_what_changes_is_drawn_while_an_answer_is_made(chat: Chat) -> None:
    talk = Conversation()
    chat.ask(talk, QUESTION)
    *meanwhile, last = run(chat, talk)
    assert meanwhile
    assert all(chat.page.past not in shown and chat.page.retry not in shown for shown in meanwhile)
    assert {chat.page.past, chat.page.retry} <= set(last)


def test_stop_leaves_the_question_and_what_was_drafted(chat: Chat) -> None:
    talk = Conversation()
    chat.ask(talk, QUESTION)
    assert talk.last is not None
    talk.last.status, talk.last.trace.draft = "running", "Rest a"
    shown = chat.stop(talk)
    page = words(shown[chat.page.now])
    assert QUESTION in page
    assert "Stopped: what is here was not reviewed Rest a" in page
    assert shown[chat.page.ask]["visible"]
    assert shown[chat.page.retry]["interactive"]
    assert not shown[chat.page.copy]["interactive"]
    assert len(run(chat, talk)) == 1
    assert talk.last.status == "stopped"


def test_retry_answers_the_last_question_again_in_its_place(chat: Chat) -> None:
    talk = asked(chat, "First?", "Second?")
    before = talk.last
    chat.retry(talk)
    assert [turn.question for turn in talk.turns] == ["First?", "Second?"]
    assert talk.last is not before
    assert talk.busy
    run(chat, talk)
    assert len(talk.answered) == 2


def test_an_edited_question_replaces_the_last_and_its_answer(chat: Chat) -> None:
    talk = asked(chat, "First?", "Secnd?")
    shown = chat.edit(talk)
    assert shown[chat.page.question] == "Secnd?"
    assert EDITING in shown[chat.page.stage]
    assert len(talk.turns) == 2  # nothing is lost before it is asked again
    chat.ask(talk, "Second?")
    run(chat, talk)
    assert [turn.question for turn in talk.turns] == ["First?", "Second?"]


def test_editing_can_be_given_up(chat: Chat) -> None:
    talk = asked(chat)
    chat.edit(talk)
    assert chat.edit(talk)[chat.page.question] == ""
    chat.ask(talk, "Second?")
    assert [turn.question for turn in talk.turns] == [QUESTION, "Second?"]


def test_a_new_conversation_is_empty_and_another(chat: Chat) -> None:
    talk = asked(chat)
    shown = chat.new(talk)
    fresh = shown[chat.page.talk]
    assert fresh.turns == []
    assert shown[chat.page.now] == shown[chat.page.past] == shown[chat.alert] == ""
    assert shown[chat.page.welcome]["visible"]
    chat.ask(fresh, QUESTION)
    assert fresh.id != talk.id


def test_the_review_of_an_earlier_answer_can_be_seen_again(chat: Chat) -> None:
    talk = asked(chat, "First?", "Second?")
    which = chat.view(talk)[chat.page.which]
    assert [name for name, _ in which["choices"]] == ["1. First?", "2. Second?"]
    assert (which["value"], which["visible"]) == (2, True)
    assert "Kind of question" in chat.review(talk, 1)
    assert "Kind of question" not in chat.review(talk, 7)


def test_settings_off_their_range_or_list_are_refused_in_the_chat(chat: Chat) -> None:
    for settings, said in (
        ((9, 6, "edits", 0.0, ""), "rounds"),
        ((1, 6, "edits", 0.0, "http://127.0.0.1:1/v1"), "allowed"),
    ):
        talk = Conversation()
        chat.ask(talk, QUESTION)
        *_, last = run(chat, talk, settings=settings)
        assert said in words(last[chat.page.now])
        assert talk.last is not None
        assert talk.last.status == "failed"


def test_settings_reach_the_run(chat: Chat) -> None:
    talk = Conversation()
    chat.ask(talk, QUESTION)
    run(chat, talk, settings=(0, 6, "edits", 0.0, ""))
    assert talk.messages()[-1]["content"] == "Rest a while. Eat jam daily."


def test_exports_hold_the_conversation_its_review_and_the_notice(chat: Chat) -> None:
    talk = asked(chat)
    for text in (chat.markdown(talk), chat.json(talk)):
        assert QUESTION in text
        assert "Leave the sweet spread out." in text
        assert "task.jam" in text
        assert NOTICE in text
    assert json.loads(chat.json(talk))["messages"] == talk.messages()
    assert chat.answer(talk).startswith(MENDED)
    assert NOTICE in chat.answer(talk)
    assert chat.answer(Conversation()) == ""


def test_nothing_is_kept_until_that_is_wanted(chat: Chat, history: History) -> None:
    someone = owner(keep=False)
    asked(chat, browser=someone)
    asked(chat, browser=None)
    assert history.listed(someone["owner"]) == []


def test_conversations_are_kept_opened_and_deleted(chat: Chat, history: History) -> None:
    someone, other, box = owner(), owner(), chat.kept
    talk = asked(chat, "First?", "Second?", browser=someone)
    assert [one.title for one in history.listed(someone["owner"])] == ["First?"]
    again = box.opened(talk.id, someone)
    assert again is not None
    assert again.messages() == talk.messages()
    assert "checked: " in words(chat.view(again)[chat.page.now])
    assert box.opened(talk.id, other) is None
    assert box.opened("none", someone) is None
    box.deleted(talk.id, other)
    assert box.opened(talk.id, someone) is not None
    assert not box.deleted(talk.id, someone)[box.listed]["visible"]
    assert history.listed(someone["owner"]) == []


def test_turning_it_on_keeps_the_open_conversation_under_a_new_token(chat: Chat, history: History) -> None:
    talk = asked(chat)
    shown = chat.kept.switched(True, OFF, talk)
    kept = shown[chat.kept.browser]
    assert kept["keep"]
    assert len(kept["owner"]) >= 32
    assert [one.id for one in history.listed(kept["owner"])] == [talk.id]
    assert chat.kept.switched(True, OFF, talk)[chat.kept.browser]["owner"] != kept["owner"]


def test_turning_it_off_offers_to_delete(chat: Chat, history: History) -> None:
    box, someone = chat.kept, owner()
    talk = asked(chat, browser=someone)
    shown = box.switched(False, someone, talk)
    assert shown[box.asked]["visible"]
    assert shown[box.browser] == {"keep": False, "owner": someone["owner"]}
    assert len(history.listed(someone["owner"])) == 1
    gone = box.deleted_all(someone)
    assert gone[box.browser] == OFF
    assert history.listed(someone["owner"]) == []
    assert not box.switched(False, someone, talk)[box.asked]["visible"]


@pytest.mark.parametrize(
    "browser", [None, "x", [], {}, {"keep": True}, {"keep": True, "owner": "short"}, {"keep": True, "owner": 5}]
)
def test_what_no_browser_of_ours_sends_is_no_owner(chat: Chat, browser: Any) -> None:
    assert chat.kept.restored(browser)[chat.kept.keep] is False
    assert chat.kept.save(asked(chat), browser) == {}


def test_a_database_that_fails_does_not_take_the_answer_along(
    chat: Chat, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    from principles.errors import ConfigError

    said: list[str] = []

    def broken(*_: Any) -> None:
        raise ConfigError("the database is full")

    monkeypatch.setattr(history, "save", broken)
    monkeypatch.setattr(gr, "Warning", said.append)
    talk = asked(chat, browser=owner())
    assert len(talk.answered) == 1
    assert "the database is full" in said[0]


def test_a_page_that_is_left_stops_its_own_answer_alone(chat: Chat) -> None:
    async def left(page: str) -> str:
        talk = Conversation()
        chat.ask(talk, QUESTION)
        shown = chat.run(talk, PAGE, *SETTINGS)
        await anext(shown)
        chat.leave(gr.Request(session_hash=page))
        async for _ in shown:
            pass
        assert talk.last
        return talk.last.status

    assert asyncio.run(left("another")) == "done"
    assert asyncio.run(left("page")) == "stopped"
