"""The README's Python example, run as it stands, with the real model."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from principles.library import load_library

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.timeout(1_800)
def test_the_example_prints_an_answer_and_a_line_an_edit() -> None:
    (code,) = re.findall(r"<!-- readme-example -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    printed, names = io.StringIO(), dict[str, Any]()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(README), "exec"), names)  # noqa: S102 - it is ours
    result = names["result"]
    # How many edits depends on the draft, and that on the processor: every machine rounds in its own way.
    edits = [f"{edit['kind']} {edit['criterion_id']}" for edit in result["edits"]]
    assert printed.getvalue().splitlines() == [*result["answer"].splitlines(), *edits]
    assert result["answer"].strip()
    assert "task.nsaid-called-safe" in {criterion["id"] for criterion in result["rubric"]["criteria"]}
    assert all(load_library().get(edit["criterion_id"]) for edit in result["edits"])
