"""Prompts as text files, filled in one pass: text that is put in is never read as a template.

Here are those of drafting and revising; other packages have theirs beside them, read by `prompts_in`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files

_SLOT = re.compile(r"\{\{(\w+)\}\}")


def prompts_in(package: str) -> Callable[..., str]:
    """`prompt(name, **values)` for the text files of a package: `name`.txt with each {{slot}} replaced.

    A slot without a value is a KeyError.
    """

    def prompt(name: str, **values: str) -> str:
        return filled(text_of(package, name), values)

    return prompt


prompt = prompts_in(__name__)


@cache
def text_of(package: str, name: str) -> str:
    """The text of the file `name`.txt in a package."""
    return files(package).joinpath(f"{name}.txt").read_text(encoding="utf-8").strip()


def filled(template: str, values: Mapping[str, str]) -> str:
    """`template` with each {{slot}} replaced. A slot without a value is a KeyError."""
    return _SLOT.sub(lambda match: values[match[1]], template)


def fence(text: str) -> str:
    """`text` between rows of backticks longer than any run of them inside it, so that it cannot end its fence."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    row = "`" * max(3, longest + 1)
    return f"{row}\n{text}\n{row}"


def conversation_text(turns: Sequence[Mapping[str, str]]) -> str:
    """A conversation as one fenced block of quoted text."""
    return fence("\n\n".join(f"{turn['role'].upper()}: {turn['content']}" for turn in turns))
