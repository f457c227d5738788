"""The part of an answer that a criterion is about, so that a small model need not read the whole."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.judge.sentences import sentences

_MARKS = " *#-\t"
# Words of evidence for one criterion: about a hundred tokens.
WORDS = 75


def passages(answer: str) -> list[str]:
    """The answer's sentences, headings and list items without their marks; at least one, maybe empty."""
    return [piece for piece in sentences(answer, _MARKS) if len(piece) > 2] or [answer.strip()]


def evidence(pieces: Sequence[str], likeness: npt.NDArray[np.float32], words: int = WORDS) -> str:
    """The pieces most like the criterion, in the answer's order, within `words`; `likeness` is (pieces,)."""
    left, kept = words, set[int]()
    for place in np.argsort(-likeness, kind="stable").tolist():
        size = len(pieces[place].split())
        if kept and size > left:
            continue
        kept.add(place)
        left -= size
        if left <= 0:
            break
    parts = [piece if place == 0 or place - 1 in kept else f"… {piece}" for place, piece in enumerate(pieces)]
    return " ".join(parts[place] for place in sorted(kept))
