"""Kept conversations: each owner's own, gone when forgotten, and no token in the file."""

import secrets
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

import ui.chat.history
from principles.errors import InputError
from ui.chat.history import History
from ui.common.database import open_database

ANNA, BEN = secrets.token_urlsafe(32), secrets.token_urlsafe(32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept.sqlite"


@pytest.fixture
def engine(file: Path) -> Any:
    opened = open_database(f"sqlite:///{file}")
    yield opened
    opened.dispose()


def talk(question: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": "Rest."}]


def test_what_was_saved_is_opened_again_as_it_was(engine: Engine) -> None:
    review = {"answer": "Rest.", "rubric": {"criteria": [], "draft": None}, "scenario": {"confidence": {"task": 0.5}}}
    History(engine).save(ANNA, "one", talk("Tea\nwith “jam”?"), [review])
    opened = History(engine).opened(ANNA, "one")
    assert opened is not None
    assert opened.messages == talk("Tea\nwith “jam”?")
    assert opened.reviews == [review]


def test_the_list_has_the_first_question_and_the_last_changed_first(engine: Engine) -> None:
    history = History(engine)
    history.save(ANNA, "one", talk("Can I\n take tea?"), [])
    history.save(ANNA, "two", talk("x" * 500), [])
    history.save(ANNA, "one", [*talk("Can I\n take tea?"), *talk("And jam?")], [])
    listed = history.listed(ANNA)
    assert [(kept.id, kept.title) for kept in listed] == [("one", "Can I take tea?"), ("two", "x" * 59 + "…")]
    assert abs(datetime.now(UTC) - listed[0].changed) < timedelta(minutes=1)
    opened = history.opened(ANNA, "one")
    assert opened is not None
    assert len(opened.messages) == 4


def test_odd_characters_are_no_failure(engine: Engine) -> None:
    odd = "tea \ud800 \0 \u202e jam 🍵"
    History(engine).save(ANNA, "one", talk(odd), [])
    opened = History(engine).opened(ANNA, "one")
    assert opened is not None
    assert opened.messages == talk(odd)
    assert History(engine).listed(ANNA)[0].title.startswith("tea")


def test_nobody_sees_changes_or_forgets_what_is_anothers(engine: Engine) -> None:
    history = History(engine)
    history.save(ANNA, "one", talk("Anna's?"), [])
    history.save(BEN, "one", talk("Ben's?"), [])
    assert [kept.title for kept in history.listed(BEN)] == ["Ben's?"]
    history.forget(BEN, "one")
    assert history.opened(BEN, "one") is None
    history.save(BEN, "two", talk("Ben's?"), [])
    assert history.forget_all(BEN) == 1
    opened = history.opened(ANNA, "one")
    assert opened is not None
    assert opened.messages == talk("Anna's?")


def test_what_is_forgotten_is_not_in_the_file(engine: Engine, file: Path) -> None:
    history = History(engine)
    history.save(ANNA, "one", talk("zanzibar"), [{"answer": "quetzal"}])
    assert b"zanzibar" in everything(file)
    history.forget(ANNA, "one")
    assert history.listed(ANNA) == []
    engine.dispose()
    assert b"zanzibar" not in everything(file)
    assert b"quetzal" not in everything(file)


def everything(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(file.parent.iterdir()))


def test_the_database_holds_no_token(engine: Engine, file: Path) -> None:
    History(engine).save(ANNA, "one", talk("tea?"), [])
    engine.dispose()
    assert b"tea?" in everything(file)
    assert ANNA.encode() not in everything(file)


def test_the_oldest_are_forgotten_beyond_the_most_that_is_kept(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.chat.history, "MOST_KEPT", 2)
    history = History(engine)
    history.save(BEN, "other", talk("Ben's?"), [])
    for name in ("one", "two", "three"):
        history.save(ANNA, name, talk(name), [])
    assert [kept.id for kept in history.listed(ANNA)] == ["three", "two"]
    assert [kept.id for kept in history.listed(BEN)] == ["other"]


def test_what_is_too_long_is_refused_without_quoting_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.chat.history, "MOST_CHARACTERS", 10)
    with pytest.raises(InputError, match="start a new one") as refused:
        History(engine).save(ANNA, "one", talk("zanzibar tea?"), [])
    assert "zanzibar" not in str(refused.value)
    assert History(engine).listed(ANNA) == []


@pytest.mark.parametrize(("owner", "name"), [("", "one"), ("short", "one"), (ANNA, ""), (ANNA, "x" * 65)])
def test_a_token_or_an_id_that_is_none_is_refused(engine: Engine, owner: str, name: str) -> None:
    with pytest.raises(InputError):
        History(engine).save(owner, name, talk("tea?"), [])


def test_many_at_once_lose_nothing(engine: Engine) -> None:
    history = History(engine)
    owners = [secrets.token_urlsafe(32) for _ in range(8)]

    def keep(owner: str) -> None:
        for number in range(5):
            history.save(owner, str(number), talk(f"{owner} {number}"), [])

    threads = [threading.Thread(target=keep, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for owner in owners:
        assert {kept.id for kept in history.listed(owner)} == {"0", "1", "2", "3", "4"}
        opened = history.opened(owner, "4")
        assert opened is not None
        assert opened.messages == talk(f"{owner} 4")
