"""Whether an answer is to be a document: a note, a letter, a translation, a summary, code.

A document holds what it was given and nothing else, so a review leaves it as it is and says after it what it has to.
"""

import re
from functools import cache

from principles.grader import Turns
from principles.patterns import patterns, says
from principles.schema import Scenario, Task

SHORT = 120
# The scenario's confidence in `documentation` below which words decide: of eight tasks one is always the likeliest.
SURE = 0.5


def wants_document(turns: Turns, scenario: Scenario) -> bool:
    """Whether the last question asks for one. `turns` in English, where they were translated."""
    last = turns[-1]["content"]
    sure = "task" not in scenario.guessed and scenario.confidence.get("task", 1.0) >= SURE
    if scenario.task is Task.DOCUMENTATION and sure:
        return True
    if patterns("agent", "document")["asking_what"].match(last) and len(last) < SHORT:
        return False  # "How do I write a letter to ...?" asks for advice
    return bool(_request().search(last)) or says("agent", "document", "asked", last)


@cache
def _request() -> re.Pattern[str]:
    words = patterns("agent", "document")
    make, thing = words["make"].pattern, words["thing"].pattern
    return re.compile(rf"\b(?:{make})\b (?:\S+ ){{0,7}}?\S*?\b(?:{thing})\b", re.IGNORECASE)
