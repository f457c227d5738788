"""Libraries of others: what is understood of a file of any shape, and what is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from principles.__main__ import main
from principles.library import BUNDLED, Library, load_library

NESTED = {
    "version": "v1",
    "description": "Some principles that were made for this test alone",
    "principles": {
        "urgency": {
            "emergent": [{"id": "U1", "principle": "Tells to call the emergency number first of all.", "weight": 9}],
            "non-emergent": [{"id": "U2", "principle": "Names what a pharmacy can do for a mild complaint."}],
        },
        "expertise": {"lay": [{"id": "E1", "principle": "Explains each technical word that it uses."}]},
    },
}
FLAT = [
    {"pid": 1, "text": "Asks about pregnancy before it names a medicine.", "task_type": "drugs", "audience": "any"},
    {"pid": 2, "text": "Says that the dose depends on the kidneys.", "task_type": "Dosing", "audience": "clinician"},
    {"pid": 3, "text": "Is kind to everybody who asks.", "task_type": None, "audience": "all"},
]


def imported(tmp_path: Path, data: Any, *more: str, name: str = "theirs.json") -> tuple[int, Path]:
    path = tmp_path / name
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    out = tmp_path / "library.yaml"
    return main(["import", str(path), "--out", str(out), *more]), out


def library(tmp_path: Path, data: Any, name: str = "theirs.json") -> Library:
    status, out = imported(tmp_path, data, name=name)
    assert status == 0
    return load_library(out)


def test_keys_on_the_way_say_dimension_and_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = library(tmp_path, NESTED)
    assert [(one.id, one.values, one.points) for one in found.principles] == [
        ("urgency.u1", ("emergent",), 9),
        ("urgency.u2", ("non_emergent",), 5),
        ("expertise.e1", ("layperson",), 5),
    ]
    first = found.principles[0]
    assert first.criterion == first.statement == "Tells to call the emergency number first of all."
    assert first.applies_when.startswith("The question is about an emergency that needs care now, and ")
    assert (first.advice, first.facets, first.sources) == ("", (), ())
    said = capsys.readouterr().out
    assert "3 entries at principles.*.*[], such as U1 (principles.urgency.emergent[0])" in said
    assert "principle (in 3) is taken for statement" in said
    assert "lay (1): layperson" in said
    assert "no field for criterion, advice" in said
    assert "3 have no advice: what a review adds for them is worded by the model" in said


def test_what_is_not_clear_is_asked_and_the_same_command_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = imported(tmp_path, FLAT)
    mapping = tmp_path / "library.mapping.yaml"
    assert (status, out.exists()) == (2, False)
    said = capsys.readouterr().err
    assert (
        "3 thing(s) are not clear: values.task.Dosing, first, otherwise" not in said
    )  # no entry has two dimensions yet
    assert "2 thing(s) are not clear: values.task.Dosing, otherwise" in said
    assert str(mapping) in said
    asked = yaml.safe_load(mapping.read_text())
    assert asked["fields"]["statement"] == "text"
    assert asked["values"] == {"task": {"Dosing": "?"}}
    asked["values"]["task"]["Dosing"] = ["medication", "documentation"]
    asked["otherwise"] = "skip"
    mapping.write_text(yaml.safe_dump(asked))
    assert imported(tmp_path, FLAT)[0] == 2
    assert "1 thing(s) are not clear: first" in capsys.readouterr().err
    asked = yaml.safe_load(mapping.read_text())
    assert (asked["otherwise"], asked["first"]) == ("skip", "?")
    asked["first"] = ["task", "expertise"]
    mapping.write_text(yaml.safe_dump(asked))
    assert imported(tmp_path, FLAT)[0] == 0
    assert "1 entries were left out" in capsys.readouterr().out
    one, two = load_library(out).principles
    assert (one.id, one.values) == ("task.1", ("medication",))
    assert (two.id, two.values) == ("task.2", ("medication", "documentation"))
    assert two.applies_when.startswith("A health professional asks, and the question is about a medicine or")
    assert imported(tmp_path, FLAT)[0] == 0  # what the command itself has made may be made again


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        ({name: {"rule": "Says it.", "dimension": "Task", "value": "medication"} for name in ("P 1", "P 2")},
         ["task.p-1", "task.p-2"]),
        ([{"code": "a", "principle": "Says it.", "labels": ["urgency:emergent"]}], ["urgency.a"]),
        ([{"id": "a", "principle": "Says it.", "scenario": {"userExpertise": "doctors"}}], ["expertise.a"]),
        ({"urgency": {"emergent": ["Tells to call for help at once.", "Names what to do until then."]}},
         ["urgency.1", "urgency.2"]),
        ([{"dimension": "uncertainty", "items": [{"id": 1, "principle": "Asks."}, {"id": 1, "principle": "Says."}]}],
         ["uncertainty.1", "uncertainty.1-2"]),
        ([{"id": "a", "principle": "Says it.", "task": "medicines; documents"}], ["task.a"]),
    ],
)  # fmt: skip
def test_shapes_that_leave_no_doubt(tmp_path: Path, data: Any, ids: list[str]) -> None:
    assert [one.id for one in library(tmp_path, data).principles] == ids


def test_other_kinds_of_files(tmp_path: Path) -> None:
    table = "id;principle;urgency\r\n7;Says when to come back.;routine\r\n"
    lines = json.dumps({"id": 7, "principle": "Says when to come back.", "urgency": "routine"}) + "\n\n"
    text = "\ufeff- {id: 7, principle: Says when to come back., urgency: routine}\n"
    found = [library(tmp_path, data, name).principles for name, data in
             [("a.csv", table), ("a.jsonl", lines), ("a.yaml", text), ("b.json", lines)]]  # fmt: skip
    assert found[0] == found[1] == found[2] == found[3]
    assert (found[0][0].id, found[0][0].values) == ("urgency.7", ("non_emergent",))


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        ([{"rule": "Says it.", "principle": "Says more.", "urgency": "routine"}], "fields.statement"),
        ([{"principle": "Says it.", "urgency": "high"}], "values.urgency.high"),
        ([{"principle": "Says it.", "urgency": "routine", "weight": 0.4}], "fields.points"),
        ([{"principle": "Says it.", "urgency": "routine", "weight": -4}], "negative"),
        ([{"principle": "Says it."}], "otherwise"),
        ({"a": [{"principle": "Says it.", "urgency": "routine"}], "b": [{"rule": "Is not one.", "by": "x", "at": 1}]},
         "kinds.a[], kinds.b[]"),
        ([{"text": "Says it.", "urgency": "routine", "examples": [{"text": "Come back then."}]}],
         "kinds.[], kinds.[].examples[]"),
    ],
)  # fmt: skip
def test_doubts_are_asked_and_nothing_else_is_written(
    tmp_path: Path, data: Any, asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = imported(tmp_path, data)
    assert (status, out.exists()) == (2, False)
    assert f"not clear: {asked}. Answer each" in capsys.readouterr().err


def test_a_rule_with_negative_points_is_turned_round(tmp_path: Path) -> None:
    data = [{"principle": "Names no dose.", "urgency": "routine", "weight": -4}]
    for said, points in (("rule", 4), ("fault", -4)):
        (tmp_path / "library.mapping.yaml").write_text(f"negative: {said}\n")
        assert library(tmp_path, data).principles[0].points == points


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ("fields: {colour: x}", "fields.colour: is none of"),
        ("fields: {statement: colour}", "the file has no field 'colour': it has principle, urgency"),
        ("fields: {statement: 3}", "a number says nothing here"),
        ("values: {urgency: {high: soon}}", "'soon' is none of emergent"),
        ("values: {colour: {red: any}}", "values.colour: is none of"),
        ("first: [colour]", "'colour' is none of urgency"),
        ("otherwise: colour", "say one of urgency"),
        ("kinds: {x: maybe}", "say true or false"),
        ("negative: maybe", "negative"),
        ("- a", "is not a mapping as this command writes it"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_mapping_that_does_not_fit_is_told(
    tmp_path: Path, mapping: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(mapping)
    assert imported(tmp_path, [{"principle": "Says it.", "urgency": "routine"}], "--mapping", str(path))[0] == 2
    error = capsys.readouterr().err
    assert "own.yaml" in error
    assert reason in error
    assert path.read_text() == mapping


@pytest.mark.parametrize("data", ["", "[]", "{}", '{"a": 3}', "[1, null]", '"text"', "[[[[]]]]", "[" * 5_000, "{"])
def test_a_file_without_principles_is_told(tmp_path: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = imported(tmp_path, data)
    assert (status, out.exists()) == (2, False)
    assert "theirs.json" in capsys.readouterr().err


def test_a_library_needs_no_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BUNDLED.read_text(encoding="utf-8")
    assert imported(tmp_path, text, name="theirs.yaml")[0] == 2
    assert "is a library as it stands" in capsys.readouterr().err


def test_a_library_that_a_person_wrote_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "library.yaml").write_text("# mine\n")
    assert imported(tmp_path, NESTED)[0] == 2
    assert "was not made by this command" in capsys.readouterr().err
    assert (tmp_path / "library.yaml").read_text() == "# mine\n"
