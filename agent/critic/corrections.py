"""A sentence that the answer itself corrects is withdrawn: no fault of the answer any more.

The correction stands directly after it, in the words that the review uses, so that every judge of the answer, the
agent's or another, reads it alike.
"""

from itertools import pairwise

from agent.critic.quoting import SENTENCE

CORRECTION = "Correction: {advice}"
MARK = CORRECTION.split("{", maxsplit=1)[0]


def without_withdrawn(answer: str) -> str:
    """The answer without the sentences that a correction follows."""
    if MARK not in answer:
        return answer
    found = list(SENTENCE.finditer(answer))
    kept, end = [], 0
    for one, following in pairwise(found):
        if following[0].lstrip().startswith(MARK) and "\n" not in answer[one.end() : following.start()]:
            kept.append(answer[end : one.start()])
            end = one.end()
    return "".join([*kept, answer[end:]])
