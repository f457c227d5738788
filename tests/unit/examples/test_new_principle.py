"""Example: write a principle, and follow it from its file into an answer.

A principle is found by its `facets` (questions as people ask them), is kept where `applies_when` is true of the
question, becomes one yes/no `criterion`, and gives its `advice` to an answer that fails it. So the advice has to be
true, and safe, wherever the principle applies; `sources` says what it rests on. The fields are described in
`principles.schema.Principle`.

A library of one's own takes the place of the bundled one: `CLINALIGN_PRINCIPLES=FILE`, or `load_library(FILE)`. For a
principle in the bundled library, write it in `principles/library.yaml`, set `COUNT` in `principles/__main__.py`, and
run `python -m principles validate`, `python -m retrieval near` (does another say the same?), `python -m retrieval
learn` (what was learnt belongs to one library) and `python -m principles docs`.
"""

from pathlib import Path
from typing import Any

import pytest

from agent import build_agent
from principles.__main__ import main
from principles.library import load_library
from principles.rubric import build_rubric
from retrieval.index import build_index
from retrieval.retriever import Retriever
from tests.fakes import ScriptedChat
from tests.unit.retrieval.fakes import FakeEncoder, scenario

LIBRARY = """
- id: task.grapefruit-with-statin
  dimension: task
  values: [medication]
  statement: The answer warns of grapefruit juice with a statin.
  rationale: Grapefruit raises the level of some statins, and with it the risk of muscle damage.
  applies_when: The question asks what to eat or drink with a medicine for cholesterol.
  criterion: Does the answer warn {person} of grapefruit with {medicine}?
  advice: Leave out grapefruit and its juice, because they can raise the level of some statins.
  points: 6
  facets:
    - which juices can my mother drink with a statin
    - what should I not drink with simvastatin
    - does fruit juice matter with my cholesterol tablets
  sources:
    - {body: FDA, title: "Grapefruit Juice and Some Drugs Don't Mix", year: 2021}
"""
QUESTION: Any = [{"role": "user", "content": "Which juices can my mother drink with simvastatin?"}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(LIBRARY, encoding="utf-8")
    return path


@pytest.fixture
def retriever(path: Path) -> Retriever:
    """As `retrieval.retriever.load_retriever(path)` makes it, but with an encoder that needs no weights."""
    library, encoder = load_library(path), FakeEncoder(dimension=256)
    return Retriever(library, build_index(library, encoder, path.with_suffix(".faiss")), encoder)


def test_it_is_validated(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(path)]) == 0
    assert "1 principles, no faults" in capsys.readouterr().out
    path.write_text(LIBRARY.replace("{person}", "{patient}"), encoding="utf-8")
    assert main(["validate", str(path)]) == 2
    assert "task.grapefruit-with-statin: field criterion: unknown slot {patient}" in capsys.readouterr().err


def test_it_is_found_and_becomes_a_criterion(retriever: Retriever) -> None:
    (found,) = retriever.retrieve(QUESTION[0]["content"], scenario())
    assert found.principle.id == "task.grapefruit-with-statin"
    (criterion,) = build_rubric([found.principle], QUESTION).criteria
    assert criterion.text == "Does the answer warn the person's mother of grapefruit with simvastatin?"
    assert (criterion.points, criterion.principle_id) == (6, "task.grapefruit-with-statin")
    assert retriever.retrieve("How long may I sunbathe?", scenario()) == []


def reads(prompt: str) -> float:
    """The model's P(yes): a principle applies to any question, and an answer that names grapefruit warns of it."""
    answer = prompt.split("Answer:")[-1].split("Does the answer")[0]
    return 0.9 if "Is it true that" in prompt or "grapefruit" in answer else 0.1


@pytest.mark.usefixtures("fixed_classifier")
def test_the_answer_gains_its_advice(retriever: Retriever) -> None:
    agent = build_agent(ScriptedChat(draft="Most juices are fine.", chance=reads), retriever)
    result = agent.invoke({"messages": QUESTION})
    advice = "Leave out grapefruit and its juice, because they can raise the level of some statins."
    assert result["answer"] == f"Most juices are fine. {advice}"
    assert [edit["criterion_id"] for edit in result["edits"]] == ["task.grapefruit-with-statin"]
    assert (result["rubric"]["draft"]["score"], result["rubric"]["final"]["score"]) == (0, 1)
