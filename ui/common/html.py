"""Text of models, people, libraries and databases as HTML: here, and nowhere else, it becomes part of the page.

Everything else builds the page with `Markup(...).format(...)` and `joined`, which escape what is not Markup.
"""

from collections.abc import Iterable

from markdown_it import MarkdownIt
from markupsafe import Markup as Markup

# What names a place elsewhere, or is HTML already, stays text: nothing is loaded, and nothing leads away.
_INERT = ("image", "link", "autolink", "html_inline", "html_block", "reference")
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable(_INERT)
# The page has headings of its own, and who goes by headings must not meet those of an answer among them.
_HEADING = "h5"


def markdown(text: str) -> Markup:
    """Markdown as HTML. Tags, links and pictures in it are shown as they are written."""
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = _HEADING
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))  # the renderer escapes


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """The parts one after the other, each escaped unless it is Markup."""
    return Markup(between).join(parts)


def fill(template: str, /, *parts: object, **named: object) -> Markup:
    """A template of ours with its {} filled in, each part escaped unless it is Markup."""
    return Markup(template).format(*parts, **named)


def percent(share: float | None) -> str:
    """A share in whole per cent; a dash for None."""
    return "–" if share is None else f"{share:.0%}"
