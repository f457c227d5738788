"""What the export holds, that training reads it, and the commands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from principles.errors import ConfigError
from principles.scoring import score
from tests.unit.ui.review_fakes import QUESTION, drafted, finished, row, store_in
from training.common.items import load_items, load_verdicts
from training.common.questions import Question, read_questions
from training.grpo.corpus import read_items
from ui.review.__main__ import main
from ui.review.desk import Desks
from ui.review.export import export_lines
from ui.review.store import ReviewStore

TALK = Question(
    prompt_id="talk",
    turns=(
        {"role": "user", "content": "Hello — ça va?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Line one\nline two\u2028three"},
    ),
    example_tags=("theme:hedging",),
    canary="the canary",
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReviewStore:
    """Two reviewers of one question, one of another, and one who has not signed."""
    monkeypatch.setenv("CLINALIGN_DATABASE", f"sqlite:///{tmp_path}/reviews.sqlite")
    store = store_in(tmp_path)
    store.add([TALK])
    desks = Desks(store, drafted)
    desks.sign(desks.open("AB", QUESTION), finished())
    desks.sign(desks.open("CD", QUESTION), finished(preference="tie", origins=("revision", "draft")))
    desks.sign(desks.open("AB", TALK), finished(answers=("", ""), preference=None))
    desks.save(desks.open("EF", TALK), finished())
    return store


def test_a_line_tells_who_changed_what_and_which_is_better(store: ReviewStore) -> None:
    records = [json.loads(line) for line in export_lines(store)]
    assert [one["key"] for one in records] == [f"{QUESTION.prompt_id}#AB", f"{QUESTION.prompt_id}#CD", "talk#AB"]
    first, _, rubric_alone = records
    assert first["prompt"] == list(QUESTION.turns)
    assert first["rubrics"] == [
        {
            "id": "task.nurse",
            "criterion": "Does the answer mention task.nurse?",
            "points": 5.0,
            "tags": ["principle:task.nurse", "dimension:task"],
            "principle_id": "task.nurse",
            "safety_critical": False,
        },
        {
            "id": "own-1",
            "criterion": "Does the answer mention own-1?",
            "points": -4.0,
            "tags": [],
            "principle_id": None,
            "safety_critical": False,
        },
    ]
    assert (first["reviewer"], first["signed_by"]) == ("AB", "AB")
    assert [(edit["kind"], edit["criterion_id"]) for edit in first["edits"]] == [
        ("removed", "task.jam"),
        ("added", "own-1"),
    ]
    assert [(one["id"], one["points"], one["principle_id"]) for one in first["drafted"]] == [
        ("task.nurse", 5.0, "task.nurse"),
        ("task.jam", -8.0, "task.jam"),
    ]
    assert first["preference"] == {
        "better": "A",
        "reason": "It is safe.",
        "answers": [
            {
                "name": "A",
                "text": "See a nurse.",
                "origin": "pasted",
                "score": 1.0,
                "met": [True, False],
                "by_judge": [False, False],
            },
            {
                "name": "B",
                "text": "Eat jam.",
                "origin": "pasted",
                "score": -0.8,
                "met": [False, True],
                "by_judge": [False, False],
            },
        ],
    }
    assert rubric_alone["preference"] is None
    assert (rubric_alone["canary"], rubric_alone["example_tags"]) == ("the canary", ["theme:hedging"])


def test_training_reads_back_what_was_signed(store: ReviewStore, tmp_path: Path) -> None:
    out, verdicts = tmp_path / "rubrics.jsonl", tmp_path / "verdicts.jsonl"
    assert main(["export", "--out", str(out), "--verdicts", str(verdicts)]) == 0
    items = load_items(out)
    assert read_items(out) == items  # what GRPO trains on
    assert [item.key for item in items] == [f"{QUESTION.prompt_id}#AB", f"{QUESTION.prompt_id}#CD", "talk#AB"]
    assert [item.turns for item in items] == [QUESTION.turns, QUESTION.turns, TALK.turns]
    assert items[2].canary == "the canary"
    for item in items:
        known = [(one.text, one.points, one.principle_id, one.safety_critical) for one in item.rubric.criteria]
        signed = finished().rubric().criteria
        assert known == [(one.text, one.points, one.principle_id, one.safety_critical) for one in signed]
    assert items[0].criterion_tags == {"c0": ("principle:task.nurse", "dimension:task")}
    judged = load_verdicts(verdicts, items)
    assert [(one.item.key[-2:], one.arm, one.model) for one in judged] == [
        ("AB", "A", "pasted"),
        ("AB", "B", "pasted"),
        ("CD", "A", "revision"),
        ("CD", "B", "draft"),
    ]
    assert [score(one.item.rubric, one.verdicts).score for one in judged] == [1.0, -0.8, 1.0, -0.8]
    questions, repeated = read_questions(out)
    assert ([one.turns for one in questions], repeated) == ([QUESTION.turns, TALK.turns], 1)


def test_questions_are_loaded_once(store: ReviewStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"question": "New one?"}, {"question": "new  ONE?"}, {"prompt": list(QUESTION.turns)}]
    file = tmp_path / "q.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["load", str(file)]) == 0
    assert capsys.readouterr().out == "1 questions added, 2 were there already\n"
    assert [one.text for one in store.questions()][2:] == ["New one?"]


def test_agreement_is_printed(store: ReviewStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement"]) == 0
    assert capsys.readouterr().out == (
        "AB and CD: 1 question; rubric overlap 100%; verdicts 100% alike of 4, kappa 1.00; "
        "preference 0% alike of 1, kappa 0.00\n"
    )


def test_bad_files_and_places_are_explained_without_a_traceback(
    store: ReviewStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "Fine?"}\n{"question": 7, "words": "zanzibar"}\n')
    assert main(["load", str(bad)]) == 2
    assert main(["load", str(tmp_path / "none.jsonl")]) == 2
    assert main(["export", "--out", "/proc/none/x.jsonl"]) == 2
    monkeypatch.setenv("CLINALIGN_DATABASE", "postgresql://me:sesame@127.0.0.1:1/none")
    assert main(["agreement"]) == 2
    said = capsys.readouterr().err
    for part in ("bad.jsonl: line 2: question", "cannot be read", "cannot write /proc/none/x.jsonl", "127.0.0.1:1"):
        assert part in said
    assert "zanzibar" not in said
    assert "sesame" not in said
    assert len(store.questions()) == 2


def test_nothing_signed_is_an_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_DATABASE", f"sqlite:///{tmp_path}/none.sqlite")
    assert main(["export", "--out", str(tmp_path / "out.jsonl")]) == 0
    assert (tmp_path / "out.jsonl").read_text() == ""
    with pytest.raises(ConfigError, match="holds no item"):
        load_items(tmp_path / "out.jsonl")


def test_the_command_helps_quickly() -> None:
    code = "import sys, ui.review.__main__; assert 'gradio' not in sys.modules and 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    asked = subprocess.run([sys.executable, "-m", "ui.review", "--help"], capture_output=True, text=True, check=True)
    assert "export" in asked.stdout


def test_a_criterion_that_the_judge_helped_with_says_so(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    rows = tuple(one.model_copy(update={"by_judge": ("b",)}) for one in finished().criteria)
    desks = Desks(store, drafted)
    desks.sign(desks.open("AB", QUESTION), finished(criteria=(*rows, row("c", 1, text=" Is it? ", a="MET", b="MET"))))
    [record] = [json.loads(line) for line in export_lines(store)]
    answers = record["preference"]["answers"]
    assert [answer["by_judge"] for answer in answers] == [[False] * 3, [True, True, False]]
    assert record["rubrics"][2]["criterion"] == "Is it?"
