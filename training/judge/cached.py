"""Verdicts that are paid for once: a judge over an SQLite file.

What is stored is a hash and a verdict, never a text: no question, no answer, and no reason, which may quote
either. UNKNOWN is not stored, so that it is asked again. The file may be used by several threads and
processes at once; a kill at any moment loses at most the verdicts of the call at work (WAL). Open it in the
process that uses it, not before a fork.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from principles.errors import ConfigError
from principles.grader import Judge, Turns
from principles.schema import Criterion, Label, Verdict
from training.judge.batch import Asked, ManyJudge, verdicts_on

APPLICATION = 0x434C4A31  # "CLJ1": tells this file from another program's
WAIT_SECONDS = 60.0
_TABLE = "CREATE TABLE verdicts (key BLOB PRIMARY KEY, label TEXT NOT NULL, probability REAL) WITHOUT ROWID"


@dataclass
class CachedJudge:
    """`judge`, asked only for what is not yet in the file at `path`.

    `identity` names whatever else decides a verdict: the model and the version of its prompts (see
    `training.judge.registry.judge_identity`). Raises ConfigError where the file is damaged, not a cache of verdicts, or
    cannot be written.
    """

    judge: Judge
    path: Path
    identity: str
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _file: sqlite3.Connection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with _said_clearly(self.path):
            self._file = _opened(self.path)

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """See `principles.grader.Judge`. Raises ConfigError where the file cannot be used any more."""
        return self._answered([(turns, answer, criteria)])[0]

    def _answered(self, asked: Sequence[Asked]) -> list[list[Verdict]]:
        """The verdicts on each answer; what is not in the file is asked of the judge together, and the same once."""
        keys = [{c.id: self._key(turns, answer, c) for c in criteria} for turns, answer, criteria in asked]
        found = {key: verdict for own in keys for key in own.values() if (verdict := self._stored(key))}
        missing: dict[int, dict[str, Criterion]] = {}
        there = set(found)
        for place, (_, _, criteria) in enumerate(asked):
            rest = {c.id: c for c in criteria if keys[place][c.id] not in there}
            there |= {keys[place][name] for name in rest}
            if rest:
                missing[place] = rest
        if missing:
            fresh = self._fresh(asked, keys, missing)
            self._store([(key, verdict) for key, verdict in fresh.items() if verdict.label is not Label.UNKNOWN])
            found |= fresh
        return [
            [found[own[c.id]].model_copy(update={"criterion_id": c.id}) for c in criteria if own[c.id] in found]
            for (_, _, criteria), own in zip(asked, keys, strict=True)
        ]

    def _fresh(
        self, asked: Sequence[Asked], keys: Sequence[dict[str, bytes]], missing: dict[int, dict[str, Criterion]]
    ) -> dict[bytes, Verdict]:
        """The judge's verdicts by key, on the criteria `missing` of the answers at these places."""
        wanted = [(asked[place][0], asked[place][1], list(rest.values())) for place, rest in missing.items()]
        return {
            keys[place][verdict.criterion_id]: verdict
            for place, verdicts in zip(missing, verdicts_on(self.judge, wanted), strict=True)
            for verdict in verdicts
            if verdict.criterion_id in missing[place]
        }

    def close(self) -> None:
        """Close the file; the judge cannot be used afterwards."""
        with self._lock:
            self._file.close()

    def _key(self, turns: Turns, answer: str, criterion: Criterion) -> bytes:
        """Points and safety count, since a judge may show them to its model or take its threshold from them."""
        asked = [criterion.text, criterion.points, criterion.safety_critical]
        spoken = [[turn["role"], turn["content"]] for turn in turns]
        return hashlib.sha256(json.dumps([self.identity, asked, spoken, answer]).encode()).digest()

    def _stored(self, key: bytes) -> Verdict | None:
        with self._lock, _said_clearly(self.path):
            row = self._file.execute("SELECT label, probability FROM verdicts WHERE key = ?", (key,)).fetchone()
            return Verdict(criterion_id="stored", label=Label(row[0]), probability=row[1]) if row else None

    def _store(self, fresh: Sequence[tuple[bytes, Verdict]]) -> None:
        rows = [(key, str(verdict.label), verdict.probability) for key, verdict in fresh]
        if rows:
            with self._lock, _said_clearly(self.path), self._file:
                self._file.executemany("INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?)", rows)


class CachedManyJudge(CachedJudge):
    """The same over a judge that takes several answers in one pass: what is not in the file is one pass."""

    def verdicts_many(self, asked: Sequence[Asked]) -> list[list[Verdict]]:
        """See `training.judge.batch.ManyJudge`. Raises ConfigError where the file cannot be used any more."""
        return self._answered(asked)


def cached_judge(judge: Judge, path: Path, identity: str) -> CachedJudge:
    """`judge` over the file at `path`, with batches where the judge has them."""
    return (CachedManyJudge if isinstance(judge, ManyJudge) else CachedJudge)(judge, path, identity)


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The change to WAL answers "locked" to a second process without waiting.
    with FileLock(path.with_name(f"{path.name}.lock"), timeout=WAIT_SECONDS):
        file = sqlite3.connect(path, timeout=WAIT_SECONDS, check_same_thread=False)
        try:
            _prepare(file)
        except BaseException:
            file.close()
            raise
    return file


def _prepare(file: sqlite3.Connection) -> None:
    tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master")]
    owner = file.execute("PRAGMA application_id").fetchone()[0]
    if owner != APPLICATION and (owner or tables):
        raise sqlite3.DatabaseError("another program's database")
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = NORMAL")  # a power cut may take the last verdicts, never the file
    if "verdicts" not in tables:
        with file:
            file.execute(_TABLE)
            file.execute(f"PRAGMA application_id = {APPLICATION}")
    elif file.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("damaged")


@contextmanager
def _said_clearly(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:  # FileLock's Timeout is an OSError too
        raise ConfigError(
            f"the cache of verdicts {path} cannot be used ({error}): is its folder writable, its disk full, or does "
            "another process hold it? Else name another file"
        ) from None
    except (sqlite3.DatabaseError, ValueError):
        raise ConfigError(
            f"{path} is damaged or no cache of verdicts: delete it with its -wal and -shm files (what it held is "
            "asked again), or name another file"
        ) from None
