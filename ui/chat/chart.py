"""Grade by round as a small picture that a screen reader can read out."""

from dataclasses import dataclass
from typing import Any

from ui.chat.verdicts import Facts, verdicts_of
from ui.common.html import Markup, fill, joined, percent

_BAR, _GAP, _HEIGHT, _TOP, _BOTTOM = 56, 34, 96, 20, 36


@dataclass(frozen=True)
class Round:
    """A graded version: `grade` in [.., 1], and whether it became the answer."""

    name: str
    grade: float
    chosen: bool


def rounds_of(state: Facts) -> tuple[str, list[Round]]:
    """What is measured, in words, and its value for the draft and each revision.

    It is the score, or where no check has positive points, and so none is defined, the share of checks that hold.
    """
    versions = state["versions"]
    scores = [version["grade"]["score"] for version in versions]
    what = "Score: points won of those possible"
    if None in scores:
        what, scores = "Checks that hold", [_share(state, version["grade"]) for version in versions]
    names = ["Draft", *(f"Round {i}" for i in range(1, len(versions)))]
    best = next((i for i, version in enumerate(versions) if version["answer"] == state.get("answer")), None)
    return what, [Round(name, score, i == best) for i, (name, score) in enumerate(zip(names, scores, strict=True))]


def _share(state: Facts, grade: dict[str, Any]) -> float:
    shown = verdicts_of(state, grade).values()
    return sum(one.holds is True for one in shown) / max(1, len(shown))


def chart(state: Facts) -> Markup:
    """Bars from the zero line up, or down for a grade below zero."""
    what, rounds = rounds_of(state)
    lowest, highest = min(0.0, *(one.grade for one in rounds), 0.0), max(1.0, *(one.grade for one in rounds), 1.0)
    unit = _HEIGHT / (highest - lowest)
    zero = _TOP + highest * unit
    bars = joined(_bar(one, i, zero, unit) for i, one in enumerate(rounds))
    width, height = len(rounds) * (_BAR + _GAP) + _GAP, _TOP + _HEIGHT + _BOTTOM
    spoken = ", ".join(f"{one.name} {percent(one.grade)}{' (the answer)' if one.chosen else ''}" for one in rounds)
    return fill(
        '<figure class="chart"><svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{spoken}">'
        '<line x1="0" x2="{w}" y1="{zero:.1f}" y2="{zero:.1f}"></line>{bars}</svg>'
        "<figcaption>{what}</figcaption></figure>",
        w=width,
        h=height,
        zero=zero,
        bars=bars,
        spoken=f"{what}. {spoken}",
        what=what,
    )


def _bar(one: Round, index: int, zero: float, unit: float) -> Markup:
    left, tall = _GAP + index * (_BAR + _GAP), abs(one.grade) * unit
    top = zero - tall if one.grade >= 0 else zero
    return fill(
        '<rect class="{kind}" x="{x}" y="{y:.1f}" width="{bar}" height="{tall:.1f}"></rect>'
        '<text x="{middle}" y="{above:.1f}">{share}</text><text x="{middle}" y="{below}">{name}</text>'
        '<text x="{middle}" y="{lower}">{answer}</text>',
        kind="chosen" if one.chosen else "other",
        x=left,
        y=top,
        bar=_BAR,
        tall=max(tall, 1),
        middle=left + _BAR // 2,
        above=top - 5,
        share=percent(one.grade),
        below=_TOP + _HEIGHT + 15,
        name=one.name,
        lower=_TOP + _HEIGHT + 30,
        answer="= answer" if one.chosen else "",
    )
