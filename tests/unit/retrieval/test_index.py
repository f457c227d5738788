"""The index: best facet wins, and nothing that does not fit its sidecar is searched."""

import hashlib
import json
import multiprocessing
from pathlib import Path

import faiss
import numpy as np
import pytest

import retrieval.ann
import retrieval.index
from principles.errors import IndexFileError
from principles.library import Library
from retrieval.ann import make_index, near_rows, recall
from retrieval.index import build_index, load_index, open_index
from tests.unit.retrieval.fakes import FakeEncoder, library, principle

THREE = (
    principle("task.heart", "chest pain squeezing", facets=["chest pain", "heavy squeezing breast", "left arm ache"]),
    principle("task.fever", "hot baby temperature"),
    principle("urgency.rash", "itchy spots skin"),
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLINALIGN_CACHE", str(tmp_path))
    return tmp_path / "index"


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, Library, FakeEncoder]:
    path, three, encoder = tmp_path / "a.faiss", library(*THREE), FakeEncoder()
    build_index(three, encoder, path)
    return path, three, encoder


def test_the_best_facet_of_a_principle_wins_and_each_principle_comes_once(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    index = build_index(library(*THREE), encoder, tmp_path / "a.faiss")
    found = index.search(encoder.encode(["left arm ache"]), 3)
    assert found[0][0] == 0
    assert found[0][1] == pytest.approx(1.0, abs=1e-5)
    assert sorted(position for position, _ in found) == [0, 1, 2]
    assert [similarity for _, similarity in found] == sorted((s for _, s in found), reverse=True)


def test_several_query_vectors_give_the_best_of_each(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    index = build_index(library(*THREE), encoder, tmp_path / "a.faiss")
    found = dict(index.search(encoder.encode(["left arm ache", "itchy spots skin one"]), 3))
    assert found[0] == pytest.approx(1.0, abs=1e-5)
    assert found[2] == pytest.approx(1.0, abs=1e-5)


def test_k_may_exceed_the_library(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    index = build_index(library(*THREE), encoder, tmp_path / "a.faiss")
    assert len(index.search(encoder.encode(["baby"]), 50)) == 3


@pytest.mark.parametrize(
    "vectors",
    [np.ones((1, 8), np.float32), np.full((1, 64), np.nan, np.float32), np.full(64, np.inf, np.float32)],
)
def test_queries_that_faiss_would_answer_with_rubbish_are_refused(tmp_path: Path, vectors: np.ndarray) -> None:
    index = build_index(library(*THREE), FakeEncoder(), tmp_path / "a.faiss")
    with pytest.raises(ValueError, match="query vectors"):
        index.search(vectors, 2)


def test_the_centre_is_the_mean_of_all_that_a_principle_says(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    three = library(*THREE)
    index = build_index(three, encoder, tmp_path / "a.faiss")
    rash = three.principles[2]
    said = encoder.encode([*rash.facets, rash.statement, rash.criterion, rash.advice, rash.applies_when])
    mean = said.mean(axis=0)
    assert np.allclose(index.centres([2, 0])[0], mean / np.linalg.norm(mean), atol=1e-6)
    assert index.centres([]).shape == (0, 64)


def test_a_saved_index_answers_as_the_built_one(built: tuple[Path, Library, FakeEncoder]) -> None:
    path, three, encoder = built
    query = encoder.encode(["hot itchy chest"])
    assert load_index(path, three, encoder).search(query, 3) == build_index(three, encoder, path).search(query, 3)


def test_each_flipped_byte_is_refused(built: tuple[Path, Library, FakeEncoder]) -> None:
    path, three, encoder = built
    whole = path.read_bytes()
    for place in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(IndexFileError, match="sha256"):
            load_index(path, three, encoder)


def test_a_truncated_index_is_refused(built: tuple[Path, Library, FakeEncoder]) -> None:
    path, three, encoder = built
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(IndexFileError, match="sha256"):
        load_index(path, three, encoder)


@pytest.mark.parametrize(
    ("encoder", "word"),
    [
        (FakeEncoder(name="other"), "encoder"),
        (FakeEncoder(revision="2"), "revision"),
        (FakeEncoder(dimension=32), "dimension"),
    ],
)
def test_another_encoder_is_refused(built: tuple[Path, Library, FakeEncoder], encoder: FakeEncoder, word: str) -> None:
    with pytest.raises(IndexFileError, match=word):
        load_index(built[0], built[1], encoder)


def test_a_changed_library_is_refused(built: tuple[Path, Library, FakeEncoder]) -> None:
    path, _, encoder = built
    with pytest.raises(IndexFileError, match="library"):
        load_index(path, library(*THREE[:2], THREE[2] | {"rationale": "another"}), encoder)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": 0}, "format"),
        ({"rows": [4, 4, 3]}, "rows"),
        ({"count": 11}, "other rows"),
        ({"sha256": "0" * 64}, "sha256"),
        ({"surprise": 1}, "not an index sidecar"),
    ],
)
def test_a_sidecar_that_says_something_else_is_refused(
    built: tuple[Path, Library, FakeEncoder], change: dict[str, object], word: str
) -> None:
    path, three, encoder = built
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | change))
    with pytest.raises(IndexFileError, match=word):
        load_index(path, three, encoder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1}'])
def test_a_damaged_sidecar_is_refused(built: tuple[Path, Library, FakeEncoder], content: bytes) -> None:
    path, three, encoder = built
    path.with_suffix(".json").write_bytes(content)
    with pytest.raises(IndexFileError, match="not an index sidecar"):
        load_index(path, three, encoder)


def test_a_file_that_is_no_index_is_refused_even_with_its_own_hash(built: tuple[Path, Library, FakeEncoder]) -> None:
    path, three, encoder = built
    path.write_bytes(b"nothing of the sort")
    sidecar = path.with_suffix(".json")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"sha256": digest}))
    with pytest.raises(IndexFileError, match="FAISS cannot read"):
        load_index(path, three, encoder)


def test_missing_files_are_refused(built: tuple[Path, Library, FakeEncoder]) -> None:
    path, three, encoder = built
    path.with_suffix(".json").unlink()
    with pytest.raises(IndexFileError, match="cannot be read"):
        load_index(path, three, encoder)
    with pytest.raises(IndexFileError, match="cannot be read"):
        load_index(path.with_name("none.faiss"), three, encoder)


def test_opening_builds_once_and_then_loads(cache: Path) -> None:
    three, encoder = library(*THREE), FakeEncoder()
    query = encoder.encode(["hot itchy chest"])
    first = open_index(three, encoder).search(query, 3)
    assert encoder.encoded == 22
    assert open_index(three, encoder).search(query, 3) == first
    assert encoder.encoded == 22


def test_opening_builds_again_where_the_saved_index_is_damaged(cache: Path) -> None:
    three, encoder = library(*THREE), FakeEncoder()
    query = encoder.encode(["hot itchy chest"])
    first = open_index(three, encoder).search(query, 3)
    (saved,) = cache.glob("*.faiss")
    whole = saved.read_bytes()
    saved.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert open_index(three, encoder).search(query, 3) == first
    assert saved.read_bytes() == whole


def test_a_crash_between_index_and_sidecar_is_noticed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    three = library(*THREE)
    open_index(three, encoder)
    (saved,) = cache.glob("*.faiss")
    other = library(*reversed(THREE))

    def crash(path: Path, content: bytes | str) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    monkeypatch.setattr(retrieval.index, "write_atomic", crash)
    with pytest.raises(KeyboardInterrupt):
        build_index(other, encoder, saved)
    for either in (three, other):
        with pytest.raises(IndexFileError):
            load_index(saved, either, encoder)


def test_an_index_that_cannot_be_saved_is_still_searched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes | str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(retrieval.index, "write_atomic", full)
    encoder = FakeEncoder()
    assert open_index(library(*THREE), encoder).search(encoder.encode(["left arm ache"]), 1)[0][0] == 0


def _open_in_process(_: int) -> list[tuple[int, float]]:
    encoder = FakeEncoder()
    return open_index(library(*THREE), encoder).search(encoder.encode(["left arm ache"]), 3)


def test_two_processes_may_build_at_once(cache: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        answers = pool.map(_open_in_process, range(6))
    assert all(answer == answers[0] for answer in answers)
    assert len(list(cache.glob("*.faiss"))) == 1


def test_many_rows_get_an_approximate_index_that_finds_nearly_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval.ann, "FLAT_ROWS", 1_000)
    chance = np.random.default_rng(3)
    centres = chance.standard_normal((40, 32))
    rows = centres[chance.integers(40, size=8_000)] + 0.7 * chance.standard_normal((8_000, 32))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    index, kind = make_index(rows)
    assert kind == "IVF128,SQ8"
    assert index.nprobe < 128
    queries = near_rows(rows, 100, chance)
    exact = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    assert recall(index.search(queries, 10)[1], exact) >= 0.95
    assert np.allclose(index.reconstruct(7), rows[7], atol=0.02)


def test_few_rows_get_an_exact_index() -> None:
    rows = np.eye(16, dtype=np.float32)
    index, kind = make_index(rows)
    assert kind == "flat"
    assert index.search(rows[3:4], 1)[1].tolist() == [[3]]


def test_missing_neighbours_are_dropped(tmp_path: Path) -> None:
    quantizer = faiss.IndexFlatIP(4)
    index = faiss.IndexIVFFlat(quantizer, 4, 2, faiss.METRIC_INNER_PRODUCT)
    rows = np.eye(4, dtype=np.float32)
    index.train(rows)
    index.add(rows)
    index.nprobe = 1
    assert -1 in index.search(rows[:1], 4)[1]
    found = retrieval.index.PrincipleIndex(index, [2, 2]).search(rows[0], 2)
    assert found[0] == (0, 1.0)
    assert all(0 <= position < 2 for position, _ in found)
