"""A principle's words by rule, from one criterion as physicians worded it: "States that …" becomes "Does the answer
state that …?".

The criterion's own words stay; only its verb is bent. So a fault in them stays, too.
"""

import re

from principles.rubric import SLOTS

# Far longer ones are lists of several demands; the schema takes 2,000.
MOST = 600
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# Words looked at before a verb is given up.
MOST_BEFORE = 3
_VERBS = {"is": "be", "has": "have", "does": "do", "goes": "go", "doesn't": "not", "doesn’t": "not", "does not": "not"}
# Words in -s that are no verb of the third person; and after one, a verb shows that it was a noun.
_NO_VERB = re.compile(r"(?:ss|us|sis|^(?:this|always|its|as|was|his|yes|besides|perhaps))$")
_FINITE = re.compile(
    r"\s+(?:is|are|was|were|has|have|had|should|must|can|may|might|will|would|does|do)\b", re.IGNORECASE
)
_NEGATED = re.compile(r"does not\b", re.IGNORECASE)
_ADVERB = re.compile(r"(?:[a-z]+ly|also|not|never|always|either)$")
_QUESTION = re.compile(r"(?:does|did) (?=(?:the|this|an?) )", re.IGNORECASE)
_SUBJECT = re.compile(r"(?:the |this |an? )?(?:answer|response|reply|model|assistant|chatbot|ai)\b\s*", re.IGNORECASE)
_MODAL = re.compile(r"(?:should|must|shall|needs? to|has to|ought to|will)\s+", re.IGNORECASE)


def shortened(text: str) -> str:
    """A criterion on one line, with nothing in it that reads as a slot, cut at a word where it is very long."""
    plain = " ".join(text.replace("{", "(").replace("}", ")").split())
    if len(plain) <= MOST:
        return plain
    return f"{plain[:MOST].rsplit(' ', 1)[0].rstrip(' ,;:.')} …"


def statement_of(text: str) -> str:
    """The criterion as a statement on the answer."""
    clause = _clause(text)
    if clause is None:
        return _ended(text)
    before, verb, rest = clause
    return _ended(f"The answer {before}{verb}{rest.rstrip('?')}")


def question_of(text: str) -> str:
    """The criterion as a yes/no question on the answer."""
    clause = _clause(text)
    if clause is None:
        return f"Is this true of the answer: {text.rstrip(' .?')}?"
    before, verb, rest = clause
    return f"Does the answer {before}{_base(verb)}{rest.rstrip(' .?')}?"


def advice_of(text: str, wanted: bool) -> str:
    """What the criterion asks of whoever answers. It is not worded for the person who asked: no rule could do that."""
    said = statement_of(text)
    return f"A good answer here: {said}" if wanted else f"A fault here: {said}"


def has_slot(text: str) -> bool:
    """Whether a text holds braces other than the known slots."""
    return bool(re.search(r"[{}]", re.sub(rf"\{{(?:{'|'.join(SLOTS)})\}}", "", text)))


def _clause(text: str) -> tuple[str, str, str] | None:
    """What stands before the first verb, that verb in its third person, and the rest; None where there is none."""
    body, base = text, False
    for opening in (_QUESTION, _SUBJECT, _MODAL):
        if found := opening.match(body):
            body = body[found.end() :]
            base = base or opening is not _SUBJECT
    before = ""
    for word in list(_WORD.finditer(body))[:MOST_BEFORE]:
        low, rest = word[0].lower(), body[word.end() :]
        if body[len(before) : word.start()].strip():
            return None
        if _NEGATED.match(body[word.start() :]):
            return before, "does not", body[word.start() + len("does not") :]
        if base and not _ADVERB.match(low):
            return before, _third(low), rest
        if not base and (low in _VERBS or (low.endswith("s") and not _NO_VERB.search(low))):
            return None if _FINITE.match(rest) else (before, low, rest)
        if not _ADVERB.match(low):
            return None
        before += f"{low} "
    return None


def _base(verb: str) -> str:
    """A verb's base form, from its third person."""
    if verb in _VERBS:
        return _VERBS[verb]
    if verb.endswith("ies") and len(verb) > 4:
        return f"{verb[:-3]}y"
    if verb.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return verb[:-2]
    return verb[:-1]


def _third(verb: str) -> str:
    """A verb's third person, from its base form."""
    for third, base in _VERBS.items():
        if base == verb and base != "not":
            return third
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("s", "sh", "ch", "x", "z")) else f"{verb}s"


def _ended(text: str) -> str:
    return text if text.rstrip()[-1:] in ".!?…" else f"{text.rstrip()}."
