import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError
from principles.schema import Label
from training.common.items import load_items, load_verdicts


def item(key: str = "k1", **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "prompt": [{"role": "user", "content": "May I?"}],
        "rubrics": [
            {"criterion": "Says no.", "points": 5, "tags": ["axis:accuracy"]},
            {"criterion": "x", "points": -2},
        ],
        "example_tags": None,
        "canary": "healthbench:test",
        **fields,
    }


def written(path: Path, *lines: Any) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def test_an_item_keeps_all_that_scoring_needs(tmp_path: Path) -> None:
    [found] = load_items(written(tmp_path / "a.jsonl", item(example_tags=["theme:hedging"], ideal_completion="more")))
    assert [(c.id, c.text, c.points) for c in found.rubric.criteria] == [("c0", "Says no.", 5), ("c1", "x", -2)]
    assert found.turns == ({"role": "user", "content": "May I?"},)
    assert found.criterion_tags == {"c0": ("axis:accuracy",)}
    assert (found.example_tags, found.canary) == (("theme:hedging",), "healthbench:test")


def test_prompt_id_is_the_key_where_there_is_no_other(tmp_path: Path) -> None:
    record = item(prompt_id="p1")
    del record["key"]
    [found] = load_items(written(tmp_path / "a.jsonl", record))
    assert (found.key, found.prompt_id) == ("p1", "p1")


def test_a_criterion_may_be_stated_twice_and_be_long(tmp_path: Path) -> None:
    twice = [{"criterion": "y" * 3_300, "points": 1}] * 2
    [found] = load_items(written(tmp_path / "a.jsonl", item(rubrics=twice)))
    assert [c.id for c in found.rubric.criteria] == ["c0", "c1"]


def test_limit_and_shuffle(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", *(item(f"k{n}") for n in range(30)))
    shuffled = [one.key for one in load_items(path, shuffle_seed=3)]
    assert [one.key for one in load_items(path, limit=2)] == ["k0", "k1"]
    assert shuffled != sorted(shuffled)
    assert shuffled == [one.key for one in load_items(path, shuffle_seed=3)]
    assert [one.key for one in load_items(path, limit=4, shuffle_seed=3)] == shuffled[:4]


def test_a_line_separator_inside_a_string_ends_no_line(tmp_path: Path) -> None:
    text = "one\u2028two\x85three"
    line = json.dumps(item(prompt=[{"role": "user", "content": text}]), ensure_ascii=False)
    [found] = load_items(written(tmp_path / "a.jsonl", line))
    assert found.turns[0]["content"] == text


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        (item(None), "it has neither key nor prompt_id"),
        (item(""), "key: "),
        (item("k0"), "its key was there before"),
        (item(rubrics=[]), "rubrics"),
        (item(rubrics=[{"criterion": "secret", "points": 11}]), "rubrics.0.points"),
        (item(rubrics=[{"criterion": "secret", "points": "five"}]), "rubrics.0.points"),
        (item(rubrics=[{"criterion": " ", "points": 5}]), "rubrics: text"),
        (item(prompt=[{"role": "tool", "content": "secret"}]), "prompt.0.role"),
        (item(prompt=[{"role": "system", "content": "secret"}]), "the last turn must be the user's"),
        (item(prompt=[{"role": "assistant", "content": "secret"}]), "the last turn must be the user's"),
    ],
)
def test_errors_name_file_line_and_reason(tmp_path: Path, broken: Any, reason: str) -> None:
    path = written(tmp_path / "bad.jsonl", item("k0"), "", broken)
    with pytest.raises(ConfigError) as caught:
        load_items(path)
    assert "bad.jsonl: line 3: " in str(caught.value)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff", b""])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.jsonl"):
        load_items(path)


def test_a_gz_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(item()).encode())[:-9])
    with pytest.raises(ConfigError, match="cannot be read"):
        load_items(path)


def grades(*rows: tuple[str, float, bool]) -> list[dict[str, Any]]:
    return [{"criterion": text, "points": points, "met": met, "explanation": "why"} for text, points, met in rows]


def test_both_forms_of_verdicts_are_joined_in_the_rubrics_order(tmp_path: Path) -> None:
    items = load_items(written(tmp_path / "items.jsonl", item()))
    head = {"key": "k1", "model": "m", "arm": "a", "response": "No."}
    rows = [("x", -2.0, False), ("Says<br>no.", 5.0, True)]
    long = {**head, "grades": grades(*rows), "score": 1.0}
    path = tmp_path / "v.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, [long, {**head, "verdicts": rows}])).encode()))
    first, second = load_verdicts(path, items)
    for one in (first, second):
        assert [(v.criterion_id, v.label) for v in one.verdicts] == [("c0", Label.MET), ("c1", Label.NOT_MET)]
    assert (first.score, second.score) == (1.0, None)
    assert (first.verdicts[0].reason, first.item, first.response) == ("why", items[0], "No.")


def test_a_criterion_stated_twice_takes_its_verdicts_in_turn(tmp_path: Path) -> None:
    items = load_items(written(tmp_path / "items.jsonl", item(rubrics=[{"criterion": "y", "points": 1}] * 2)))
    line = {"key": "k1", "response": "", "verdicts": [["y", 1, True], ["y", 1, False]]}
    [found] = load_verdicts(written(tmp_path / "v.jsonl", line), items)
    assert [v.label for v in found.verdicts] == [Label.MET, Label.NOT_MET]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"key": "other", "verdicts": [["x", -2, True]]}, "not among the items"),
        ({"verdicts": [["x", -2, True]]}, "no verdict on criterion c0"),
        ({"verdicts": [["x", -2, True], ["Says no.", 5, True], ["z", 1, True]]}, "does not have"),
        ({"verdicts": [["x", -2, True], ["Says no.", 4, True]]}, "no verdict on criterion c0"),
        ({"verdicts": [["x", -2, "yes"]]}, "verdicts.0.2"),
        ({}, "either grades or verdicts"),
    ],
)
def test_verdicts_that_do_not_fit(tmp_path: Path, line: dict[str, Any], reason: str) -> None:
    items = load_items(written(tmp_path / "items.jsonl", item()))
    path = written(tmp_path / "v.jsonl", {"key": "k1", "response": "secret", **line})
    with pytest.raises(ConfigError, match=r"v\.jsonl: line 1: ") as caught:
        load_verdicts(path, items)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)
