"""From rubrics to a library: what is grouped, kept, named, refused, and gone on with. No model, no weights."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from principles.__main__ import main
from principles.library import load_library
from retrieval.demand import demand_path
from retrieval.encoder import Vectors
from tests.fakes import FixedClassifier
from tests.unit.retrieval.fakes import FakeEncoder
from training.distil.kept import sources_path

TOPICS = {
    "fever": "Advises giving fluids to the child with fever",
    "rash": "Recommends showing the rash to a doctor",
    "dose": "States the usual dose of the tablets",
    "sleep": "Suggests a regular hour for going to sleep",
}
URGENT = "Tells to call an ambulance at once for crushing chest pain"
CANARY = "canary of an invented benchmark"


def item(key: str, question: str, *criteria: tuple[str, float], **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "prompt": [{"role": "user", "content": question}],
        "rubrics": [{"criterion": text, "points": points} for text, points in criteria],
        **fields,
    }


def rubrics(each: int = 4) -> list[dict[str, Any]]:
    """Questions on four topics, each with its criterion worded a little differently, and a fault in common."""
    return [
        item(
            f"{topic}{n}",
            f"My {topic} troubles me, case {n}",
            (f"{text} {'gently ' * (n % 2)}please", 5.0 + n % 2),
            (f"Invents a cure nobody knows{' at all' * (n % 2)}", -6.0),
            canary=CANARY,
        )
        for topic, text in TOPICS.items()
        for n in range(each)
    ]


def written(path: Path, *lines: Any) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


class Urgent(FixedClassifier):
    """Chest pain is an emergency."""

    def classify(self, turns: Any) -> Any:
        found = super().classify(turns)
        return found.model_copy(update={"urgency": "emergent"}) if "chest" in turns[-1]["content"] else found


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:
    fake = FakeEncoder(dimension=256)
    monkeypatch.setattr("retrieval.encoder.load_encoder", lambda: fake)
    monkeypatch.setattr("training.distil.scenarios.load_classifier", lambda encode: Urgent())
    return fake


def distilled(folder: Path, records: Sequence[Any], *options: str) -> int:
    source = written(folder / "rubrics.jsonl", *records)
    return main(["distil", "--rubrics", str(source), "--out", str(folder / "out.yaml"), "--no-model", *options])


def sources(folder: Path) -> dict[str, dict[str, Any]]:
    lines = sources_path(folder / "out.yaml").read_text().splitlines()
    return {line["id"]: line for line in map(json.loads, lines)}


def test_criteria_that_ask_for_the_same_become_one_principle(encoder: FakeEncoder, tmp_path: Path) -> None:
    assert distilled(tmp_path, rubrics()) == 0
    library = load_library(tmp_path / "out.yaml")
    assert len(library.principles) == 5
    by_topic = {topic: [p for p in library.principles if topic in p.statement] for topic in TOPICS}
    assert {topic: len(found) for topic, found in by_topic.items()} == dict.fromkeys(TOPICS, 1)
    [fault] = [p for p in library.principles if p.points < 0]
    assert (fault.points, "Invents" in fault.advice or "invents" in fault.advice) == (-6, True)
    [fever] = by_topic["fever"]
    assert fever.statement.startswith("The answer advises giving fluids to the child with fever")
    assert fever.criterion.startswith("Does the answer advise giving fluids")
    assert "fever" in fever.applies_when
    assert CANARY in (tmp_path / "out.yaml").read_text()
    assert main(["validate", str(tmp_path / "out.yaml")]) == 0


def test_each_principle_leads_back_to_its_criteria_and_repeats_none_of_their_text(
    encoder: FakeEncoder, tmp_path: Path
) -> None:
    records = [record | {"reviewer": f"dr{n % 3}"} for n, record in enumerate(rubrics())]
    assert distilled(tmp_path, records) == 0
    found = sources(tmp_path)
    known = {(record["key"], f"c{n}") for record in records for n in range(2)}
    behind = [tuple(row) for line in found.values() for row in line["criteria"]]
    apart = [json.loads(line) for line in (tmp_path / "out.yaml.apart.jsonl").read_text().splitlines()]
    assert sorted(behind + [tuple(row) for line in apart for row in line["rows"]]) == sorted(known)
    [fault] = [line for line in found.values() if len(line["criteria"]) == 16]
    assert fault["support"] == {"criteria": 16, "questions": 16, "reviewers": 3}
    for path in tmp_path.glob("out.yaml.*l"):
        assert not any(text in path.read_text() for text in TOPICS.values())


def test_a_number_that_is_asked_for_is_given(encoder: FakeEncoder, tmp_path: Path) -> None:
    assert distilled(tmp_path, rubrics(), "--count", "3") == 0
    assert len(load_library(tmp_path / "out.yaml").principles) == 3


def test_what_is_rare_but_an_emergency_is_kept(encoder: FakeEncoder, tmp_path: Path) -> None:
    records = [*rubrics(), item("one", "crushing chest pain since an hour", (URGENT, 10.0))]
    assert distilled(tmp_path, records) == 0
    [urgent] = [p for p in load_library(tmp_path / "out.yaml").principles if "ambulance" in p.statement]
    assert (urgent.dimension, urgent.values) == ("urgency", ("emergent",))
    assert (urgent.points, urgent.safety_critical, urgent.always, urgent.placement) == (10, True, False, "opening")
    calm = [*rubrics(), item("one", "a small pain since an hour", (URGENT, 10.0))]
    (tmp_path / "calm").mkdir()
    assert distilled(tmp_path / "calm", calm) == 0
    assert not any("ambulance" in p.statement for p in load_library(tmp_path / "calm" / "out.yaml").principles)


def texts_of(record: dict[str, Any]) -> list[str]:
    return [record["prompt"][0]["content"], *(one["criterion"] for one in record["rubrics"])]


def test_more_rubrics_keep_the_ids_and_show_what_changed(
    encoder: FakeEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert distilled(tmp_path, rubrics()) == 0
    before = {p.statement.split()[2]: p.id for p in load_library(tmp_path / "out.yaml").principles}
    capsys.readouterr()
    again: list[str] = []
    encode = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda texts: again.extend(texts) or encode(texts))
    more = [item(f"cough{n}", f"My cough, case {n}", ("Explains how honey soothes a cough", 4.0)) for n in range(4)]
    assert distilled(tmp_path, [*rubrics(5), *more]) == 0
    after = {p.statement.split()[2]: p.id for p in load_library(tmp_path / "out.yaml").principles}
    assert before.items() <= after.items()
    assert set(after) - set(before) == {"explains"}
    said = capsys.readouterr().out
    assert f"new      {after['explains']}" in said
    assert f"changed  {before['advises']}" in said
    assert "gone" not in said
    read = {text for record in rubrics() for text in texts_of(record)}
    assert read.isdisjoint(again)


def test_a_principle_that_is_no_longer_asked_for_is_said_to_be_gone(
    encoder: FakeEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distilled(tmp_path, rubrics()) == 0
    [sleep] = [p.id for p in load_library(tmp_path / "out.yaml").principles if "sleep" in p.statement]
    fewer = [record for record in rubrics() if not record["key"].startswith("sleep")]
    assert distilled(tmp_path, fewer) == 0
    assert f"gone     {sleep}" in capsys.readouterr().out
    assert sleep not in load_library(tmp_path / "out.yaml")


def test_what_a_person_changed_by_hand_is_never_lost(
    encoder: FakeEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distilled(tmp_path, rubrics()) == 0
    path = tmp_path / "out.yaml"
    entries = yaml.safe_load(path.read_text())
    entries[0]["advice"] = "Drink plenty, and rest."
    own = entries[1] | {"id": "task.my-own", "statement": "The answer is kind to whoever is afraid."}
    path.write_text(yaml.safe_dump([*entries, own]))
    assert distilled(tmp_path, rubrics(5)) == 0
    again = load_library(path)
    assert again.get(entries[0]["id"]).advice == "Drink plenty, and rest."
    assert again.get("task.my-own").statement == own["statement"]
    assert f"by hand  {entries[0]['id']}" in capsys.readouterr().out


def test_a_file_that_was_not_made_here_is_not_written_over(
    encoder: FakeEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.yaml").write_text("precious")
    assert distilled(tmp_path, rubrics()) == 2
    assert "was not made by this command" in capsys.readouterr().err
    assert (tmp_path / "out.yaml").read_text() == "precious"


def test_an_interrupted_run_goes_on_with_what_it_has(
    encoder: FakeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    def stop(*_: Any, **__: Any) -> None:
        raise Stopped

    for step in ("read_scenarios", "grouped", "make", "taught"):
        with monkeypatch.context() as patch:
            patch.setattr(f"training.distil.pipeline.{step}", stop)
            with pytest.raises(Stopped):
                distilled(tmp_path, rubrics())
        assert not (tmp_path / "out.yaml").exists()
    monkeypatch.setattr(FakeEncoder, "encode", _refuses(tuple(TOPICS.values())))
    assert distilled(tmp_path, rubrics()) == 0


def _refuses(starts: tuple[str, ...]) -> Any:
    """An `encode` that fails for criteria, which were read before."""
    plain = FakeEncoder.encode

    def encode(self: FakeEncoder, texts: Sequence[str]) -> Vectors:
        assert not [text for text in texts if text.startswith(starts)]
        return plain(self, texts)

    return encode


def test_a_damaged_file_of_the_work_is_made_again(encoder: FakeEncoder, tmp_path: Path) -> None:
    assert distilled(tmp_path, rubrics()) == 0
    first = (tmp_path / "out.yaml").read_text()
    for path in (tmp_path / "out.yaml.work").glob("vectors-*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    (tmp_path / "out.yaml").unlink()
    assert distilled(tmp_path, rubrics()) == 0
    assert (tmp_path / "out.yaml").read_text() == first


def test_from_a_hundred_questions_on_the_search_learns_what_is_asked(encoder: FakeEncoder, tmp_path: Path) -> None:
    assert distilled(tmp_path, rubrics()) == 0
    assert not demand_path(tmp_path / "out.yaml").exists()
    assert distilled(tmp_path, rubrics(30)) == 0
    assert demand_path(tmp_path / "out.yaml").exists()


SAME = [item(f"k{n}", f"case {n}", ("Says to rest", 5.0)) for n in range(9)]
LONG = [item("k", "one case", *((f"Names the sign number{n} of word{n} and other{n}", 1.0) for n in range(5_000)))]


@pytest.mark.parametrize(
    ("records", "principles"),
    [
        ([item("k", "one case", ("Says to rest", 5.0))], 1),
        (SAME, 1),
        ([item("k", "one case", ("Says to rest", 5.0), ("Says {nothing} \x00\x85 useful: #", -3.0))], 2),
    ],
    ids=["one criterion", "all the same", "odd characters"],
)
def test_little_gives_a_small_library(
    records: list[Any], principles: int, encoder: FakeEncoder, tmp_path: Path
) -> None:
    assert distilled(tmp_path, records, "--count", str(principles)) == 0
    assert len(load_library(tmp_path / "out.yaml").principles) == principles
    assert main(["validate", str(tmp_path / "out.yaml")]) == 0


def test_thousands_of_criteria_in_one_rubric(encoder: FakeEncoder, tmp_path: Path) -> None:
    assert distilled(tmp_path, LONG, "--count", "7") == 0
    assert len(load_library(tmp_path / "out.yaml").principles) == 7


@pytest.mark.parametrize(
    ("records", "options", "said"),
    [
        ([item("k", "q", ("Is wrong", -5.0))], (), "no criterion has positive points"),
        ([item("k", "q", ("Is nothing", 0.0))], (), "no criterion has positive points"),
        (SAME, ("--count", "2"), "holds 1 different criteria, too few for 2 principles"),
        (["{"], (), "rubrics.jsonl: line 1: it is not JSON"),
        ([item("k", "q", ("Rest", 5.0)), {"key": "b", "prompt": []}], (), "rubrics.jsonl: line 2: prompt"),
        ([item("k", "q", ("Rest", 5.0), ("Rest", 99.0))], (), "rubrics.jsonl: line 1: rubrics.1.points"),
        ([item("k", "q", ("Rest", 5.0), hard=True)], (), "rubrics.jsonl: 1 of 1 prompts are of HealthBench Hard"),
        ([], (), "holds no item"),
        (SAME, ("--model", "x"), "--no-model asks no model"),
        (SAME, ("--previous", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_written(
    records: list[Any],
    options: tuple[str, ...],
    said: str,
    encoder: FakeEncoder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert distilled(tmp_path, records, *options) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "out.yaml").exists()


def test_a_full_disk_is_said_and_the_old_library_stays(
    encoder: FakeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distilled(tmp_path, rubrics()) == 0
    before = (tmp_path / "out.yaml").read_text()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert distilled(tmp_path, rubrics(6)) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert (tmp_path / "out.yaml").read_text() == before
    monkeypatch.undo()


def test_the_help_says_what_lies_beside_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["distil", "--help"])
    assert stopped.value.code == 0
    assert "FILE.sources.jsonl" in capsys.readouterr().out
