"""What a model says to a person, without what it says to itself before: reasoning is nobody's answer.

Servers that know their model's format hand reasoning over in a field of its own. Others leave it in the text, between
marks; and where the prompt itself ends with the opening mark, with the closing one alone.
"""

import re

_NAMES = ("think", "thinking", "thought", "reasoning", "seed:think")
_OPENING = (*(f"<{name}>" for name in _NAMES), "[THINK]", "<|channel|>analysis<|message|>")
_CLOSING = (*(f"</{name}>" for name in _NAMES), "[/THINK]", "<|channel|>final<|message|>")
_MARK = re.compile("|".join(re.escape(mark) for mark in (*_OPENING, *_CLOSING)))


class Spoken:
    """Takes a reply piece by piece, cut anywhere, and gives back what of it is said.

    `reasoned` tells whether there was reasoning, and `unopened` that its closing mark came without an opening one: then
    what stood before it was reasoning too, and has been given back already. With `within` the reply is held back until
    the closing mark, since the last one was like that.
    """

    def __init__(self, within: bool = False) -> None:
        self.reasoned = False
        self.unopened = False
        self._within = within
        self._presumed = within
        self._held = ""
        self._begun = False

    def feed(self, piece: str) -> str:
        """What may be shown now that `piece` has come; what may be the beginning of a mark waits for the next."""
        self._held += piece
        shown = ""
        while match := _MARK.search(self._held):
            before, self._held = self._held[: match.start()], self._held[match.end() :]
            self.reasoned, self._presumed = True, False
            shown += "" if self._within else before
            if match[0] in _CLOSING and not self._within:
                self.unopened = True
                shown += match[0]  # the whole text is cut at it: see `said`
            self._within = match[0] in _OPENING
        if self._presumed:
            return ""
        place = len(self._held) - _half_a_mark(self._held)
        free, self._held = self._held[:place], self._held[place:]
        return self._aloud(shown if self._within else shown + free)

    def end(self, cut: bool = False) -> str:
        """What is left when the reply is over; `cut` where it ran into its limit."""
        hidden = self._within and (cut or not self._presumed)
        self.reasoned = self.reasoned or hidden
        left, self._held = "" if hidden else self._held, ""
        return self._aloud(left)

    def _aloud(self, text: str) -> str:
        text = text if self._begun else text.lstrip()
        self._begun = self._begun or bool(text)
        return text


def said(text: str) -> str:
    """A whole reply without its reasoning."""
    spoken = Spoken()
    shown = spoken.feed(text) + spoken.end()
    if spoken.unopened:
        last = max(shown.rfind(mark) + len(mark) for mark in _CLOSING if mark in shown)
        shown = shown[last:]
    return shown.strip()


def _half_a_mark(text: str) -> int:
    """How many characters at the end of `text` may begin a mark."""
    longest = min(len(text), max(map(len, (*_OPENING, *_CLOSING))) - 1)
    return next(
        (n for n in range(longest, 0, -1) if any(mark.startswith(text[-n:]) for mark in (*_OPENING, *_CLOSING))), 0
    )
