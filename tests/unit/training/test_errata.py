"""Corrections of rubrics: what they find, what they refuse."""

from pathlib import Path
from typing import Any

import pytest

from principles.errors import ConfigError
from principles.schema import Rubric
from tests.unit.training.judged_runs import write_lines
from training.common.items import ExpertCriterion, Item
from training.healthbench.errata import corrected, digest

TEXTS = ("Names a dose.", "Names  a\ndose.", "Names no dose.")


def item(key: str, *texts: str) -> Item:
    criteria = tuple(ExpertCriterion(id=f"c{n}", text=text, points=5) for n, text in enumerate(texts))
    turns = ({"role": "user", "content": "SECRET?"},)
    return Item(key=key, prompt_id=f"p{key}", turns=turns, rubric=Rubric(criteria=criteria))


def points(items: list[Item]) -> list[dict[str, float]]:
    return [{criterion.id: criterion.points for criterion in one.rubric.criteria} for one in items]


@pytest.mark.parametrize(
    "entry",
    [
        {"criterion": "Names a<br>dose."},
        {"criterion_sha256": digest(TEXTS[0])},
        {"criterion_sha256": digest(TEXTS[0])[:16]},
        {"criterion": TEXTS[0], "key": "a"},
        {"criterion": TEXTS[0], "prompt_id": "pa"},
    ],
)
def test_a_criterion_is_found_by_text_or_hash_and_keeps_its_id(entry: dict[str, Any], tmp_path: Path) -> None:
    items = [item("a", *TEXTS), item("b", TEXTS[2])]
    path = write_lines(tmp_path / "e.jsonl", [entry | {"points": -5}])
    made, counted = corrected(items, path)
    assert points(made) == [{"c0": -5, "c1": -5, "c2": 5}, {"c0": 5}]
    assert (counted.changed, counted.items, counted.unknown) == (2, 1, ())
    assert points(corrected(items, write_lines(path, [entry | {"drop": True}]))[0]) == [{"c2": 5}, {"c0": 5}]


def test_what_is_so_already_and_what_is_left_without_criteria_is_counted(tmp_path: Path) -> None:
    lines = [
        {"criterion": TEXTS[0], "points": 5},
        {"criterion": TEXTS[2], "drop": True},
        {"criterion": "x", "points": 1},
    ]
    made, counted = corrected([item("a", TEXTS[0]), item("b", TEXTS[2])], write_lines(tmp_path / "e.jsonl", lines))
    assert [one.key for one in made] == ["a"]
    assert (counted.already, counted.dropped, counted.left_out, counted.items, counted.unknown) == (
        1,
        1,
        1,
        1,
        ("line 3",),
    )
    assert "1 were so already; 1 items left out" in str(counted)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"criterion": "SECRET"}, "either points or drop"),
        ({"criterion": "SECRET", "points": 1, "drop": True}, "either points or drop"),
        ({"criterion": "SECRET", "points": 11}, "points"),
        ({"criterion": "SECRET", "points": "SECRET"}, "points"),
        ({"criterion": "SECRET", "drop": "yes"}, "drop"),
        ({"points": 1}, "either criterion, the text, or criterion_sha256"),
        ({"criterion": " ", "points": 1}, "criterion"),
        ({"criterion_sha256": "abc", "points": 1}, "criterion_sha256"),
        ({"criterion": TEXTS[0], "key": "a", "drop": True}, "line 1 is on the same criterion"),
    ],
)
def test_a_bad_line_is_named_and_not_quoted(entry: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "e.jsonl", [{"criterion": TEXTS[0], "points": 1}, entry])
    with pytest.raises(ConfigError, match=rf"e\.jsonl: line 2: .*{said}") as caught:
        corrected([item("a", *TEXTS)], path)
    assert "SECRET" not in str(caught.value)
