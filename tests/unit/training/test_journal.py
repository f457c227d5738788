"""What keeps long work: settings, one process at a time, whole lines on the disk."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError
from training.common.journal import append_line, folder_begun_under, read_lines, settings_in

LINES = "lines.jsonl"


def begin(folder: Path, settings: dict[str, Any]) -> None:
    with folder_begun_under(settings, folder, LINES):
        pass


def test_the_same_settings_go_on_and_others_are_named(tmp_path: Path) -> None:
    begin(tmp_path / "run", {"a": 1, "b": None})
    written = (tmp_path / "run" / "settings.json").read_text()
    begin(tmp_path / "run", {"a": 1, "b": None})
    with pytest.raises(ConfigError, match=r"\(b was null, now 2\)"):
        begin(tmp_path / "run", {"a": 1, "b": 2})
    assert (tmp_path / "run" / "settings.json").read_text() == written == '{\n  "a": 1,\n  "b": null\n}\n'


def test_lines_without_settings_are_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / LINES).write_text("{}\n")
    with pytest.raises(ConfigError, match=r"lines.jsonl: was not made by this command \(settings.json is missing\)"):
        begin(tmp_path, {})
    assert not (tmp_path / "settings.json").exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_settings_that_cannot_be_read_are_not_overwritten(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.json").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read as settings"):
        begin(tmp_path, {})
    assert (tmp_path / "settings.json").read_bytes() == content


def test_the_folder_is_free_again_after_a_failure(tmp_path: Path) -> None:
    begin(tmp_path, {"a": 1})
    with pytest.raises(ConfigError):
        begin(tmp_path, {"a": 2})
    with folder_begun_under({"a": 1}, tmp_path), pytest.raises(ConfigError, match="another run writes there"):
        begin(tmp_path, {"a": 1})
    begin(tmp_path, {"a": 1})


@pytest.mark.parametrize("torn", [b'{"n": 3', b'{"n": \n', b"\0\0\n", b"\0"])
def test_a_torn_last_line_is_passed_over_and_cut_off_by_the_writer_alone(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / LINES
    append_line(path, '{"n": 1}')
    append_line(path, '{"n": 2}')
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert list(read_lines(path, json.loads)) == [{"n": 1}, {"n": 2}]
    assert path.read_bytes() == whole + torn
    assert list(read_lines(path, json.loads, mend=True)) == [{"n": 1}, {"n": 2}]
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "the disk is full.*: make room and give the same command again; all is kept"),
        (errno.EDQUOT, "the disk is full.*: make room and give the same command again; all is kept"),
        (errno.EIO, "Input/output error.*: correct that, or choose another --out"),
    ],
)
def test_a_line_that_cannot_be_synced_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    def failing(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    path = tmp_path / LINES
    append_line(path, "{}")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(ConfigError, match=said):
            append_line(path, '{"n": 1}', kept="all is kept")
    assert path.read_text() == "{}\n"


def test_work_that_was_not_begun_has_no_settings_and_no_lines(tmp_path: Path) -> None:
    assert settings_in(tmp_path / "settings.json") is None
    assert list(read_lines(tmp_path / LINES, json.loads)) == []
