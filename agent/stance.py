"""Whether a sentence allows what a knowledge card is against, by their words: a small reader misses what is flat.

"Yes, you can take both" is read as right beside any card; that it allows, and that the card warns, shows by the words.
It is read in English alone, and says nothing of whether the two speak of one thing.
"""

from functools import cache, partial

from principles.facts import Fact
from principles.patterns import patterns, says

_says = partial(says, "agent", "stance")


def allows(sentence: str) -> bool:
    """Whether a sentence calls something fine and warns of nothing."""
    rest = patterns("agent", "stance")["harmless"].sub(" ", sentence)
    return (rest != sentence or _says("allows", sentence)) and not _says("warns", rest)


@cache
def is_against(fact: Fact) -> bool:
    """Whether a card says that something must not be done, or is a danger, and allows nothing beside it."""
    return _says("against", fact.statement) and not _says("in_favour", fact.statement)


def opposed(sentence: str, fact: Fact) -> bool:
    """Whether a sentence allows what a card may be against."""
    return is_against(fact) and allows(sentence)
