"""Better words for a principle's criterion without a model: what the most reviewers share, else what is most central.

Corrected criteria are about one question; where the principle's own words have a slot ({medicine}), what the question
put there becomes the slot again.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from principles.rubric import SLOTS, fill_slots
from principles.schema import Principle
from retrieval.encoder import Vectors
from training.reviews.learn.corrections import Correction

Encode = Callable[[list[str]], Vectors]
_LISTS = ("medicine", "measure")
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Wording:
    """A proposed criterion, with slots, and in words how it came about."""

    text: str
    origin: str


def shared_wording(principle: Principle, corrections: Sequence[Correction], encode: Encode) -> Wording | None:
    """None where no corrected wording can stand in the library: there is none, all have braces of their own, or yes no
    longer means what the principle's points say of it."""
    reviewers: dict[str, set[str]] = defaultdict(set)
    worded: dict[str, str] = {}
    for one in corrections:
        if one.reworded and not one.turned and usable(text := as_template(one.reworded, principle, one)):
            key = " ".join(text.casefold().split())
            worded.setdefault(key, " ".join(text.split()))
            reviewers[key].add(one.reviewer)
    if not worded:
        return None
    most = max(len(who) for who in reviewers.values())
    if most > 1:
        worded = {key: text for key, text in worded.items() if len(reviewers[key]) == most}
    text = _central(list(worded.values()), principle.criterion, encode)
    if most > 1:
        return Wording(text, f"in these words by {most} reviewers")
    others = "the only corrected wording" if len(worded) == 1 else f"the most central of {len(worded)} wordings"
    return Wording(text, others)


def as_template(text: str, principle: Principle, correction: Correction) -> str:
    """Corrected words with the principle's own slots where the question's values stand.

    Of several medicines or measurements that the question names, one that stands there alone stands for all.
    """
    own = set(_SLOT.findall(principle.criterion)) & set(SLOTS)
    if not own or "{" in text or "}" in text:
        return text
    filled = fill_slots(correction.turns)
    for slot in sorted(own, key=lambda name: -len(filled[name])):
        parts = set(re.split(r", | and ", filled[slot])) if slot in _LISTS else set()
        alone = [part for part in parts if _stands(part, text)]
        value = filled[slot] if _stands(filled[slot], text) else alone[0] if len(alone) == 1 else None
        if value:
            text = re.sub(_word(value), f"{{{slot}}}", text)
    return text


def _stands(value: str, text: str) -> bool:
    return re.search(_word(value), text) is not None


def _word(value: str) -> str:
    return rf"(?<!\w){re.escape(value)}(?!\w)"


def usable(template: str) -> bool:
    """Whether all its braces are slots that questions can fill, and the library has room for it."""
    return bool(template.strip()) and len(template) <= 2_000 and not re.search("[{}]", _without(template))


def _without(template: str) -> str:
    return _SLOT.sub(lambda match: "" if match[1] in SLOTS else match[0], template)


def _central(texts: list[str], present: str, encode: Encode) -> str:
    """The one that is nearest to all; of two the one that changes less."""
    if len(texts) == 1:
        return texts[0]
    vectors = np.asarray(encode([*texts, present]))
    others = vectors[:-1] if len(texts) > 2 else vectors[-1:]
    return texts[int(np.argmax((vectors[:-1] @ others.T).mean(axis=1)))]
