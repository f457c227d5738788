"""The README's Python example, run as it stands, with the real model."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from principles.library import load_library

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.timeout(1_800)
def test_the_example_prints_an_answer_and_a_line_an_edit() -> None:
    (code,) = re.findall(r"<!-- readme-example -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(README), "exec"), {})  # noqa: S102 - it is ours
    *answer, last = printed.getvalue().strip().splitlines()
    assert any(line.strip() for line in answer)
    kind, criterion = last.split()
    assert kind in ("add", "correct", "remove", "replace")
    assert load_library().get(criterion)
