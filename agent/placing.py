"""Makes proposed edits in an answer: each in its place, and nothing said twice."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from agent import text
from agent.critic.corrections import MARK
from agent.edits import Proposal
from agent.keep import calls_for_help
from agent.text import Unit
from principles.scoring import by_weight

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]
# Above this cosine two pieces of advice say so nearly the same that one is enough (read over all pairs).
SAME_ADVICE = 0.75


def made(answer: str, proposals: Sequence[Proposal], encode: Encode) -> tuple[str, list[Proposal]]:
    """The answer with the proposals, and those made: an earlier one may have taken the place, or said the same.

    The weightiest of what goes to the opening comes first there, whatever the order of the proposals.
    """
    done: list[Proposal] = []
    openings: list[Proposal] = []
    for one in sorted(proposals, key=_lightest_last):
        if _said_by(done, one, encode):
            continue
        if _opens(one):
            openings.append(one)
        elif one.placement == "remark":
            pass  # after the document, all together
        else:
            changed = _with(answer, one, encode)
            if not changed or changed == answer:
                continue
            answer = changed
        done.append(one)
    if openings:
        openings.sort(key=lambda one: by_weight(one.criterion))
        answer = _opened(answer, openings)
    if remarks := [one.added for one in done if one.placement == "remark"]:
        answer = text.with_remarks(answer, remarks)
    return answer, [one for one in proposals if one in done]


def _opened(answer: str, openings: Sequence[Proposal]) -> str:
    """The answer with its openings, weightiest first; where it begins with a call for help, they come after that."""
    added = "\n\n".join(one.added for one in openings)
    first, gap, rest = answer.partition("\n\n")
    if calls_for_help(first) and not calls_for_help(openings[0].added):
        return f"{first}\n\n{added}{gap}{rest}"
    return text.insert_opening(answer, added)


def _lightest_last(one: Proposal) -> tuple[bool, tuple[bool, float]]:
    """Faults first, since what is taken out must not take an addition along; then by weight."""
    return one.criterion.points > 0, by_weight(one.criterion)


def _opens(one: Proposal) -> bool:
    return one.placement == "opening" and not one.removed


def _said_by(done: Sequence[Proposal], one: Proposal, encode: Encode) -> bool:
    others = [other.added for other in done if other.added]
    if one.removed or not others:
        return False
    return bool((encode([one.added]) @ encode(others).T).max() >= SAME_ADVICE)


def _with(answer: str, one: Proposal, encode: Encode) -> str:
    found = text.units(answer)
    if one.removed or one.beside:
        start = answer.find(one.removed or one.beside)
        if start < 0:
            return answer
        item = any(unit.item and unit.start == start for unit in found)
        if one.beside and answer[start + len(one.beside) :].lstrip().startswith(MARK):
            return answer  # corrected already: twice would bury it
        unit = Unit(start, start + len(one.removed or one.beside), one.removed or one.beside, item)
        return text.correct_beside(answer, unit, one.added) if one.beside else text.replace(answer, unit, one.added)
    if not found or one.placement == "closing":
        return text.insert_closing(answer, one.added)
    near = (encode([one.added]) @ encode([unit.text for unit in found]).T)[0]
    return text.insert_after(answer, found[int(np.argmax(near))], one.added)
