"""Opening the database: where it is, who may read it, and every way in which it can fail."""

import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text

import ui.common.database
from principles.errors import ConfigError
from ui.common.database import open_database, place, prepare, reported

SECRET = "sesame"  # noqa: S105 - none: the word to be looked for


def tables() -> tuple[MetaData, Table]:
    metadata = MetaData()
    return metadata, Table("things", metadata, Column("number", Integer, primary_key=True))


def test_without_a_url_it_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLINALIGN_DATABASE", raising=False)
    monkeypatch.setattr(ui.common.database, "user_data_path", lambda name: tmp_path / "home" / name)
    engine = open_database()
    file = tmp_path / "home" / "clinalign" / "clinalign.sqlite"
    assert engine.url.database == str(file)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    made = [file, *file.parent.glob("*-wal"), *file.parent.glob("*-shm")]
    assert len(made) == 3
    assert {stat.S_IMODE(one.stat().st_mode) for one in made} == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_environment_names_it_and_an_argument_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_DATABASE", f"sqlite:///{tmp_path}/a.sqlite")
    assert place(open_database().url) == f"{tmp_path}/a.sqlite"
    assert place(open_database(f"sqlite:///{tmp_path}/b.sqlite").url) == f"{tmp_path}/b.sqlite"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "cannot be read"),
        (f"postgresql://me:{SECRET}@host:port/x", "cannot be read"),
        (f"mysql://me:{SECRET}@host/x", "not supported"),
        (f"postgresql+asyncpg://me:{SECRET}@host/x", "not supported"),
        (f"postgresql://me:a@{SECRET}@host/x", "%40"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////no/such/folder/x.sqlite", "cannot be written"),
        ("sqlite:////tmp", "cannot be written"),
        (f"postgres://me:{SECRET}@127.0.0.1:1/x", "x on 127.0.0.1:1 cannot be reached"),
        (f"postgresql://me:{SECRET}@/x?host=/no/such/socket", "cannot be reached"),
    ],
)
def test_a_wrong_url_is_explained_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        open_database(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"something else entirely" * 100)
    with pytest.raises(ConfigError, match="another kind"):
        open_database(f"sqlite:///{tmp_path}/x")


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"clinalign\[postgres\]"):
        open_database("postgresql://localhost/x")


def test_a_database_that_is_held_is_waited_for_and_then_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.common.database, "BUSY_S", 0.1)
    engine = open_database(f"sqlite:///{tmp_path}/x.sqlite")
    metadata, things = tables()
    prepare(engine, "things", 1, metadata)
    other = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ConfigError, match="in use by another program"), reported(engine), engine.begin() as connection:
        connection.execute(insert(things).values(number=1))
    other.execute("ROLLBACK")
    with reported(engine), engine.begin() as connection:
        connection.execute(insert(things).values(number=1))


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/x.sqlite")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE filler (words TEXT)"))
        connection.execute(text("PRAGMA max_page_count = 4"))
        with pytest.raises(ConfigError, match="no room"), reported(engine):
            connection.execute(text("INSERT INTO filler VALUES (hex(zeroblob(100000)))"))


def test_what_is_kept_is_in_no_message(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/x.sqlite")
    with pytest.raises(ConfigError) as caught, reported(engine), engine.connect() as connection:
        connection.execute(text("SELECT zanzibar FROM nowhere WHERE x = :x"), {"x": "zanzibar"})
    assert "zanzibar" not in str(caught.value)


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/x.sqlite")
    metadata, things = tables()
    prepare(engine, "things", 2, metadata)
    prepare(engine, "things", 2, metadata)
    with pytest.raises(ConfigError, match="a newer ClinAlign"):
        prepare(engine, "things", 1, metadata)
    with pytest.raises(ConfigError, match="an older ClinAlign"):
        prepare(engine, "things", 3, metadata)
    prepare(engine, "others", 7, MetaData())
    with engine.connect() as connection:
        assert connection.execute(select(things)).all() == []
