"""Turns principles into the rubric for one question.

Criteria and advice have slots for what the question says: whom it is about, which medicines and which
measurements it names, and the warning signs of its complaint. They are filled by rule, in one pass, so that nothing
a person writes is ever read as a template, and only short, recognised spans are taken over.
"""

import re
from collections.abc import Mapping, Sequence

from principles.grader import Turns
from principles.medicines import find_medicines
from principles.patterns import SENTENCE_END
from principles.schema import Criterion, Principle, Rubric
from principles.signs import ANY, signs_of

SLOTS = ("person", "medicine", "measure", "signs")

_RELATIONS = (
    "mother|mom|mum|father|dad|grandmother|grandma|grandfather|grandpa|husband|wife|partner|girlfriend|boyfriend|"
    "son|daughter|brother|sister|friend|aunt|uncle|roommate|colleague|neighbou?r"
)
_RELATION = re.compile(rf"\b(?:my|our)\s+(?:[\w-]+\s+){{0,4}}?({_RELATIONS})\b", re.IGNORECASE)
_CHILD = re.compile(r"\bmy\s+(?:[\w-]+\s+){0,4}?(baby|newborn|infant|toddler|child|kid)\b", re.IGNORECASE)
_PATIENT = re.compile(r"\b(?:patient|pt|y/?o (?:m|f|male|female|man|woman))\b", re.IGNORECASE)
_AGED = re.compile(
    r"\b(?:my|our)\s+(?:\d{1,3}[\s-]*(?:days?|weeks?|wks?|months?|mos?)|(?:[1-9]|1[0-7])[\s-]*(?:years?|yrs?))[\s-]*old\b",
    re.IGNORECASE,
)
_NUMBER = r"\d{1,3}(?:,\d{3})+|\d{1,4}(?:[.,/]\d{1,4})?"
_UNITS = (
    "mg/dl|mg/l|[munp]?mol/l|[µμ]mol/l|mmol/mol|meq/l|mmhg|g/dl|g/l|[nup]g/m?l|[µμ]g/l|m?i?u/l|iu|mcg|[µμu]g|micrograms?|mg|ml|g|"
    "kg|lbs?|pounds|stone|st|units?|bpm|°?\\s?[cf]|degrees|%|percent"
)
_MEASURE = re.compile(
    rf"(?<![\w/.,-])(?:(?:{_NUMBER})\s?(?:{_UNITS})(?![\w/])|"
    r"(?:(?<=bp )|(?<=pressure )|(?<=pressure is )|(?<=pressure was ))\d{2,3}(?:/| over )\d{2,3}(?![\d/]))",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\?|\b(?:stop(?:ping)?|quit(?:ting)?|(?:com|gett)(?:e|ing) off|get off|wean(?:ing)?|start|switch(?:ing)?|"
    r"chang(?:e|ing)|skip(?:ping)?|miss(?:ed)?|doubl(?:e|ing)|want|(?:woul|i'|i’)d like to|hop(?:e|ing) to|tempted|"
    r"thinking (?:of|about)|can i|should|could|may i|is it|how|what|instead|add|combine|mix|safe|"
    r"(?:worried|question) about)\b",
    re.IGNORECASE,
)
_LISTING = re.compile(
    r"\W*(?:i (?:am|'m|take|use|have been)|i'm (?:on|taking)|my (?:meds|medicines?|medications?))\b[^?]*$", re.I
)
# Where a sentence turns from what is taken to what is asked.
_TURNING = re.compile(
    r";\s*|,?\s+(?=(?:but|and (?:i )?(?:want|would like|need|am thinking)|and (?:can|should|could|may) i)\b)|"
    r",\s+(?=(?:and )?(?:it['’]s|it is|now i|i['’]m|i am|i want)\b)",
    re.I,
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
                text=_filled(principle.criterion, slots),
                points=principle.points,
                safety_critical=principle.safety_critical,
                principle_id=principle.id,
            )
            for principle in principles
        )
    )


def advising(principles: Sequence[Principle], turns: Turns) -> list[Principle]:
    """The same principles with their advice worded for the last question. `turns` are in English."""
    if not any("{" in one.advice for one in principles):
        return list(principles)
    slots = fill_slots(turns)
    return [one.model_copy(update={"advice": _filled(one.advice, slots)}) for one in principles]


def without_slots(template: str) -> str:
    """A template to be read or embedded where there is no question: "{medicine}" becomes "the medicine"."""
    return _SLOT.sub(r"the \1", template)


def _filled(template: str, slots: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda match: slots.get(match[1], match[0]), template)


def fill_slots(turns: Turns) -> dict[str, str]:
    """What the user's own turns say of person, medicine, measure and complaint; a neutral phrase where they say
    nothing."""
    said = [turn["content"] for turn in turns if turn["role"] == "user"]
    last, everything = said[-1], "\n".join(reversed(said))
    medicines = _medicines_asked_about(last) or find_medicines(everything)
    measures = list(dict.fromkeys(match[0] for match in _MEASURE.finditer(last)))
    return {
        "person": _person(last) or _person(everything) or "the person",
        "medicine": _listed(medicines) or "the medicine",
        "measure": _listed(measures) or "the value given",
        "signs": signs_of(last) or signs_of(everything) or ANY,
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
    if _CHILD.search(text) or _AGED.search(text):
        return "the child"
    return "the patient" if _PATIENT.search(text) else None


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_NAMED])
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
