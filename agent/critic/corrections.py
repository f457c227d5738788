"""A sentence that the answer itself corrects is withdrawn: no fault of the answer any more.

The correction stands directly after it, in the words that the review uses, so that every judge of the answer, the
agent's or another, reads it alike.
"""

import re
from itertools import pairwise

CORRECTION = "Correction: {advice}"
_MARK = CORRECTION.split("{", maxsplit=1)[0]
# Every repetition is bounded by the line.
_SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s)|[。！？]|(?=\n|\Z))")


def without_withdrawn(answer: str) -> str:
    """The answer without the sentences that a correction follows."""
    if _MARK not in answer:
        return answer
    found = list(_SENTENCE.finditer(answer))
    kept, end = [], 0
    for one, following in pairwise(found):
        if following[0].lstrip().startswith(_MARK) and "\n" not in answer[one.end() : following.start()]:
            kept.append(answer[end : one.start()])
            end = one.end()
    return "".join([*kept, answer[end:]])
