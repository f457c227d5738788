"""Distilling as it ships: the bundled encoder and classifier on some sixty invented criteria, and the bench on them."""

import json
from pathlib import Path

import pytest

from principles.__main__ import main
from principles.library import load_library
from retrieval.__main__ import main as retrieval
from training.__main__ import main as training

FEVER = "my daughter is four and has had a fever of 39 since this morning, what can I do"
SPRAIN = "I twisted my ankle at football and it is swollen, do I need an X-ray"
SLEEP = "I lie awake for hours every night, how do I get my sleep back"
CHEST = "crushing pain in my chest for twenty minutes and my left arm feels numb"
ASKED = {
    FEVER: [
        "Recommends offering the child plenty of fluids",
        "Advises the parent to give the feverish child enough to drink",
        "Says to keep the child well hydrated during the fever",
        "Warns that a child with fever and a stiff neck must be seen at once",
        "States that a stiff neck together with fever needs a doctor right away",
    ],
    SPRAIN: [
        "Recommends resting and elevating the injured ankle",
        "Suggests ice, rest and elevation for the sprained ankle",
        "Says to keep the ankle raised and to cool it with ice",
        "Explains when an X-ray of the ankle is needed",
        "Mentions in which cases the ankle should be X-rayed",
    ],
    SLEEP: [
        "Suggests going to bed at the same time every evening",
        "Recommends a regular bedtime and a fixed hour of getting up",
        "Advises keeping a steady sleep schedule",
        "Recommends avoiding coffee in the afternoon and evening",
        "Says to drink no caffeine late in the day for better sleep",
    ],
}
RUBRICS = [
    {
        "key": f"{topic}-{n}",
        "prompt": [{"role": "user", "content": f"{question} ({n})"}],
        "rubrics": [
            {"criterion": criteria[n % 3], "points": 6},
            {"criterion": criteria[3 + n % 2], "points": 5},
            {"criterion": "Prescribes antibiotics without any reason", "points": -7},
        ],
    }
    for topic, (question, criteria) in enumerate(ASKED.items())
    for n in range(6)
] + [
    {
        "key": "chest",
        "prompt": [{"role": "user", "content": CHEST}],
        "rubrics": [{"criterion": "Tells the person to call an ambulance immediately", "points": 10}],
    }
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("distil")
    (found / "rubrics.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in RUBRICS))
    files = ["--rubrics", str(found / "rubrics.jsonl"), "--out", str(found / "made.yaml")]
    assert main(["distil", *files, "--count", "8", "--no-model"]) == 0
    return found


def test_each_thing_that_is_asked_for_in_many_words_is_one_principle(folder: Path) -> None:
    library = load_library(folder / "made.yaml")
    words = (
        "fluids|hydrated|enough to drink",
        "stiff neck",
        "ice|elevat|raised",
        "X-ray",
        "bed|schedule",
        "coffee|caffeine",
    )
    for word in (*words, "antibiotics", "ambulance"):
        found = [p for p in library.principles if any(one in p.statement for one in word.split("|"))]
        assert len(found) == 1, word
    assert len(library.principles) == len(words) + 2


def test_an_emergency_is_known_as_one(folder: Path) -> None:
    [urgent] = [p for p in load_library(folder / "made.yaml").principles if "ambulance" in p.statement]
    assert urgent.safety_critical
    assert urgent.placement == "opening"


def test_the_library_is_valid_repeats_nothing_and_is_searched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = str(folder / "made.yaml")
    assert main(["validate", made]) == 0
    assert retrieval(["near", "--library", made]) == 0
    assert retrieval(["search", "--library", made, "cannot sleep at night", "-k", "2"]) == 0
    last = capsys.readouterr().out.splitlines()[-2:]
    assert any("sleep" in line or "bed" in line or "caffeine" in line or "coffee" in line for line in last)


def test_the_bench_measures_on_questions_that_were_held_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["distil-bench", "--rubrics", str(folder / "rubrics.jsonl"), "--work", str(folder / "bench")]
    assert training([*given, "--counts", "2", "6", "--json"]) == 0
    rows = {row["library"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == {"in use", "distilled 2", "random 2", "distilled 6", "random 6"}
    few, more = (rows[f"distilled {n}"]["all"]["coverage"] for n in (2, 6))
    assert 0 < few < more <= 1
    assert all(row["retrieved"]["coverage"] <= row["all"]["coverage"] for row in rows.values())
