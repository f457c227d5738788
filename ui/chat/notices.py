"""What is shown above everything where a question sounds like an emergency: fixed words, not a model's.

Each comes in the language of the question and, as that is a guess wherever it is not English, in English below.
"""

from agent.emergency import texts
from agent.language import language_of
from ui.common.html import fill, joined

_WITHOUT_SPACES = frozenset({"zh", "ja"})
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_EMERGENT, _CONDITIONAL = ("call", "wait"), ("maybe",)


def emergency_notice(question: str, language: str | None = None) -> str:
    """The notice for a question that tells of an emergency, one line a language.

    `language` is an ISO 639-1 code; without it, it is read off the question.
    """
    return "\n".join(text for _, text in _said(_EMERGENT, question, language))


def caution_notice(question: str, language: str | None = None) -> str:
    """The milder notice, for a question that may be an emergency; otherwise as `emergency_notice`."""
    return "\n".join(text for _, text in _said(_CONDITIONAL, question, language))


def notice_html(question: str, urgency: str) -> str:
    """The notice that fits the scenario's urgency, with each line's language and direction; "" where none does."""
    which = {"emergent": _EMERGENT, "conditionally_emergent": _CONDITIONAL}.get(urgency)
    if which is None:
        return ""
    lines = [fill('<p lang="{}" dir="{}">{}</p>', code, direction(code), text) for code, text in _said(which, question)]
    role = "alert" if which == _EMERGENT else "status"
    return fill('<div class="notice {}" role="{}">{}</div>', urgency.replace("_", "-"), role, joined(lines))


def direction(language: str) -> str:
    """How a language is written, as HTML's `dir`: "rtl" or "ltr"."""
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def _said(which: tuple[str, ...], question: str, language: str | None = None) -> list[tuple[str, str]]:
    """(language, text), the question's language first."""
    known = texts()
    found = language or language_of(question)
    codes = dict.fromkeys([found, "en"] if found in known else ["en"])
    return [(code, _joined([known[code][name] for name in which], code)) for code in codes]


def _joined(sentences: list[str], language: str) -> str:
    return ("" if language in _WITHOUT_SPACES else " ").join(sentences)
