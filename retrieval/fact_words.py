"""The words by which knowledge cards are found: brands and generic names of a medicine are one word."""

import re

from principles.facts import Fact
from principles.medicines import medicine_keys

_WORD = re.compile(r"[^\W_]+")


def card_tokens(card: Fact) -> list[str]:
    """The words of a card; its names count twice."""
    return tokens(" ".join([*card.names, *card.names, *card.facets, card.statement]))


def tokens(text: str) -> list[str]:
    """Words without the commonest, singular; a medicine by its generic name too."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    words = [word for word in _WORD.findall(text.lower()) if word not in STOPWORDS_EN_PLUS and len(word) > 1]
    stems = [word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word for word in words]
    return [*stems, *(f"medicine:{key}" for key in sorted(medicine_keys(text)))]
