"""Coverage, its intervals, the calibration and the commands, on made-up data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.scenario.bench import bench, interval
from principles.errors import ConfigError
from retrieval.__main__ import main
from retrieval.calibrate import agreement, calibrate, kappa
from retrieval.coverage import Item, covered, demands, read_items, share
from retrieval.growth import growth
from retrieval.index import build_index
from retrieval.retriever import Retriever
from tests.unit.retrieval.fakes import FakeEncoder, library, principle, scenario

LIBRARY = library(
    principle("task.pain", "pain kidney", statement="avoid nsaid", criterion="avoid nsaid", advice="avoid nsaid"),
    principle("task.rash", "rash skin", statement="show doctor", criterion="show doctor", advice="show doctor"),
    principle("task.old", "old lady", values=["documentation"]),
)


def item(key: str, question: str, *criteria: tuple[str, float]) -> Item:
    return Item(key, ({"role": "user", "content": question},), criteria)


ITEMS = [
    item("a", "pain kidney one", ("avoid nsaid", 6.0), ("sing song", 2.0), ("avoid nsaid", -5.0)),
    item("b", "rash skin two", ("show doctor", 4.0)),
    item("c", "nothing positive", ("sing song", -4.0)),
]


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder(dimension=256)


def test_points_are_covered_by_a_principle_that_asks_for_the_same(encoder: FakeEncoder) -> None:
    matrices = covered(ITEMS, demands(LIBRARY, encoder), encoder)
    assert matrices[0].tolist() == [[6.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    assert matrices[1].tolist() == [[0.0], [4.0], [0.0]]
    assert matrices[2].shape == (3, 0)


def test_a_point_counts_once_however_many_principles_cover_it() -> None:
    matrix = np.array([[6.0, 0.0], [6.0, 2.0], [0.0, 0.0]])
    assert share(matrix, ITEMS[0], [0, 1, 2]) == 1.0
    assert share(matrix, ITEMS[0], [0]) == 0.75
    assert share(matrix, ITEMS[0], [2]) == 0.0
    assert share(matrix, ITEMS[0], []) == 0.0


def test_the_bench_compares_the_arms(encoder: FakeEncoder, tmp_path: Path) -> None:
    retriever = Retriever(LIBRARY, build_index(LIBRARY, encoder, tmp_path / "a.faiss"), encoder)
    result = bench(retriever, lambda turns: scenario(), ITEMS)
    assert result["items"] == 2
    assert result["all"]["coverage"] == pytest.approx((0.75 + 1.0) / 2)
    at_8 = result["at"]["8"]
    assert at_8["retrieved"]["coverage"] == pytest.approx((0.75 + 1.0) / 2)
    assert at_8["retrieved"]["principles"] == 1.0
    assert at_8["scenario pool"]["principles"] == 2.0
    assert at_8["random"]["principles"] == 3.0


def test_the_interval_holds_the_mean_and_narrows_with_more_items() -> None:
    values = np.random.default_rng(0).random(400)
    low, high = interval(values)
    assert low < values.mean() < high
    wide = interval(values[:40])
    assert high - low < wide[1] - wide[0]
    assert interval(np.ones(5)) == (1.0, 1.0)


def test_agreement_and_kappa_against_worked_examples() -> None:
    labels = np.array([True, True, False, False])
    line = agreement(labels, np.array([True, False, True, False]), 0.5)
    assert (line["precision"], line["recall"], line["f1"]) == (0.5, 0.5, 0.5)
    assert agreement(labels, np.zeros(4, dtype=bool), 0.5)["f1"] == 0.0
    # 20 yes-yes, 15 no-no, 5 yes-no, 10 no-yes: observed 0.7, by chance 0.5.
    pairs = [(True, True)] * 20 + [(False, False)] * 15 + [(True, False)] * 5 + [(False, True)] * 10
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([]) is None
    assert kappa([(False, False)] * 3) is None


def write(path: Path, records: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def test_calibration_joins_labels_with_the_data_by_key(encoder: FakeEncoder, tmp_path: Path) -> None:
    pair = {"key": "a", "criterion": 0, "principle": "task.pain", "covers": True, "second": True}
    pairs = [
        pair,
        pair | {"criterion": 1, "covers": False, "second": False},
        pair | {"key": "elsewhere"},
        pair | {"principle": "task.gone"},
    ]
    result = calibrate(LIBRARY, encoder, ITEMS, write(tmp_path / "pairs.jsonl", pairs))
    assert (result["pairs"], result["covering"], result["kappa"]) == (2, 1, 1.0)
    assert all(line["f1"] == 1.0 for line in result["thresholds"])
    with pytest.raises(ConfigError, match="none of the labelled pairs"):
        calibrate(LIBRARY, encoder, [], write(tmp_path / "pairs.jsonl", pairs))


def test_the_labels_hold_no_text_of_the_criteria_and_keep_the_canary() -> None:
    import retrieval.calibrate

    for line in retrieval.calibrate.PAIRS.read_text().splitlines():
        record = json.loads(line)
        assert set(record) <= {"key", "criterion", "principle", "covers", "second", "canary"}
        assert isinstance(record["criterion"], int)
        assert record["canary"].startswith("healthbench:")


RECORD = {"key": "a", "prompt": [{"role": "user", "content": "hi"}], "rubrics": [{"criterion": "x", "points": 5}]}


def test_items_are_read_from_healthbench_records(tmp_path: Path) -> None:
    (read,) = read_items(write(tmp_path / "a.jsonl", [RECORD]))
    assert read == Item("a", ({"role": "user", "content": "hi"},), (("x", 5.0),))
    assert read.question == "hi"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "line 1: it is not JSON"),
        ("[]", "line 1: it is not a JSON object"),
        ('\n{"key": "a"}', "line 2: it must have either"),
        ("\udcff", "cannot be read"),
    ],
)
def test_bad_data_leaves_with_2_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert main(["learn", "--data", str(path)]) == 2
    assert words in capsys.readouterr().err


def test_no_data_says_where_to_name_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CLINALIGN_DATA", raising=False)
    assert main(["learn"]) == 2
    assert "CLINALIGN_DATA" in capsys.readouterr().err
    monkeypatch.setenv("CLINALIGN_DATA", str(tmp_path))
    assert main(["calibrate"]) == 2
    assert "healthbench_other_dev.jsonl" in capsys.readouterr().err


def test_growth_measures_each_size() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    small, large = growth(rows, (100, 1_003))
    assert (small["rows"], large["rows"]) == (100, 1_003)
    assert small["recall_at_10"] == large["recall_at_10"] == 1.0
    assert large["index_bytes"] > 1_003 * 16 * 4
    assert 0 < small["search_ms_median"] <= small["search_ms_p99"]
