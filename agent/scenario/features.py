"""From a conversation to numbers: the sentence vector of the question, its cues and its words."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.scenario.cues import cues
from principles.errors import InputError
from principles.grader import Turns

Array = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], Array]

# How strongly the unit vector speaks beside cues in [0, 1], and the earlier turns beside the last one.
VECTOR_WEIGHT, EARLIER_WEIGHT = 1.6, 0.5
# The encoder reads about a thousand characters: a long text is read in pieces, of its start and its end, and all of it
# for what is urgent, in windows that overlap by half so that no sentence is cut in each of them.
PIECE, START, END = 900, 500, 2_000
WINDOW = 350


class Rows(NamedTuple):
    """Readings of one conversation or of many: `dense` (n, features) is vector and cues, `texts` (n) what they read."""

    dense: Array
    texts: list[str]


def features(encode: Encode, conversations: Sequence[Turns]) -> list[Rows]:
    """For each conversation 1 or 2 rows: the last user turn alone, then, where there are
    earlier user turns, in their light. Assistant turns are not read. One call of `encode` in all.

    `encode` gives L2-normalised float32 vectors (n, dimension). Raises InputError where a conversation
    has no user turn.
    """
    said = [_said(turns) for turns in conversations]
    texts = [piece for last, earlier in said for text in (last, earlier) for piece in _pieces(text)]
    vectors = iter(encode(texts))
    found: list[Rows] = []
    for last, earlier in said:
        alone = _mean([next(vectors) for _ in _pieces(last)])
        readings = [(alone, last)]
        if earlier:
            context = _mean([next(vectors) for _ in _pieces(earlier)])
            readings.append((_unit(alone + EARLIER_WEIGHT * context), f"{earlier} {last}"))
        found.append(Rows(np.stack([_row(*reading) for reading in readings]), [text for _, text in readings]))
    return found


def windows(encode: Encode, turns: Turns) -> Rows | None:
    """Readings of long user turns, window by window; None where each is short enough to be read at once."""
    said = [" ".join(str(turn.get("content") or "").split()) for turn in turns if turn.get("role") == "user"]
    parts = [
        text[start : start + WINDOW]
        for text in said
        if len(text) > PIECE
        for start in range(0, len(text) - WINDOW // 2, WINDOW // 2)
    ]
    if not parts:
        return None
    vectors = encode(parts)
    return Rows(np.stack([_row(*reading) for reading in zip(vectors, parts, strict=True)]), parts)


def _said(turns: Turns) -> tuple[str, str]:
    user = [str(turn.get("content") or "") for turn in turns if turn.get("role") == "user"]
    if not user:
        raise InputError("the conversation has no user turn: add a message with role 'user'")
    # An empty last turn still is one; an empty past is none.
    return _readable(user[-1]) or " ", _readable("\n".join(user[:-1]))


def _readable(text: str) -> str:
    if len(text) > START + END:
        text = f"{text[:START]} {text[-END:]}"
    return " ".join(text.replace("\0", " ").split())


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def _row(vector: Array, text: str) -> Array:
    return np.concatenate([VECTOR_WEIGHT * vector, np.asarray(cues(text), dtype=np.float32)]).astype(np.float32)


def _mean(vectors: Sequence[Array]) -> Array:
    return _unit(np.mean(np.stack(vectors), axis=0))


def _unit(vector: Array) -> Array:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
