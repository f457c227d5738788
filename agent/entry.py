"""What a caller gives the agent, checked before anything of it is kept; no error quotes it."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage, RemoveMessage, convert_to_messages
from langgraph.types import Command

from agent.conversation import checked_draft, turns_of
from agent.state import blank
from principles.errors import InputError

SEND = 'send {"messages": [{"role": "user", "content": "your question"}]}'


def asked(given: Any) -> Any:
    """The input of a run of the agent: messages that end with a question, the draft, and nothing of an earlier turn.

    None and a Command, by which LangGraph goes on with a run, stay as they are. Raises InputError.
    """
    if given is None or isinstance(given, Command):
        return given
    messages = messages_of(given)
    turns_of([message for message in messages if not isinstance(message, RemoveMessage)])
    draft = {"draft": checked_draft(given["draft"])} if "draft" in given else {}
    return {**blank(), "messages": messages, **draft}


def messages_of(given: Any) -> list[Any]:
    """The messages of an input. Raises InputError where there are none, or what there is are no messages."""
    if not isinstance(given, Mapping):
        raise InputError(f"the input must be a dict with messages, and this is of type {type(given).__name__}: {SEND}")
    messages = given.get("messages")
    if not messages and not isinstance(messages, BaseMessage):
        raise InputError(f"there are no messages: {SEND}")
    try:
        made: Any = convert_to_messages(messages if isinstance(messages, list | tuple) else [messages])
    except Exception:  # noqa: BLE001 - LangChain's own, and pydantic's, which quote the text
        raise InputError(
            "the messages cannot be read: each must be a message of LangChain's or have a role (user or assistant) "
            f"and a content that is text. {SEND}"
        ) from None
    return list(made)
