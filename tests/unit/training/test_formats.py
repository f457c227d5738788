"""Files as people have them: every form is read alike, or told what is wrong with it and where."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError
from retrieval.coverage import read_items as retrieval_items
from training.common.items import Item, load_items, load_verdicts
from training.common.questions import read_questions
from training.common.settings import content_sha256
from training.grpo.corpus import read_items
from training.healthbench.answers import read_answers

TURNS = [
    {"role": "user", "content": "May I?"},
    {"role": "assistant", "content": "What?"},
    {"role": "user", "content": "Tea."},
]
RUBRICS = [{"criterion": "Says no.", "points": 5.0, "tags": ["axis:x"]}, {"criterion": "Says yes.", "points": -2.0}]
NOTES = {"example_tags": ["theme:x"], "canary": "healthbench:t"}
RECORD = {"prompt_id": "p1", "prompt": TURNS, "rubrics": RUBRICS, **NOTES}
SHARED = [{"from": "human" if t["role"] == "user" else "gpt", "value": t["content"]} for t in TURNS]
WEIGHED = [{"description": r["criterion"], "weight": r["points"], "tags": r.get("tags")} for r in RUBRICS]


def saved(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Item:
    [item] = load_items(saved(tmp_path / "plain.jsonl", RECORD))
    return item


def parquet(path: Path, *records: Any) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(records)), path)
    return path


def folder(path: Path, *records: Any) -> Path:
    from datasets import Dataset

    Dataset.from_list(list(records)).save_to_disk(str(path))
    return path


def table(path: Path, *rows: list[str], delimiter: str = ",") -> Path:
    quoted = (delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    path.write_bytes(("\ufeff" + "\r\n".join(quoted) + "\r\n").encode())
    return path


def test_every_kind_of_file_gives_the_same_item(tmp_path: Path, plain: Item) -> None:
    text = json.dumps(RECORD)
    (tmp_path / "bom.jsonl").write_bytes(f"\ufeff\r\n{text}\r\n \r\n".encode())
    (tmp_path / "wide.jsonl").write_bytes(text.encode("utf-16"))
    (tmp_path / "list.json").write_text(json.dumps([RECORD], indent=2))
    (tmp_path / "held.json").write_text(json.dumps({"version": 1, "data": [RECORD]}))
    (tmp_path / "one.json").write_text(json.dumps(RECORD, indent=2))
    (tmp_path / "lines.json").write_text(f"{text}\n\n")
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps([RECORD]).encode()))
    (tmp_path / "packed.jsonl").write_bytes(gzip.compress(text.encode()))
    named = {name: value if isinstance(value, str) else json.dumps(value) for name, value in RECORD.items()}
    table(tmp_path / "a.csv", list(named), [], list(named.values()), ["", ""], delimiter=";")
    pandas = {**named, "prompt": repr(TURNS), "rubrics": repr(RUBRICS), "example_tags": "theme:x"}
    table(tmp_path / "a.tsv", list(pandas), list(pandas.values()), delimiter="\t")
    parquet(tmp_path / "a.parquet", RECORD)
    parquet(tmp_path / "strings.parquet", named)
    folder(tmp_path / "dataset", RECORD)
    paths = [path for path in tmp_path.iterdir() if path.name != "plain.jsonl"]
    assert len(paths) == 13
    for path in paths:
        assert load_items(path) == [plain], path.name
        assert read_items(path) == [plain], path.name
        [item] = retrieval_items(path)
        assert (item.key, list(item.turns)) == ("p1", TURNS), path.name
        [question], _ = read_questions(path)
        assert (question.prompt_id, list(question.turns), question.canary) == ("p1", TURNS, "healthbench:t"), path.name
        assert len(content_sha256(path)) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": {"messages": TURNS}},
        {"prompt": None, "conversation": TURNS},
        {"prompt": None, "messages": SHARED},
        {"prompt": {"role": [t["role"] for t in TURNS], "content": [t["content"] for t in TURNS]}},
        {"prompt": [{**turn, "content": [{"type": "text", "text": turn["content"]}], "name": None} for turn in TURNS]},
        {"prompt_id": None, "id": "p1"},
        {"rubrics": json.dumps(RUBRICS)},
        {"rubrics": [json.dumps(rubric) for rubric in RUBRICS]},
        {"rubrics": [{**RUBRICS[0], "points": "5"}, {**RUBRICS[1], "points": " \u22122.0 ", "tags": None}]},
        {"rubrics": [{**RUBRICS[0], "points": 5, "tags": ["axis:x", None]}, {**RUBRICS[1], "tags": []}]},
        {"rubrics": None, "rubric": WEIGHED},
        {"example_tags": "theme:x", "canary": None, "canary_string": "healthbench:t"},
    ],
)  # fmt: skip
def test_names_and_shapes_of_others(tmp_path: Path, plain: Item, changed: dict[str, Any]) -> None:
    assert load_items(saved(tmp_path / "a.jsonl", {**RECORD, **changed})) == [plain]


def test_healthbench_professional(tmp_path: Path) -> None:
    record = {
        "id": "q7",
        "conversation": {"messages": [{"role": "system", "content": "You help clinicians."}, *TURNS]},
        "rubric_items": [{"criterion_text": "Says no.", "points": 5}, {"criterion_text": "Says yes.", "points": -7}],
        "use_case": "consult",
        "difficulty": "difficult",
        "physician_response": "No.",
        "canary_string": "hb",
    }
    [item] = load_items(saved(tmp_path / "a.jsonl", record))
    assert (item.key, item.prompt_id, item.canary) == ("q7", "q7", "hb")
    assert item.turns[0] == {"role": "user", "content": "You help clinicians.\n\nMay I?"}
    assert [turn["role"] for turn in item.turns] == ["user", "assistant", "user"]
    assert [(one.text, one.points) for one in item.rubric.criteria] == [("Says no.", 5), ("Says yes.", -7)]
    assert item.example_tags == ("use_case:consult", "difficulty:difficult")


def test_a_table_may_have_a_criterion_a_row(tmp_path: Path) -> None:
    rows = [["ID", "Question", "Criterion", "Points"], ["a", "May I?", "Says no.", "5"], ["a", "", "Says yes.", "-2"]]
    other = ["b", "And now?", "Says when, and why.", "3"]
    one, two = load_items(table(tmp_path / "a.csv", *rows, other))
    assert (one.key, one.turns) == ("a", ({"role": "user", "content": "May I?"},))
    assert [(c.text, c.points) for c in one.rubric.criteria] == [("Says no.", 5), ("Says yes.", -2)]
    assert [c.text for c in two.rubric.criteria] == ["Says when, and why."]
    with pytest.raises(ConfigError, match=r"row 4: its key was there before, on row 2"):
        load_items(table(tmp_path / "b.csv", rows[0], rows[1], other, rows[1]))
    with pytest.raises(ConfigError, match=r"row 3: its question is another than that of row 2"):
        load_items(table(tmp_path / "c.csv", rows[0], rows[1], ["a", "May she?", "Says yes.", "1"]))
    with pytest.raises(ConfigError, match=r"row 2: it is one criterion, and has no key"):
        load_items(table(tmp_path / "d.csv", rows[0], ["", *rows[1][1:]]))


def test_answers_and_verdicts_come_in_the_same_forms(tmp_path: Path, plain: Item) -> None:
    verdicts = [["Says no.", 5, True], ["Says yes.", "-2", False]]
    line = {"key": "p1", "response": "No.", "verdicts": json.dumps(verdicts)}
    [judged] = load_verdicts(table(tmp_path / "v.csv", list(line), [str(cell) for cell in line.values()]), [plain])
    assert [verdict.label.value for verdict in judged.verdicts] == ["MET", "NOT_MET"]
    assert read_answers(parquet(tmp_path / "a.parquet", {"id": 7, "response": "No."})) == {"7": "No."}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"prompt": [*TURNS, {"role": "assistant", "content": "secret"}]}, "prompt: the last turn must be the user's"),
        ({"prompt": [*TURNS, {"role": "system", "content": "secret"}]}, "prompt: the last turn must be the user's"),
        ({"prompt": [{"role": "tool", "content": "secret"}]}, "prompt.0.role"),
        ({"prompt": [{"role": "user", "content": [{"type": "image", "image": "secret"}]}]}, "only text is read"),
        ({"prompt": [{"role": "user", "content": " "}]}, "the question is empty"),
        ({"prompt": "[{secret"}, "it begins like a list and is not JSON"),
        ({"prompt": 7}, "prompt: it is neither a conversation nor the text of a question"),
        ({"prompt": {"secret": 1}}, "prompt: it is neither a conversation"),
        ({"prompt": []}, "prompt: "),
        ({"question": "secret"}, "has prompt and question"),
        ({"prompt": None, "messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"prompt": None, "messages": TURNS, "prompt_id": 1.5}, "prompt_id: Input should be"),
        ({"rubrics": "secret"}, "rubrics: "),
        ({"rubrics": "[secret"}, "rubrics: it begins like a list and is not JSON"),
        ({"rubrics": "[" * 9_000}, "rubrics: it begins like a list and is not JSON"),
        ({"rubrics": [{"criterion": "secret", "points": "5 points"}]}, "rubrics.0.points: it is not a number"),
        ({"rubrics": [{"criterion": "secret", "points": "2,5"}]}, "rubrics.0.points: it is not a number"),
        ({"rubrics": [{"criterion": "secret", "points": "50"}]}, "rubrics.0.points: Input should be less"),
        ({"rubrics": [{"criterion": "secret", "points": True}]}, "rubrics.0.points"),
        ({"rubrics": [{"criterion": "secret", "points": None}]}, "rubrics.0.points: Field required"),
        ({"rubrics": [None]}, "rubrics.0"),
        ({"prompt_id": 1.5}, "prompt_id"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    path = saved(tmp_path / "bad.jsonl", RECORD, {**RECORD, "prompt_id": "p2", **changed})
    with pytest.raises(ConfigError, match=r"bad\.jsonl: line 2: ") as caught:
        load_items(path)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"question,question\r\nx,y\r\n", "row 1: two columns have the same name"),
        ("a.csv", b"question\r\nx,secret\r\n", "row 2: it has more cells"),
        ("a.csv", b'question\r\nfine\r\n"secret\r\n', "row 3: its quotation marks do not match"),
        ("a.csv", b"\r\n\r\n", "no row of column names"),
        ("a.csv", b"question\r\n", "holds no question"),
        ("a.csv", "question\r\nmüde\r\n".encode("latin-1"), "not UTF-8"),
        ("a.json", b'[{"question": "x"}, 7]', "entry 2: it is not a JSON object"),
        ("a.json", b"7", "neither a list of records nor a record"),
        ("a.json", b"[secret", "a .json file holds a list of records"),
        ("a.jsonl", b'[\n{"question": "x"}\n]', "line 1: it is not JSON (a list over several lines"),
        ("a.jsonl", b"[" * 100_000, "line 1: it is not JSON"),
        ("a.parquet", b"PAR1secret", "cannot be read"),
        ("a.xlsx", b"PK\x03\x04secret", "save it as CSV (UTF-8) or Parquet"),
        ("a.jsonl.gz", gzip.compress(b'{"question": "x"}')[:-6], "cannot be read"),
        ("a.jsonl.gz", b"\x1f\x8bsecret", "cannot be read"),
        ("a.jsonl", b"", "holds no question"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_questions(path)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


def test_folders_that_are_no_dataset_or_hold_several(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    with pytest.raises(ConfigError, match="name one of its files"):
        read_questions(tmp_path)
    split = Dataset.from_list([RECORD])
    DatasetDict({"train": split, "test": split}).save_to_disk(str(tmp_path / "both"))
    with pytest.raises(ConfigError, match=r"several splits: name one of them \(.*both/test, .*both/train\)"):
        read_questions(tmp_path / "both")
    assert len(load_items(tmp_path / "both" / "test")) == 1
    (tmp_path / "both" / "test" / "state.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_items(tmp_path / "both" / "test")


@pytest.mark.parametrize(("kind", "library"), [("a.parquet", "pyarrow.parquet"), ("dataset", "datasets")])
def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, library: str) -> None:
    path = (folder if kind == "dataset" else parquet)(tmp_path / kind, RECORD)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r'pip install "clinalign\[train\]", or give it as JSONL or CSV'):
        load_items(path)
