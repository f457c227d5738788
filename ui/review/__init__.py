"""Clinicians' rubric review, the paper's first stage: a tab of the page, and `python -m ui.review`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ui.review.tab import review_tab

__all__ = ["review_tab"]


def __getattr__(name: str) -> Any:
    """Import on first use: gradio takes seconds, and the commands need none of it."""
    if name != "review_tab":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ui.review.tab import review_tab

    return review_tab
