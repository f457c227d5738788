"""What physicians ask for is learnt from their rubrics, kept for one library and encoder, and used in the search."""

from pathlib import Path

import numpy as np
import pytest

from principles.library import load_library
from retrieval.__main__ import main
from retrieval.coverage import ENOUGH, Item, cosines, demands, without_common
from retrieval.demand import LEARNT, Demand, load_demand
from retrieval.encoder import BUNDLED, BUNDLED_SHA256, unit_rows
from retrieval.index import build_index
from retrieval.learn import learn, ridge
from retrieval.retriever import Retriever
from tests.unit.retrieval.fakes import FakeEncoder, library, principle, scenario

LIBRARY = library(
    principle("task.pain", "pain kidney", statement="avoid nsaid", criterion="avoid nsaid", advice="avoid nsaid"),
    principle("task.return", "worse return", statement="come back", criterion="come back", advice="come back"),
    principle("task.rash", "rash skin", statement="show doctor", criterion="show doctor", advice="show doctor"),
)


def item(key: str, question: str, *criteria: tuple[str, float]) -> Item:
    return Item(key, ({"role": "user", "content": question},), criteria)


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder(dimension=256)


@pytest.fixture
def retriever(encoder: FakeEncoder, tmp_path: Path) -> Retriever:
    return Retriever(LIBRARY, build_index(LIBRARY, encoder, tmp_path / "a.faiss"), encoder)


# Questions about fever never name what their physicians ask for; those about rash name it.
RUBRICS = [
    *(item(f"f{n}", f"fever child night {n}", ("come back", 5.0), ("fever", -3.0)) for n in range(12)),
    *(item(f"r{n}", f"rash skin {n}", ("show doctor", 5.0)) for n in range(12)),
]


def test_what_is_asked_of_such_questions_is_brought_in_though_nothing_in_them_names_it(
    retriever: Retriever, encoder: FakeEncoder
) -> None:
    question = "fever child at night again, rash skin"
    assert [one.principle.id for one in retriever.retrieve(question, scenario(), 12)] == ["task.rash"]
    demand = learn(retriever, RUBRICS)
    taught = Retriever(LIBRARY, retriever._index, encoder, demand)
    assert [one.principle.id for one in taught.retrieve(question, scenario(), 12)] == ["task.rash", "task.return"]
    nonsense = taught.retrieve("purple bicycles", scenario(), 12)
    assert nonsense == []
    values = demand.of(encoder.encode([question]))
    assert values.argmax() == 1


def test_demand_is_as_widely_spread_as_likeness_around_nothing(retriever: Retriever, encoder: FakeEncoder) -> None:
    demand = learn(retriever, RUBRICS)
    questions = [encoder.encode([one.question]) for one in RUBRICS]
    values = np.stack([demand.of(vectors) for vectors in questions])
    assert values.mean() == pytest.approx(0, abs=1e-5)
    assert values.std() == pytest.approx(retriever.likenesses(questions).std(), rel=1e-4)


def test_ridge_finds_a_linear_map() -> None:
    rows = np.random.default_rng(0).standard_normal((4_000, 3)).astype(np.float32)
    weights, bias = ridge(rows, rows @ np.array([[1.0], [2.0], [0.0]]) + 7)
    assert weights[:, 0] == pytest.approx([1, 2, 0], abs=0.02)
    assert bias == pytest.approx([7], abs=0.02)


def test_a_file_serves_the_library_and_encoder_that_it_was_learnt_for(tmp_path: Path, encoder: FakeEncoder) -> None:
    demand = Demand(np.full((256, 3), 0.5, dtype=np.float32), np.ones(3, dtype=np.float32))
    path = tmp_path / "demand.npz"
    path.write_bytes(demand.written(LIBRARY, encoder))
    found = load_demand(LIBRARY, encoder, path)
    assert found is not None
    assert (found.weights == 0.5).all()
    assert load_demand(LIBRARY, FakeEncoder(revision="2", dimension=256), path) is None
    assert load_demand(library(principle("task.pain", "pain kidney")), encoder, path) is None


def test_the_shipped_file_is_for_the_shipped_library_and_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this fails the library was changed: run `python -m retrieval learn`."""
    monkeypatch.delenv("CLINALIGN_PRINCIPLES", raising=False)
    shipped = load_library()
    demand = load_demand(shipped, FakeEncoder(BUNDLED, BUNDLED_SHA256, 384))
    assert demand is not None
    assert demand.weights.shape == (384, len(shipped.principles))
    assert LEARNT.stat().st_size < 200_000


def test_what_all_criteria_share_does_not_make_two_alike() -> None:
    chance = np.random.default_rng(0)
    shared = np.full(32, 0.5)
    rows = unit_rows(chance.standard_normal((ENOUGH, 32)) * 0.3 + shared)
    assert (rows[0] @ rows[1]) > 0.5
    apart = without_common(rows)(rows)
    assert abs(float((apart @ apart.T).mean())) < 0.02
    assert (without_common(rows[: ENOUGH - 1])(rows) == rows).all()


def test_cosines_are_of_positive_criteria_alone(encoder: FakeEncoder) -> None:
    (found,) = cosines(RUBRICS[:1], demands(LIBRARY, encoder), encoder)
    assert found.shape == (3, 1)
    assert found[1, 0] == pytest.approx(1.0, abs=1e-5)


def test_learn_without_data_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("CLINALIGN_DATA", str(tmp_path))
    assert main(["learn"]) == 2
    assert "healthbench_other_dev.jsonl" in capsys.readouterr().err
