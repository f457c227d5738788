"""The rubric review as a spreadsheet: what goes out comes back, whatever Excel, LibreOffice and people do to it."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.needs import require

require("spreadsheets")
from openpyxl import Workbook, load_workbook  # noqa: E402
from openpyxl.worksheet.worksheet import Worksheet  # noqa: E402

from principles.__main__ import main  # noqa: E402
from principles.errors import ConfigError  # noqa: E402
from tests.unit.training.review_drafts import (  # noqa: E402
    MILK,
    TEA,
    criterion,
    draft,
    lines_of,
    sheet,
    sign_milk,
    sign_tea,
    worked,
)
from training.common.items import load_items  # noqa: E402
from training.common.questions import read_questions  # noqa: E402
from training.reviews.begun import begun  # noqa: E402
from training.reviews.learn.signed import read_reviews  # noqa: E402
from training.reviews.lines import review_line  # noqa: E402
from training.reviews.sheet.names import CRITERIA, KEPT, QUESTIONS, unescaped  # noqa: E402
from training.reviews.sheet.written import write_sheet  # noqa: E402

Work = Callable[[Any, Any], None]


def collected(path: Path, *more: Path) -> list[dict[str, Any]]:
    out = path.with_name("export.jsonl")
    assert main(["collect-rubrics", *map(str, (path, *more)), "--out", str(out)]) == 0
    return lines_of(out)


def kinds(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [(edit["kind"], edit["criterion_id"]) for edit in record["edits"]]


def test_what_nobody_changed_comes_back_as_it_was_drafted(tmp_path: Path) -> None:
    path = sheet(tmp_path)
    worked(path, lambda *pages: [sign(*pages) for sign in (sign_milk, sign_tea)] and None)
    milk, tea = collected(path)
    assert (milk["edits"], tea["edits"]) == ([], [])
    assert [(one["criterion"], one["points"]) for one in milk["rubrics"]] == [
        (one["criterion"], one["points"]) for one in MILK["rubrics"]
    ]
    assert [one["safety_critical"] for one in milk["rubrics"]] == [False, True, False]
    assert (milk["reviewer"], tea["reviewer"], tea["canary"]) == ("CD", "AB", "the canary")
    assert milk["preference"]["better"] == "B"
    assert {one["origin"]: one["text"] for one in milk["preference"]["answers"]} == {
        "preferred": MILK["preferred"],
        "rejected": MILK["rejected"],
    }
    assert [one["met"] for one in milk["preference"]["answers"]] == [[True] * 3, [False] * 3]
    assert tea["preference"] is None
    assert tea["example_tags"] == ["theme:x", *(f"{name}:{value}" for name, value in MILK["scenario"].items())]


def test_the_page_and_the_spreadsheet_write_the_same_line(tmp_path: Path) -> None:
    path = worked(sheet(tmp_path, TEA), lambda questions, criteria: questions.cell(2, 8, "AB"))
    [line] = collected(path)
    file = tmp_path / "tea.jsonl"
    file.write_text(json.dumps(TEA) + "\n")
    [question] = read_questions(file)[0]
    [signed] = read_reviews([tmp_path / "export.jsonl"])
    start = begun(question)
    of_page = review_line(question, signed.revision.model_copy(update={"review": start}), start)
    assert line == of_page
    assert [one.key for one in load_items(tmp_path / "export.jsonl")] == ["tea#AB"]


def test_rows_that_were_changed_deleted_added_and_moved_are_told(tmp_path: Path) -> None:
    def work(questions: Any, criteria: Any) -> None:
        sign_tea(questions, criteria)
        criteria["E5"] = "Does the answer mention green tea?"
        criteria["F5"] = "4"  # a number stored as text
        criteria.append([None, 2, None, 1.5, " Does the answer warn of hot tea? ", "−2,5", None, None, None])
        criteria.delete_rows(6)
        criteria.append([None, "2", None, None, "Does the answer say when?", 1.0, "", "", "task.when"])

    [tea] = collected(worked(sheet(tmp_path), work))
    assert [(one["criterion"], one["points"], one["principle_id"]) for one in tea["rubrics"]] == [
        ("Does the answer mention green tea?", 4, "task.milk"),
        ("Does the answer warn of hot tea?", -2.5, None),
        ("Does the answer say when?", 1, "task.when"),
    ]
    own = [one["id"] for one in tea["rubrics"]][1:]
    assert kinds(tea) == [
        ("removed", "c1"),
        ("reworded", "c0"),
        ("reweighted", "c0"),
        ("added", own[0]),
        ("added", own[1]),
    ]


def test_order_is_what_the_column_says_and_not_where_rows_stand(tmp_path: Path) -> None:
    def sort(questions: Any, criteria: Any) -> None:
        rows = [[cell.value for cell in row] for row in criteria.iter_rows(min_row=2)]
        rows.sort(key=lambda row: row[5], reverse=True)  # by points, as the arrow of the header does it
        for number, row in enumerate(rows, 2):
            for place, value in enumerate(row, 1):
                criteria.cell(number, place).value = value

    def order(questions: Any, criteria: Any) -> None:
        for row in criteria.iter_rows(min_row=2):
            if row[0].value == "q1.c2":
                row[3].value = 0.5

    path = sheet(tmp_path)
    worked(path, lambda *pages: [sign(*pages) for sign in (sign_milk, sign_tea, sort)] and None)
    assert [record["edits"] for record in collected(path)] == [[], []]
    worked(path, order)
    milk, _ = collected(path)
    assert kinds(milk) == [("moved", "c2")]
    assert [one["points"] for one in milk["rubrics"]] == [3, 5, -8]


def test_a_copied_row_is_a_new_criterion_and_the_drafted_one_stays(tmp_path: Path) -> None:
    def copy(questions: Any, criteria: Any) -> None:
        sign_tea(questions, criteria)
        first = [cell.value for cell in criteria[5]]
        criteria.insert_rows(5)
        for place, value in enumerate([*first[:4], "Does the answer say that tea is hot?", *first[5:]], 1):
            criteria.cell(5, place).value = value
        criteria.append(["q1.c0", 2, None, 9, "Does the answer mention milk?", 5, None, None, "task.milk"])

    [tea] = collected(worked(sheet(tmp_path), copy))
    assert [kind for kind, _ in kinds(tea)] == ["added", "added"]
    assert {one["id"] for one in tea["rubrics"]} >= {"c0", "c1"}


def test_rows_whose_hidden_ids_were_lost_are_known_by_their_words(tmp_path: Path) -> None:
    def lose(questions: Any, criteria: Any) -> None:
        sign_tea(questions, criteria)
        criteria["A5"] = criteria["A6"] = None
        criteria["E6"] = "Does the answer ask how old the child is?"

    [tea] = collected(worked(sheet(tmp_path), lose))
    assert [kind for kind, _ in kinds(tea)] == ["removed", "added"]
    assert tea["rubrics"][0]["id"] == "c0"


def test_a_row_whose_cells_were_emptied_is_deleted(tmp_path: Path) -> None:
    def empty(questions: Any, criteria: Any) -> None:
        sign_tea(questions, criteria)
        for column in "EFGHI":
            criteria[f"{column}6"] = None

    [tea] = collected(worked(sheet(tmp_path), empty))
    assert kinds(tea) == [("removed", "c1")]


def test_what_is_not_signed_is_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = worked(sheet(tmp_path), lambda questions, criteria: criteria.cell(5, 6, 9))
    assert collected(path) == []
    said = capsys.readouterr().err
    assert f"{path}: Questions!H3: something was changed here" in said
    assert "1 questions are neither changed nor signed" in said
    worked(path, lambda questions, criteria: questions.delete_rows(2, 2))
    assert collected(path) == []
    said = capsys.readouterr().err
    assert f"{path}: Questions, where question 2 has no row: something was changed here" in said
    assert "1 questions are neither changed nor signed" in said


def test_two_reviewers_are_collected_and_one_twice_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        worked(sheet(folder), sign_tea)
    worked(second / "drafts.xlsx", lambda questions, criteria: questions.cell(3, 8, "xy"))
    assert [one["key"] for one in collected(first / "drafts.xlsx", second / "drafts.xlsx")] == ["tea#AB", "tea#XY"]
    again = [str(first / "drafts.xlsx")] * 2
    assert main(["collect-rubrics", *again, "--out", str(tmp_path / "none.jsonl")]) == 2
    assert "AB has signed a question that they have signed in" in capsys.readouterr().err
    assert not (tmp_path / "none.jsonl").exists()


def _header(questions: Any, criteria: Any) -> None:
    criteria["F1"] = "Weight"


def _column(questions: Any, criteria: Any) -> None:
    criteria.delete_cols(4)


def _merge(questions: Any, criteria: Any) -> None:
    criteria.merge_cells("E5:E6")


def _apart(questions: Any, criteria: Any) -> None:
    criteria["E5"], criteria["E6"] = criteria["E6"].value, criteria["E5"].value


def _set(cell: str, value: Any) -> Work:
    return lambda questions, criteria: criteria.__setitem__(cell, value)


def _ask(cell: str, value: Any) -> Work:
    return lambda questions, criteria: questions.__setitem__(cell, value)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (_header, 'Criteria!F1: the header must be "Points"'),
        (_column, 'Criteria!D1: the header must be "Order"'),
        (_merge, "Criteria!E5:E6: cells are merged"),
        (_apart, "Criteria!E5: has the words of another drafted criterion"),
        (_set("F5", "many"), "Criteria!F5: is not a number"),
        (_set("F5", 0), "Criteria!F5: must be points from -10 to 10"),
        (_set("F5", "nan"), "Criteria!F5: is not a number"),
        (_set("F5", 11), "Criteria!F5: must be points"),
        (_set("F5", True), "Criteria!F5: is not a number"),
        (_set("F5", "=1+1"), "Criteria!F5: holds a formula"),
        (_set("E5", None), "Criteria!E5: is empty"),
        (_set("E5", "x" * 2_001), "Criteria!E5: is longer than 2,000 characters"),
        (_set("G5", "perhaps"), "Criteria!G5: must be yes, no"),
        (_set("G5", "yes"), "Criteria!G5: there is no answer A"),
        (_set("A5", "q2.c9"), "Criteria!A5: the hidden id is none of this sheet's"),
        (_set("A5", "q9.c0"), "Criteria!A5: the hidden id is none of this sheet's"),
        (_set("B5", 7), "Criteria!B5: must be the number of a question, 1 to 2"),
        (_set("C5", "Another question?"), "Criteria!C5: is not the question of that number"),
        (_set("I5", "task.other"), "Criteria!I5: is another than the draft's"),
        (_set("L5", "a note"), "Criteria!L5: is outside the table and would be lost"),
        (_ask("C3", "Another question?"), "Questions!C3: the question's words were changed"),
        (_ask("B3", 1), "Questions!B3: must be the question's own number"),
        (_ask("H3", "A B"), "Questions!H3: initials are 2 to 8 letters"),
        (_ask("F3", "C"), "Questions!F3: must be a, b, tie"),
        (_ask("F3", "A"), "Questions!H3: cannot be signed yet: without answers there is nothing to prefer"),
        (_ask("D3", "One answer."), "Questions!H3: cannot be signed yet: there is only one answer"),
        (_ask("G3", "x" * 5_001), "Questions!G3: is longer than 5,000 characters"),
        (
            lambda questions, criteria: criteria.delete_rows(5, 2),
            "Questions!H3: cannot be signed yet: the rubric needs",
        ),
        (lambda _, criteria: setattr(criteria, "title", "Mine"), "the sheet Criteria is missing"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], work: Work, said: str
) -> None:
    path = sheet(tmp_path)
    worked(path, sign_tea)
    worked(path, work)
    assert main(["collect-rubrics", str(path), "--out", str(tmp_path / "none.jsonl")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert str(path) in told
    assert not (tmp_path / "none.jsonl").exists()


def test_missing_verdicts_and_a_missing_choice_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work(questions: Any, criteria: Any) -> None:
        sign_milk(questions, criteria)
        questions["F2"] = criteria["H3"] = None

    assert main(["collect-rubrics", str(worked(sheet(tmp_path), work)), "--out", str(tmp_path / "x.jsonl")]) == 2
    told = capsys.readouterr().err
    assert "Criteria!H3: the verdict is missing" in told
    assert "Questions!F2: is missing: A, B or tie" in told


def test_files_that_are_none_of_ours_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged, other, empty = tmp_path / "damaged.xlsx", tmp_path / "other.xlsx", tmp_path / "drafts.ods"
    damaged.write_bytes(sheet(tmp_path).read_bytes()[:2000])
    Workbook().save(other)
    empty.write_bytes(b"")
    without = worked(sheet(tmp_path), lambda questions, criteria: questions.parent.remove(questions.parent[KEPT]))
    for path, said in (
        (damaged, "cannot be read as a spreadsheet"),
        (other, "the sheet Questions is missing"),
        (empty, "save it as .xlsx"),
        (tmp_path / "none.xlsx", "cannot be read (No such file"),
        (without, "the hidden sheet with the drafts is missing"),
    ):
        assert main(["collect-rubrics", str(path), "--out", str(tmp_path / "x.jsonl")]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert "Traceback" not in told


def packed(path: Path, **parts: str) -> Path:
    """The same file with other parts, by the last word of their names (sheet3, sharedStrings)."""
    with zipfile.ZipFile(path) as before:
        held = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for name, content in held.items():
            after.writestr(name, parts.get(Path(name).stem, content))
    return path


XML = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData>{}</worksheet>'
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol" * 10}">' for n in range(12))
LAUGH = '<row r="2"><c r="A2" t="inlineStr"><is><t>&e11;</t></is></c></row>'
BOMBS = {
    "entities": {"sheet3": f"<!DOCTYPE worksheet [{ENTITIES}]>{XML.format(LAUGH, '')}"},
    "merged": {"sheet3": XML.format("", '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>')},
    "columns": {"sheet3": XML.format("", '<mergeCells><mergeCell ref="A:XFD"/></mergeCells>')},
    "cells": {"sheet3": XML.format("<row>" + "<c/>" * 60_000 + "</row>", "")},
    "bytes": {"sheet3": " " * 3_000_000},
    "far": {"sheet4": XML.format('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "")},
    "low": {"sheet3": XML.format('<row r="1048576"><c r="A1048576"><v>1</v></c></row>', "")},
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_cannot_fill_the_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bomb: str
) -> None:
    path = packed(sheet(tmp_path), **BOMBS[bomb])
    monkeypatch.setattr("training.reviews.sheet.sizes.MOST_BYTES", 2_000_000)
    monkeypatch.setattr("training.reviews.sheet.sizes.MOST_ELEMENTS", 50_000)
    assert path.stat().st_size < 200_000
    assert main(["collect-rubrics", str(path), "--out", str(tmp_path / "x.jsonl")]) == 2
    said = capsys.readouterr().err
    assert "drafts.xlsx" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("cell", ["B1", "C1", "A1"])
def test_a_hidden_sheet_that_was_changed_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    def work(questions: Any, criteria: Any) -> None:
        questions.parent[KEPT][cell] = "eJwDAAAAAAE="

    assert main(["collect-rubrics", str(worked(sheet(tmp_path), work)), "--out", str(tmp_path / "x.jsonl")]) == 2
    assert "the hidden sheet with the drafts is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("_x005F_x0041_", "_x0041_"),
        ("_x0041_", "_x0041_"),  # openpyxl unescapes what Excel keeps among the shared strings
        ("one_x000D_\ntwo", "one\ntwo"),
        ("_x005F_x000D_", "_x000D_"),
        ("a_x005F_b", "a_x005F_b"),
    ],
)
def test_what_the_file_escapes_is_read_as_the_cell_shows_it(held: str, said: str) -> None:
    assert unescaped(held) == said


def test_any_text_survives(tmp_path: Path) -> None:
    odd = "=SUM(A1) _x0041_ \x07 \u2028 🙂 " + "long " * 9_000
    record = draft("odd", criterion("mention _x0041_ and 🙂"), preferred=odd.strip(), rejected="+1\r\n-1")
    path = sheet(tmp_path, record)

    def work(questions: Any, criteria: Any) -> None:
        questions["F2"], questions["H2"] = "A", "AB"
        criteria["G2"], criteria["H2"] = "yes", "no"

    [line] = collected(worked(path, work))
    assert line["edits"] == []
    assert {one["origin"]: one["text"] for one in line["preference"]["answers"]} == {
        "preferred": odd.strip(),
        "rejected": "+1\r\n-1",
    }


def test_a_cut_answer_cannot_be_changed_by_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sheet(tmp_path, draft("long", criterion("mention milk"), preferred="long " * 9_000, rejected="No."))

    def work(questions: Any, criteria: Any) -> None:
        questions["F2"], questions["H2"], criteria["G2"], criteria["H2"] = "A", "AB", "yes", "no"
        for column in "DE":
            questions[f"{column}2"] = f"But {questions[f'{column}2'].value}"

    assert main(["collect-rubrics", str(worked(path, work)), "--out", str(tmp_path / "x.jsonl")]) == 2
    assert "2: is too long to be changed in a cell" in capsys.readouterr().err


def test_the_workbook_guides_whoever_works_in_it(tmp_path: Path) -> None:
    book = load_workbook(sheet(tmp_path))
    page: Worksheet = book[CRITERIA]
    assert page.column_dimensions["A"].hidden
    assert book[KEPT].sheet_state == "veryHidden"
    assert [cell.value for cell in page[2]][:6] == [
        "q1.c0",
        1,
        "May I take it with milk?",
        1,
        MILK["rubrics"][0]["criterion"],
        5,
    ]
    choices = {str(one.sqref): one.formula1 for one in page.data_validations.dataValidation}
    assert '"yes,no"' in choices.values()
    assert '"10,9,8,7,6,5,4,3,2,1,-1,-2,-3,-4,-5,-6,-7,-8,-9,-10"' in choices.values()
    assert {book[QUESTIONS][cell].data_type for cell in ("D2", "E2")} == {"s"}  # one begins with "="


def test_a_spreadsheet_that_was_worked_in_is_never_written_over(tmp_path: Path) -> None:
    path = sheet(tmp_path)
    write_sheet(path, [MILK])  # nobody has touched it
    worked(path, lambda questions, criteria: questions.cell(2, 8, "AB"))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="somebody has worked in it"):
        write_sheet(path, [MILK, TEA])
    assert path.read_bytes() == before
