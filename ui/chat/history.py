"""Earlier conversations, kept only for those who asked for it.

An owner is known by a secret token that stays in the browser; the database holds its SHA-256 alone, so that
whoever reads the database learns nobody's token.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Engine, MetaData, String, Table, delete, insert, select

from agent.llm.sendable import sendable
from principles.errors import InputError
from ui.common.database import prepare, reported

VERSION = 1
# The oldest go: without a login, one visitor must not be able to fill the disk.
MOST_KEPT = 100
MOST_CHARACTERS = 500_000
TITLE_CHARACTERS = 60
_LEAST_TOKEN, _MOST_ID = 16, 64

_tables = MetaData()
_conversations = Table(
    "conversations",
    _tables,
    Column("owner", String(64), primary_key=True),
    Column("id", String(_MOST_ID), primary_key=True),
    Column("title", String(TITLE_CHARACTERS), nullable=False),
    Column("changed", DateTime(timezone=True), nullable=False),
    Column("messages", JSON, nullable=False),
    Column("reviews", JSON, nullable=False),
)


@dataclass(frozen=True)
class Kept:
    """One line of the list: `title` is the start of the first question, `changed` is in UTC."""

    id: str
    title: str
    changed: datetime


@dataclass(frozen=True)
class Conversation:
    """`messages` are {role, content}; `reviews` one agent output an answered question, plain types only."""

    messages: list[dict[str, Any]]
    reviews: list[dict[str, Any]]


class History:
    """The conversations of all owners; each sees their own. Raises ConfigError where the database fails."""

    def __init__(self, engine: Engine) -> None:
        prepare(engine, "history", VERSION, _tables)
        self._engine = engine

    def save(
        self,
        owner: str,
        conversation_id: str,
        messages: Sequence[dict[str, Any]],
        reviews: Sequence[dict[str, Any]],
    ) -> None:
        """Keep a conversation as it is now; what was kept under that id is replaced.

        Beyond MOST_KEPT of one owner the oldest are forgotten. Raises InputError where it is too long to keep.
        """
        if sum(len(str(message["content"])) for message in messages) > MOST_CHARACTERS:
            raise InputError(
                f"the conversation is longer than {MOST_CHARACTERS:,} characters and is not kept: start a new one"
            )
        if not 0 < len(conversation_id) <= _MOST_ID:
            raise InputError(f"the conversation's id must have 1 to {_MOST_ID} characters")
        mine = _conversations.c.owner == _hashed(owner)
        row = {
            "owner": _hashed(owner),
            "id": conversation_id,
            "title": _title(messages),
            "changed": datetime.now(UTC),
            "messages": list(messages),
            "reviews": list(reviews),
        }
        with reported(self._engine), self._engine.begin() as connection:
            connection.execute(delete(_conversations).where(mine, _conversations.c.id == conversation_id))
            connection.execute(insert(_conversations).values(row))
            newest = select(_conversations.c.id).where(mine).order_by(_conversations.c.changed.desc())
            gone = connection.scalars(newest.offset(MOST_KEPT)).all()
            connection.execute(delete(_conversations).where(mine, _conversations.c.id.in_(gone)))

    def listed(self, owner: str) -> list[Kept]:
        """An owner's conversations, the last changed first."""
        columns = _conversations.c.id, _conversations.c.title, _conversations.c.changed
        asked = select(*columns).where(_conversations.c.owner == _hashed(owner))
        with reported(self._engine), self._engine.connect() as connection:
            rows = connection.execute(asked.order_by(_conversations.c.changed.desc())).all()
        # SQLite gives times back without their zone.
        return [Kept(row.id, row.title, row.changed.replace(tzinfo=UTC)) for row in rows]

    def opened(self, owner: str, conversation_id: str) -> Conversation | None:
        """One of the owner's conversations; None where there is none of that id."""
        asked = select(_conversations.c.messages, _conversations.c.reviews).where(*_one(owner, conversation_id))
        with reported(self._engine), self._engine.connect() as connection:
            row = connection.execute(asked).one_or_none()
        return Conversation(row.messages, row.reviews) if row else None

    def forget(self, owner: str, conversation_id: str) -> None:
        """Delete one of the owner's conversations, where there is one of that id."""
        with reported(self._engine), self._engine.begin() as connection:
            connection.execute(delete(_conversations).where(*_one(owner, conversation_id)))

    def forget_all(self, owner: str) -> int:
        """Delete all of the owner's conversations; returns how many there were."""
        with reported(self._engine), self._engine.begin() as connection:
            return connection.execute(delete(_conversations).where(_conversations.c.owner == _hashed(owner))).rowcount


def _one(owner: str, conversation_id: str) -> tuple[Any, Any]:
    return _conversations.c.owner == _hashed(owner), _conversations.c.id == conversation_id


def _hashed(owner: str) -> str:
    if len(owner) < _LEAST_TOKEN:
        raise InputError(f"the owner's token must be random and have at least {_LEAST_TOKEN} characters")
    return hashlib.sha256(owner.encode()).hexdigest()


def _title(messages: Sequence[dict[str, Any]]) -> str:
    first = next((str(message["content"]) for message in messages if message["role"] == "user"), "")
    words = " ".join(sendable(first).split())
    return words if len(words) <= TITLE_CHARACTERS else f"{words[: TITLE_CHARACTERS - 1]}…"
