"""Lines that are on the disk before they count as done."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError
from tests.unit.training.synthesis_fakes import lines
from training.synthesis.log import Journal, working_on

SETTINGS = {"writer": "templates", "library": "abc"}


def append(journal: Journal, name: str, refused: bool = False) -> None:
    journal.append(name, json.dumps({"prompt_id": name}), refused)


def test_work_goes_on_and_a_torn_line_is_done_again(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.jsonl"
    with working_on(out, SETTINGS) as journal:
        append(journal, "a")
        append(journal, "b", refused=True)
    for torn in (b'{"prompt_id": "c", "pro', b'{"prompt_id": "c"\n'):
        with out.open("ab") as file:
            file.write(torn)
        with working_on(out, SETTINGS) as journal:
            assert journal.done == {"a", "b"}
    with working_on(out, SETTINGS) as journal:
        append(journal, "c")
    assert [json.loads(line)["prompt_id"] for line in out.read_text().splitlines()] == ["a", "c"]


def test_other_settings_and_other_peoples_files_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with working_on(out, SETTINGS) as journal:
        append(journal, "a")
    with (
        pytest.raises(ConfigError, match='library was "abc", now "xyz"'),
        working_on(out, SETTINGS | {"library": "xyz"}),
    ):
        pass
    other = lines(tmp_path / "mine.jsonl", {"question": "?"})
    with pytest.raises(ConfigError, match="not made by this command"), working_on(other, SETTINGS):
        pass
    assert other.read_text() == '{"question": "?"}\n'


def test_a_damaged_line_in_the_middle_is_not_thrown_away(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with working_on(out, SETTINGS) as journal:
        append(journal, "a")
    out.write_text('{"prompt_id": "a"}\n{"prompt\n{"prompt_id": "b"}\n')
    with pytest.raises(ConfigError, match="line 2 is damaged"), working_on(out, SETTINGS):
        pass
    assert len(out.read_text().splitlines()) == 3


def test_two_runs_do_not_write_the_same_file(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with working_on(out, SETTINGS), pytest.raises(ConfigError, match="another run"), working_on(out, SETTINGS):
        pass


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, write = tmp_path / "out.jsonl", os.write

    def half(handle: int, data: Any) -> int:
        if len(data) < 9:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, bytes(data)[: len(data) // 2])

    with working_on(out, SETTINGS) as journal:
        append(journal, "a")
        before = out.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr("training.common.journal.os.write", half)
            with pytest.raises(ConfigError, match=r"the disk is full.*1 questions done so far are kept"):
                append(journal, "b")
        assert out.read_bytes() == before
        assert journal.done == {"a"}
        append(journal, "b")
    assert len(out.read_text().splitlines()) == 2
