"""What a program is told of an answer: plain JSON, with the notice that belongs to it."""

from typing import Any

from agent import NOTICE
from agent.state import Output

_ROLES = {"human": "user", "ai": "assistant"}


def answered(state: dict[str, Any]) -> dict[str, Any]:
    """The result in the agent's last state."""
    return as_json({key: state[key] for key in Output.__annotations__})


def as_json(result: dict[str, Any]) -> dict[str, Any]:
    """The agent's result with its messages as {role, content}."""
    messages = [{"role": _ROLES.get(m.type, m.type), "content": str(m.text)} for m in result["messages"]]
    return result | {"messages": messages, "notice": NOTICE}
