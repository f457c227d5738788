"""How a reply is read: what its first word was likely to be, whether it was cut, the JSON in it.

Servers spell tokens as their tokenizers do, and give probabilities in the form of the chat or of the older completions.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

# The mark of a message whose model reasoned; what it reasoned is not kept.
REASONED = "reasoned"
# Below this the two words together are noise, not an answer.
LEAST_MASS = 0.01
# How many likely tokens an endpoint is asked for; where it refuses, whether it allows the next.
TOP_LOGPROBS = (20, 5, 2)
_CUT = frozenset({"length", "max_tokens", "max_length", "model_length"})
# What stands round a word in a token: the spaces of byte-level and of SentencePiece vocabularies, and punctuation.
_ROUND = "\\s\u0120\u010a\u2581\"'`*_.,:;!?()\\[\\]{}“”‘’。，！？"
_EDGES = re.compile(f"^[{_ROUND}]+|[{_ROUND}]+$")
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL | re.IGNORECASE)

Likely = list[tuple[str, float]]


@dataclass
class Logprobs:
    """What is known of an endpoint's probabilities: how many to ask for, and whether it gives usable ones, None while
    that is unknown."""

    most: int = TOP_LOGPROBS[0]
    given: bool | None = None


def was_cut(finish_reason: Any) -> bool:
    """Whether a reply ran into its limit of tokens, as this or that server says it."""
    return str(finish_reason).lower() in _CUT


def likeliest(logprobs: Any, text: str) -> Likely | None:
    """The likeliest first words in lower case with their probabilities, none where nothing was said; None where the
    endpoint gives no logprobs.

    `logprobs` as a reply has them. A first token without alternatives says nothing of what else was likely: that is
    none, too.
    """
    try:
        first = _alternatives(logprobs or {})
        if not first:
            return None if text else []
        return [(_word(token), math.exp(logprob)) for token, logprob in first]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError):
        return None


def yes_share(likely: Likely) -> float | None:
    """P(yes) / (P(yes) + P(no)); None if neither shows up."""
    yes = sum(chance for word, chance in likely if word == "yes")
    no = sum(chance for word, chance in likely if word == "no")
    return yes / (yes + no) if yes + no >= LEAST_MASS else None


def json_in(text: str) -> Any:
    """The JSON that a text is, in a code fence or without; None if it is none, or names a key twice."""
    fenced = _FENCED.fullmatch(text)
    try:
        return json.loads(fenced[1] if fenced else text, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):
        return None


def _alternatives(logprobs: Any) -> list[tuple[str, float]]:
    """The first token's alternatives, as chats give them or as completions do."""
    if logprobs.get("content"):
        return [(str(one["token"]), float(one["logprob"])) for one in logprobs["content"][0]["top_logprobs"]]
    older = (logprobs.get("top_logprobs") or [None])[0]
    return [(str(token), float(logprob)) for token, logprob in (older or {}).items()]


def _word(token: str) -> str:
    return _EDGES.sub("", token).lower()


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict; json.loads alone would take the last of two contradicting values."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made
