"""What the ways of asking for verdicts share: the prompt, and that a failed call keeps its siblings."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.critic.prompts import prompt
from agent.critic.quoting import quoted, quoted_turns
from principles.errors import ModelError
from principles.grader import Turns
from principles.schema import Verdict

Part = TypeVar("Part")


def keep_siblings(parts: Iterable[Part], ask: Callable[[Part], list[Verdict]]) -> list[Verdict]:
    """The verdicts of `ask` on all parts. A failed call is left out and keeps its siblings; a second in a row ends
    the work. Raises ModelError if nothing at all could be judged because the endpoint failed."""
    verdicts: list[Verdict] = []
    failure: ModelError | None = None
    for part in parts:
        try:
            verdicts += ask(part)
        except ModelError as error:
            if failure is not None:
                break
            failure = error
        else:
            failure = None
    if failure is not None and not verdicts:
        raise failure
    return verdicts


def judge_messages(turns: Turns, answer: str, question: str, system: str = "judge_system") -> list[BaseMessage]:
    """The judge's prompt: untrusted text fenced, the question last so that all before it is one prefix."""
    filled = prompt("judge", conversation=quoted_turns(turns), answer=quoted(answer), criterion=question)
    return [SystemMessage(prompt(system)), HumanMessage(filled)]
