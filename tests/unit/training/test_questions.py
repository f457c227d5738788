"""Questions without a rubric, read from a file."""

from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError
from tests.unit.training.synthesis_fakes import lines
from training.common.questions import read_questions


def test_questions_are_read_once_each(tmp_path: Path) -> None:
    same = {"question": "  is IT  contagious? "}
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    held = {"prompt": [*turns, {"role": "user", "content": "And?"}], "prompt_id": "p", "canary": "c", "key": "k"}
    found, repeated = read_questions(lines(tmp_path / "q.jsonl", {"question": "Is it contagious?"}, same, held))
    assert repeated == 1
    assert [one.text for one in found] == ["Is it contagious?", "Hi\nAnd?"]
    assert (found[1].prompt_id, found[1].canary) == ("p", "c")
    again, _ = read_questions(lines(tmp_path / "r.jsonl", {"question": "Is it contagious?"}))
    assert again[0].prompt_id == found[0].prompt_id


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{not json", "not JSON"),
        ("[1]", "not a JSON object"),
        ({"question": " \n"}, "the question is empty"),
        ({"query": "x"}, "either a question or a prompt"),
        ({"question": 7}, "question"),
        ({"prompt": [{"role": "assistant", "content": "x"}]}, "must be the user's"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_without_its_text(tmp_path: Path, bad: Any, reason: str) -> None:
    path = lines(tmp_path / "q.jsonl", {"question": "Secret one?"}, bad)
    with pytest.raises(ConfigError, match=rf"q\.jsonl: line 2: .*{reason}") as caught:
        read_questions(path)
    assert "Secret" not in str(caught.value)


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_questions(tmp_path / "none.jsonl")
    with pytest.raises(ConfigError, match="holds no question"):
        read_questions(lines(tmp_path / "q.jsonl"))
    twice = lines(tmp_path / "t.jsonl", {"question": "A?", "prompt_id": "p"}, {"question": "B?", "prompt_id": "p"})
    with pytest.raises(ConfigError, match="line 2: its prompt_id"):
        read_questions(twice)
