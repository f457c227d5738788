"""What is shown above everything where a question sounds like an emergency: fixed words, not a model's.

Each comes in the language of the question and, as that is a guess wherever it is not English, in English below.
"""

from agent.language import language_of
from ui.chat.notice_texts import TEXTS
from ui.common.html import fill, joined

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
# What py3langid calls by a narrower name.
_SAME = {"nb": "no", "nn": "no", "wuu": "zh", "yue": "zh", "arz": "ar", "ary": "ar", "apc": "ar", "prs": "fa"}
_EMERGENT, _CONDITIONAL = 1, 2


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


def _said(which: int, question: str, language: str | None = None) -> list[tuple[str, str]]:
    """(language, text), the question's language first."""
    found = language or language_of(question)
    code = _SAME.get(found, found)
    codes = dict.fromkeys([code, "en"] if code in TEXTS else ["en"])
    return [(code, TEXTS[code][which].format(numbers=TEXTS[code][0])) for code in codes]
