"""Where the page keeps what must last: SQLite in the user's data folder, or PostgreSQL by URL.

CLINALIGN_DATABASE is a SQLAlchemy URL. Every error is a ConfigError that names the database without its
password and quotes nothing of what is kept.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from sqlalchemy import URL, Column, Engine, Integer, MetaData, String, Table, create_engine, event, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from principles.errors import ConfigError

BUSY_S = 10
_FORMS = "use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME in CLINALIGN_DATABASE"
_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg")
# Any number that no other program on the same server takes for its own.
_LOCK = 7_034_119

_versions = Table(
    "clinalign_schema", MetaData(), Column("part", String(64), primary_key=True), Column("version", Integer)
)


def open_database(url: str | None = None) -> Engine:
    """An engine that answers, on `url`, else on CLINALIGN_DATABASE, else on the user's own SQLite file.

    A SQLite file is made if missing, readable by its user alone. Raises ConfigError.
    """
    given = url or os.environ.get("CLINALIGN_DATABASE")
    parsed = _parsed(given) if given else URL.create("sqlite", database=str(_default_file()))
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgres(parsed)
    with reported(engine), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return engine


def prepare(engine: Engine, part: str, version: int, tables: MetaData) -> None:
    """Make the tables of one part of the page where there are none.

    Raises ConfigError where the database holds that part in another version.
    """
    with reported(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two that start at once would both find no table, and one would fail to make it.
            connection.execute(select(text(f"pg_advisory_xact_lock({_LOCK})")))
        _versions.metadata.create_all(connection)
        found = connection.scalar(select(_versions.c.version).where(_versions.c.part == part))
        if found is None:
            tables.create_all(connection)
            connection.execute(insert(_versions).values(part=part, version=version))
    if found not in (None, version):
        age = "a newer" if found > version else "an older"
        raise ConfigError(
            f"the database {place(engine.url)} comes from {age} ClinAlign ({part}: version {found}, this one has "
            f"{version}): use the ClinAlign that it comes from, or name another database in CLINALIGN_DATABASE"
        )


@contextmanager
def reported(engine: Engine) -> Iterator[None]:
    """Turns the database's errors within into ConfigErrors. A broken constraint is the caller's own matter."""
    try:
        yield
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        raise ConfigError(f"the database {place(engine.url)} {_reason(error)}") from None


def place(url: URL) -> str:
    """The database in words for a person, without user and password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = url.host or url.query.get("host") or "localhost"
    return f"{url.database or ''} on {host}" + (f":{url.port}" if url.port else "")


def _parsed(given: str) -> URL:
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise ConfigError(f"the database URL cannot be read: {_FORMS}") from None
    if "@" in (url.host or ""):
        raise ConfigError("the database URL has an @ in its password: write it as %40")
    if url.drivername in _POSTGRES:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise ConfigError(f"the database URL is of a kind that is not supported: {_FORMS}")
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise ConfigError("the database URL names no file: write sqlite:////folder/file.sqlite")
    return url


def _default_file() -> Path:
    return user_data_path("clinalign") / "clinalign.sqlite"


def _sqlite(url: URL) -> Engine:
    path = Path(str(url.database))
    try:
        if path == _default_file():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError(
            f"the database {path} cannot be written ({why}): name a file in a folder you can write to in "
            "CLINALIGN_DATABASE"
        ) from None
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _sqlite_settings)
    event.listen(engine, "begin", _begin)
    return engine


def _sqlite_settings(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver opens no transactions of its own
    _write_ahead(connection)
    for pragma in ("foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    # SQLite refuses this change at once, without the connection's patience, where others open a new file meanwhile.
    end = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _begin(connection: Any) -> None:
    # One that starts by reading and then writes is refused at once, without waiting, if another wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgres(url: URL) -> Engine:
    try:
        engine = create_engine(
            url, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": BUSY_S}, pool_timeout=BUSY_S
        )
    except (ModuleNotFoundError, NoSuchModuleError):
        raise ConfigError('PostgreSQL needs its driver: pip install "clinalign[postgres]"') from None
    event.listen(engine, "connect", _postgres_settings)
    return engine


def _postgres_settings(connection: Any, _: Any) -> None:
    connection.autocommit = True
    connection.execute(f"SET lock_timeout = '{BUSY_S}s'")
    connection.autocommit = False


def _reason(error: SQLAlchemyError) -> str:
    """What went wrong and what to do. The driver's own words are looked at and not shown: they may quote what is
    kept, or the password."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    said = str(cause).lower()
    for mark, reason in _REASONS.items():
        if mark in said:
            return reason
    if isinstance(cause, sqlite3.Error):
        return f"failed ({getattr(cause, 'sqlite_errorname', type(cause).__name__)}): check the file and the disk"
    state = getattr(cause, "sqlstate", None)
    if state:
        return f"refused a command (SQLSTATE {state}): its log says why"
    return "cannot be reached: check that the server runs and that CLINALIGN_DATABASE names it"


_REASONS = {
    "database is locked": "is in use by another program that does not let go of it: try again, or close that program",
    "lock timeout": "is in use by another program that does not let go of it: try again, or close that program",
    "readonly database": "cannot be written: make the file and its folder writable, or name another in "
    "CLINALIGN_DATABASE",
    "unable to open": "cannot be opened: make the file and its folder writable, or name another in CLINALIGN_DATABASE",
    "not a database": "is a file of another kind: name another in CLINALIGN_DATABASE",
    "malformed": "is damaged: restore it from a copy, or name another in CLINALIGN_DATABASE",
    "disk is full": "has no room left on its disk: make room; what was saved before is kept",
    "no space left": "has no room left on its disk: make room; what was saved before is kept",
    "authentication failed": "refuses the user or the password: correct CLINALIGN_DATABASE",
    "no password supplied": "asks for a password: put it into CLINALIGN_DATABASE, or into a .pgpass file",
    "permission denied": "lets this user make no tables or read none: ask its administrator for the rights",
    "does not exist": "lacks the named database, user or table: correct CLINALIGN_DATABASE, or have it made",
}
