"""The prompts of HealthBench Hard, as hashes: they are for measuring, and nothing may learn from them.

hard_prompts.txt has the first 16 hexadecimal digits of the SHA-256 of each known conversation and of each message of a
user in it that is long enough to be told by. Texts are compared by their letters and digits alone, since copies differ
in spacing, punctuation and case, and the flag `hard` is missing from most. Another text is taken for one of them by
chance with a probability of (lines of the list) / 2^64: 5e-17 for the 1,013 lines of the bundled one.
`python -m training hard add FILE` extends the list.
"""

import hashlib
import html
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from principles.errors import ConfigError
from principles.grader import Turns

LIST = Path(str(files("principles").joinpath("hard_prompts.txt")))
DIGITS = 16
# So many letters and digits make a message its own: shorter ones ("What can I do?") stand in many conversations.
LEAST = 30
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def digests(turns: Turns) -> set[str]:
    """What a conversation is known by: hashes of the whole of it, and of each long message of the user's."""
    texts = {plain("".join(turn["content"] for turn in turns))}
    texts |= {said for turn in turns if turn["role"] == "user" and len(said := plain(turn["content"])) >= LEAST}
    return {hashlib.sha256(text.encode()).hexdigest()[:DIGITS] for text in texts if text}


def _behind_others(turns: Turns) -> set[str]:
    """What the conversation is known by without the first paragraphs of a user's message: those of a system turn, or of
    a program, may stand before the user's own."""
    found: set[str] = set()
    for place, turn in enumerate(turns):
        parts = turn["content"].split("\n\n") if turn["role"] == "user" else []
        for at in range(1, len(parts)):
            own = {"role": "user", "content": "\n\n".join(parts[at:])}
            found |= digests([*turns[:place], own, *turns[place + 1 :]] if place == 0 else [own])
    return found


def plain(text: str) -> str:
    """Letters and digits in lower case, whatever the copy did to the rest; where there are none, the other signs."""
    folded = unicodedata.normalize("NFKC", html.unescape(_BREAK.sub(" ", text)).encode("utf-8", "ignore").decode())
    return "".join(filter(str.isalnum, folded.casefold())) or "".join(folded.split())


@cache
def known(path: Path) -> frozenset[str]:
    """The hashes in a list; lines that begin with # are remarks."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_hard(turns: Turns) -> bool:
    """Whether a conversation, or a long message of its user, is one of HealthBench Hard's that are known."""
    return not (digests(turns) | _behind_others(turns)).isdisjoint(known(LIST))


def refuse_hard(path: Path, hard: Sequence[bool], advice: str = "") -> None:
    """Raises ConfigError where any prompt of the file at `path` is Hard's; `advice` is what to do about it."""
    if any(hard):
        drop = f"take them out with `python -m training hard drop {path} --out REST.jsonl`"
        raise ConfigError(
            f"{path}: {sum(hard)} of {len(hard)} prompts are of HealthBench Hard (the first is number "
            f"{list(hard).index(True) + 1}), which is for measuring only: {advice or drop}"
        )
