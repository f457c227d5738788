"""Which turns the last question still belongs to: an emergency that is over, or another subject, is not inherited.

By the words of subject.yaml, in English. In doubt the matter goes on: a needless call costs less than a missing one.
"""

import re
from functools import partial

from principles.grader import Turns
from principles.patterns import SENTENCE_END, says

_THANKS = re.compile(r"^\W*(?:thanks?|thank you)\b[^.!?]*[.!]\s*", re.IGNORECASE)
# So short a turn hangs on what was said before, unless it says otherwise.
FEW_WORDS = 5
_says = partial(says, "agent.scenario", "subject")


def in_hand(turns: Turns) -> Turns:
    """The turns whose urgency counts for the last question: all of them, or what is left where the rest is over.

    `turns` end with the user's and are in English; those of a conversation's only question come back as they are.
    """
    users = [turn for turn in turns if turn.get("role") == "user"]
    if len(users) < 2:
        return turns
    last = str(users[-1].get("content") or "")
    if is_over(last):
        return [{**users[-1], "content": " ".join(_requests(last)) or " "}]
    return [users[-1]] if is_new(last) else turns


def _requests(text: str) -> list[str]:
    """What is asked for in a turn that has told how things went: its questions, or else its last sentence."""
    parts = [part for part in SENTENCE_END.split(text) if part.strip()]
    return [part for part in parts if part.rstrip().endswith("?")] or parts[-1:]


def searched(turns: Turns) -> Turns:
    """The turns to search principles for: without those that the last question does not belong to any more."""
    kept = in_hand(turns)
    return turns if kept is turns else [turn for turn in turns if turn.get("role") == "user"][-1:]


def is_new(text: str) -> bool:
    """Whether a turn begins something else, by its own words."""
    rest = _THANKS.sub("", text)
    if _says("unrelated", rest) and not _says("not_over", rest):
        return True
    if _says("hangs_on", rest):
        return False
    return _says("new", rest) or ("?" in rest and len(rest.split()) >= FEW_WORDS)


def is_over(text: str) -> bool:
    """Whether a turn says that an emergency is over: seen to or long ago, and all well. To feel fine is not enough."""
    if _says("not_over", text):
        return False
    return (_says("seen_to", text) or _says("long_ago", text)) and _says("well", text)
