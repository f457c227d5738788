"""What a review never takes away from an answer, however sure the critic is.

Urgent instructions, instructions about a medicine that may be doing harm, and what answers the question itself. Too
much kept costs a correction, which then stands beside the sentence; too little may cost the one line that matters.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from agent.text import Unit, units
from principles.grader import Turns
from principles.patterns import says

_CLAUSE = re.compile(r"[,;:–—]\s")
# The first sentence, and the one nearest in meaning to the question, are taken for its answer.
FIRST, NEAREST = 1, 1

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]
_says = partial(says, "agent", "keep")


def is_urgent(sentence: str) -> bool:
    """Whether a sentence tells the person to get urgent help, or gives first aid."""
    return _in_a_clause(sentence, ("help", "urgent"), ("no_urgency",))


def calls_for_help(sentence: str) -> bool:
    """Whether a sentence sends the person to where urgent help is, now. "See your doctor at once" does not."""
    return not _says("put_off", sentence) and _in_a_clause(sentence, ("help",), ("no_urgency", "no_call"))


def _in_a_clause(sentence: str, told: Sequence[str], told_away: Sequence[str]) -> bool:
    """Whether a clause says any of `told` and none of `told_away`: "Never wait and see, call 999." is not waiting."""
    return any(
        any(_says(what, clause) for what in told) and not any(_says(what, clause) for what in told_away)
        for clause in _CLAUSE.split(sentence)
    )


def speaks_of_stopping(sentence: str) -> bool:
    """Whether a sentence says to stop or to hold something, or not to."""
    return _says("stopping", sentence)


def tells_of_a_reaction(turns: Turns) -> bool:
    """Whether the person tells of anything that a medicine may have done. `turns` in English."""
    return any(_says("reaction", turn["content"]) for turn in turns if turn["role"] == "user")


def urgent_units(answer: str) -> list[Unit]:
    """The sentences of an answer that tell to get urgent help."""
    return [unit for unit in units(answer) if is_urgent(unit.text)]


def answering(answer: str, question: str, encode: Encode) -> set[int]:
    """Where the sentences start that answer the question: the first, those that say yes or no, and the nearest."""
    found = units(answer)
    kept = {unit.start for unit in found[:FIRST]} | {unit.start for unit in found if _says("yes_or_no", unit.text)}
    if len(found) > FIRST:
        near = (encode([question]) @ encode([unit.text for unit in found]).T)[0]
        kept |= {found[place].start for place in np.argsort(-near)[:NEAREST]}
    return kept
