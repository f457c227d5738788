"""The local judge from verdicts to verdicts: really trained, saved, loaded and compared, on a rule that is easy."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from principles.schema import Criterion, Label
from training.__main__ import main
from training.judge.local.judge import LocalJudge

THINGS = ("tea", "milk", "bread", "soup", "rice", "fish", "beans", "eggs", "pears", "plums", "nuts", "corn")
ANSWERS = 10
TURNS = [{"role": "user", "content": "What should I eat with a cold?"}]


def texts(thing: str) -> list[dict[str, Any]]:
    return [
        {"criterion": f"Recommends {thing} to the person.", "points": 5},
        {"criterion": f"Fails to recommend {thing} to the person.", "points": -5},
        {"criterion": f"Warns against too much {thing}.", "points": 3},
    ]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Items about one thing each, and answers that do or do not recommend it."""
    folder, chance = tmp_path_factory.mktemp("verdicts"), random.Random(0)
    items, judged = [], []
    for thing in THINGS:
        items.append({"key": thing, "prompt": TURNS, "rubrics": texts(thing)})
        for _ in range(ANSWERS):
            said, warned = chance.random() < 0.5, chance.random() < 0.5
            other = chance.choice([name for name in THINGS if name != thing])
            lines = [f"I recommend {thing if said else other}.", f"Too much {thing} is bad." if warned else "Sleep."]
            verdicts = [
                [row["criterion"], row["points"], met]
                for row, met in zip(texts(thing), (said, not said, warned), strict=True)
            ]
            judged.append({"key": thing, "response": " ".join(lines), "verdicts": verdicts})
    for name, rows in (("items", items), ("verdicts", judged)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder / "items.jsonl", folder / "verdicts.jsonl"


@pytest.fixture(scope="module")
def made(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("judge") / "judge"
    assert train(files, out) == 0
    return out


def train(files: tuple[Path, Path], out: Path) -> int:
    items, verdicts = files
    return main(["judge-train", "--items", str(items), "--verdicts", str(verdicts), "--out", str(out), "--epochs", "8"])


def test_a_trained_judge_knows_the_rule_on_new_answers(made: Path) -> None:
    judge = LocalJudge.load(made)
    criteria = [Criterion(id="a", text="Recommends figs to the person.", points=5)]
    good, bad = "I recommend figs. Sleep.", "I recommend tea. Sleep."
    (yes,), (no,) = judge.verdicts_many([(TURNS, good, criteria), (TURNS, bad, criteria)])
    assert yes.probability is not None
    assert no.probability is not None
    assert yes.probability > no.probability
    assert judge.verdicts(TURNS, good, criteria)[0].probability == pytest.approx(yes.probability, abs=0.02)
    assert {yes.criterion_id, no.criterion_id} == {"a"}
    assert yes.label in (Label.MET, Label.NOT_MET)
    assert judge.verdicts(TURNS, good, []) == []


def test_the_report_compares_it_with_the_baseline(
    made: Path, files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items, verdicts = map(str, files)
    arguments = [
        "judge-report",
        "--data",
        verdicts,
        "--items",
        items,
        "--judge-path",
        str(made),
        "--out",
        str(tmp_path),
    ]
    assert main([*arguments, "--judges", "local", "shallow", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["judge"], row["count"], row["unknown"]) for row in rows] == [("local", 360, 0), ("shallow", 360, 0)]
    assert rows[0]["auc"] > 0.6  # the very data it learnt from
    assert (tmp_path / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert "| local |" in (tmp_path / "judges.md").read_text()


def test_what_exists_is_not_overwritten(
    made: Path, files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(files, made) == 2
    assert "exists" in capsys.readouterr().err


def test_too_few_items_are_refused(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(files[1].read_text().splitlines(keepends=True)[:8]))
    assert train((files[0], few), tmp_path / "judge") == 2
    assert "too few" in capsys.readouterr().err
    assert not (tmp_path / "judge").exists()


@pytest.mark.parametrize("spoilt", ["judge.json", "trees-0.txt", "lore.npz", "words.npz", "rarities.json"])
def test_a_damaged_judge_is_refused(
    made: Path, tmp_path: Path, spoilt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "judge"
    copy.mkdir()
    for path in made.iterdir():
        (copy / path.name).symlink_to(path)
    (copy / spoilt).unlink()
    (copy / spoilt).write_text("{")
    claims = tmp_path / "claims.jsonl"
    claims.write_text(json.dumps({"question": "q", "answer": "a", "claim": "c", "majority_label": "Entailment"}) + "\n")
    assert main(["judge-report", "--claims", str(claims), "--judge-path", str(copy)]) == 2
    assert "judge-train" in capsys.readouterr().err
