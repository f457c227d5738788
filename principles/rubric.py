"""Turns principles into the rubric for one question.

Each principle's criterion template has slots for what the question says: whom it is about, which
medicines and which measurements it names. They are filled by rule, in one pass, so that nothing a person
writes is ever read as a template, and only short, recognised spans are taken over.
"""

import re
from collections.abc import Sequence

from principles.grader import Turns
from principles.medicines import find_medicines
from principles.patterns import SENTENCE_END
from principles.schema import Criterion, Principle, Rubric

SLOTS = ("person", "medicine", "measure")

_RELATIONS = (
    "mother|mom|mum|father|dad|grandmother|grandma|grandfather|grandpa|husband|wife|partner|girlfriend|boyfriend|"
    "son|daughter|brother|sister|friend|aunt|uncle|roommate|colleague|neighbou?r"
)
_RELATION = re.compile(rf"\b(?:my|our)\s+(?:[\w-]+\s+){{0,4}}?({_RELATIONS})\b", re.IGNORECASE)
_CHILD = re.compile(r"\bmy\s+(?:[\w-]+\s+){0,4}?(baby|newborn|infant|toddler|child|kid)\b", re.IGNORECASE)
_PATIENT = re.compile(r"\b(?:patient|pt|y/?o (?:m|f|male|female|man|woman))\b", re.IGNORECASE)
_MEASURE = re.compile(
    r"\b\d{1,4}(?:[.,/]\d{1,4})?\s?(?:mg/dl|mmol/l|mmhg|g/dl|ng/ml|u/l|iu|mcg|mg|ml|g|kg|lbs?|pounds|bpm|°\s?[cf]|"
    r"degrees|%|percent)(?![\w/])",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\?|\b(?:stop|quit|come off|wean|start|switch|change|skip|miss(?:ed)?|double|want|can i|should|could|may i|is it|"
    r"how|what|instead|add|combine|mix|safe)\b",
    re.IGNORECASE,
)
_LISTING = re.compile(
    r"\W*(?:i (?:am|'m|take|use|have been)|i'm (?:on|taking)|my (?:meds|medicines?|medications?))\b[^?]*$", re.I
)
# Where a sentence turns from what is taken to what is asked.
_TURNING = re.compile(
    r";\s*|,?\s+(?=(?:but|and (?:i )?(?:want|would like|need)|and (?:can|should|could|may) i)\b)", re.I
)
_SLOT = re.compile(r"\{(\w+)\}")
_MOST_NAMED = 3


def build_rubric(principles: Sequence[Principle], turns: Turns) -> Rubric:
    """One criterion a principle, in the given order, about the last question in the light of earlier turns."""
    slots = fill_slots(turns) if any("{" in p.criterion for p in principles) else {}
    return Rubric(
        criteria=tuple(
            Criterion(
                id=principle.id,
                text=_SLOT.sub(lambda match: slots.get(match[1], match[0]), principle.criterion),
                points=principle.points,
                safety_critical=principle.safety_critical,
                principle_id=principle.id,
            )
            for principle in principles
        )
    )


def fill_slots(turns: Turns) -> dict[str, str]:
    """What the user's own turns say of person, medicine and measure; a neutral phrase where they say nothing."""
    said = [turn["content"] for turn in turns if turn["role"] == "user"]
    last, everything = said[-1], "\n".join(reversed(said))
    medicines = _medicines_asked_about(last) or find_medicines(everything)
    measures = list(dict.fromkeys(match[0] for match in _MEASURE.finditer(last)))
    return {
        "person": _person(last) or _person(everything) or "the person",
        "medicine": _listed(medicines) or "the medicine",
        "measure": _listed(measures) or "the value given",
    }


def _medicines_asked_about(text: str) -> list[str]:
    """Of what is named in a turn, what its request is about: "I take A, B and C. I want to stop D." asks about D."""
    parts = [part for sentence in SENTENCE_END.split(text) for part in _TURNING.split(sentence)]
    named = [(part, found) for part in parts if (found := find_medicines(part))]
    asked = [found for sentence, found in named if _REQUEST.search(sentence) and not _LISTING.match(sentence)]
    chosen = asked[-1:] or [found for _, found in named]
    return list(dict.fromkeys(name for found in chosen for name in found))


def _person(text: str) -> str | None:
    if match := _RELATION.search(text):
        return f"the person's {match[1].lower()}"
    if _CHILD.search(text):
        return "the child"
    return "the patient" if _PATIENT.search(text) else None


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_NAMED])
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
