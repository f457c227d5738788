"""Reading a principle library: what is accepted, and what a bad file is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from principles.__main__ import main
from principles.errors import LibraryError
from principles.library import load_library


def entry(name: str = "task.first", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "dimension": "task",
        "values": ["medication"],
        "statement": f"The answer does {name}.",
        "rationale": "It helps.",
        "applies_when": "The question asks for it.",
        "criterion": "Does the answer do it for {person}?",
        "advice": "Please do it.",
        "points": 5,
        "facets": ["one", "two", "three"],
        "sources": [{"body": "WHO", "title": "A guide", "year": 2020}],
    } | changes


Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to


def test_the_three_formats_give_the_same_library(write: Write) -> None:
    entries = [entry("task.first"), entry("task.second", points=-3)]
    libraries = [
        load_library(write("a.yaml", yaml.safe_dump(entries))),
        load_library(write("a.json", "\ufeff" + json.dumps(entries))),
        load_library(write("a.jsonl", "\n".join(json.dumps(item) for item in entries) + "\n\n")),
    ]
    assert libraries[0] == libraries[1] == libraries[2]
    assert [principle.id for principle in libraries[0].principles] == ["task.first", "task.second"]
    assert libraries[0].get("task.second").points == -3


def test_the_digest_changes_with_any_text_and_with_the_order(write: Write) -> None:
    first, second = entry("task.first"), entry("task.second")
    digests = {
        load_library(write("a.json", json.dumps(entries))).digest
        for entries in ([first, second], [second, first], [first, second | {"rationale": "It helps!"}], [first])
    }
    assert len(digests) == 4


def test_the_environment_names_a_library(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_PRINCIPLES", str(write("mine.json", json.dumps([entry("task.mine")]))))
    assert load_library().principles[0].id == "task.mine"
    other = write("other.json", json.dumps([entry("task.other")]))
    assert load_library(other).principles[0].id == "task.other"


def test_the_bundled_library_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLINALIGN_PRINCIPLES", raising=False)
    assert len(load_library().principles) == 119


def without(field: str) -> dict[str, Any]:
    return {key: value for key, value in entry().items() if key != field}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], ["holds no principles"]),
        ([entry(colour="red")], ["task.first", "entry 1", "field colour", "unknown field"]),
        ([without("criterion")], ["task.first", "entry 1", "field criterion", "missing"]),
        ([without("id")], ["entry 1", "field id", "missing"]),
        ([entry(), entry("task.second"), entry()], ["task.first (entry 3)", "field id", "same id"]),
        ([entry(points=11)], ["field points", "less than or equal to 10"]),
        ([entry(points=0)], ["points must not be 0"]),
        ([entry(values=["surgery"])], ["surgery", "not of task", "medication"]),
        ([entry(values=[])], ["field values"]),
        ([entry(statement="  ")], ["field statement"]),
        ([entry(facets=["one", " "])], ["field facets.1"]),
        ([entry(advice="  ")], ["field advice"]),
        ([entry(sources=[{"body": "WHO", "title": "A guide"}])], ["field sources.0.year", "missing"]),
        ([entry("No Dots")], ["field id"]),
        ([entry(always=True)], ["needs safety_critical"]),
        (["task.first"], ["entry 1", "not a mapping"]),
        ([entry() | {7: "x"}], ["entry 1", "field 7"]),
        ({"principles": [entry()]}, ["holds a dict", "not a list"]),
        ("text", ["holds a str", "not a list"]),
    ],
)
def test_a_faulty_library_is_refused_and_told_where(write: Write, entries: Any, words: list[str]) -> None:
    path = write("bad.yaml", yaml.safe_dump(entries))
    with pytest.raises(LibraryError) as refused:
        load_library(path)
    message = str(refused.value)
    assert str(path) in message
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.yaml", "- id: a\n- id: b: c\n", ["not valid YAML", "line 2"]),
        ("a.yaml", "", ["holds no principles"]),
        ("a.yaml", "- !!python/object/apply:os.getcwd []", ["not valid YAML"]),
        ("a.yaml", b"\x80\x81\x00binary", ["not UTF-8"]),
        ("a.yaml", "- id: a\x00b", ["not valid YAML"]),
        ("a.json", '[{"id": ', ["not valid JSON", "line 1"]),
        ("a.json", "[" * 100_000, ["not valid JSON"]),
        ("a.jsonl", json.dumps(entry()) + "\n{oops}\n", ["line 2", "not valid JSON"]),
        (
            "a.jsonl",
            json.dumps(entry()) + "\n\n" + json.dumps(entry("task.b", points=99)),
            ["task.b (line 3)", "points"],
        ),
        ("a.csv", "id\n", [".csv", ".yaml, .yml, .json or .jsonl"]),
        ("a", "id\n", [".yaml, .yml, .json or .jsonl"]),
    ],
)
def test_an_unreadable_file_is_refused(write: Write, name: str, content: str | bytes, words: list[str]) -> None:
    with pytest.raises(LibraryError) as refused:
        load_library(write(name, content))
    assert [word for word in words if word not in str(refused.value)] == []


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="CLINALIGN_PRINCIPLES"):
        load_library(tmp_path / "none.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(LibraryError, match="cannot be read"):
        load_library(tmp_path / "folder.yaml")


def test_all_faults_are_told_at_once_but_not_thousands(write: Write) -> None:
    path = write("bad.json", json.dumps([entry(f"task.n{n}", points=0) for n in range(1000)]))
    with pytest.raises(LibraryError) as refused:
        load_library(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: 1000 fault(s)")
    assert message.count("points must not be 0") == 20
    assert message.endswith("and 980 more")


def test_messages_do_not_quote_the_text_that_failed(write: Write) -> None:
    path = write("bad.json", json.dumps([entry(statement="secret words" * 1000)]))
    with pytest.raises(LibraryError) as refused:
        load_library(path)
    assert "secret" not in str(refused.value)


def test_an_unknown_id_says_how_to_find_one(write: Write) -> None:
    library = load_library(write("a.json", json.dumps([entry()])))
    with pytest.raises(LibraryError, match=r"retrieval search"):
        library.get("task.nowhere")


def test_commands_show_stats_and_docs(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write("a.json", json.dumps([entry(), entry("task.second", points=-2)])))
    assert main(["show", "task.second", "--library", path]) == 0
    shown = capsys.readouterr().out
    assert "points: -2" in shown
    assert "- WHO, A guide (2020)" in shown
    assert main(["stats", "--library", path]) == 0
    stats = capsys.readouterr().out
    assert "task: 2" in stats
    assert "medication: 2" in stats
    assert "negative: 1" in stats
    page = tmp_path / "docs" / "page.md"
    assert main(["docs", "--library", path, "--out", str(page)]) == 0
    assert page.read_text().count("\n### task.") == 2


def test_commands_leave_with_2_and_no_traceback(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write("a.json", json.dumps([entry(points=0)])))
    for arguments in (["validate", path], ["show", "task.first", "--library", path], ["stats", "--library", "no.yaml"]):
        assert main(arguments) == 2
        assert capsys.readouterr().err.startswith("error: ")
