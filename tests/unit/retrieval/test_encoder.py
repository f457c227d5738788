"""The encoder's checks, without weights."""

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import retrieval.encoder as encoder
from principles.errors import WeightsError

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


class FakeModel:
    def __init__(self, rows: list[list[float]]) -> None:
        self.rows = rows
        self.seen: list[str] = []

    def get_embedding_dimension(self) -> int:
        return 2

    def encode(self, texts: list[str], show_progress_bar: bool) -> np.ndarray:
        self.seen += texts
        return np.array(self.rows[: len(texts)])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_CACHE", str(tmp_path / "cache"))


def test_rows_have_length_one_and_are_float32() -> None:
    vectors = encoder.SentenceEncoder(FakeModel([[3.0, 4.0], [0.0, 2.0]]), "fake", "1").encode(["a", "b"])
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, [[0.6, 0.8], [0.0, 1.0]])


@pytest.mark.parametrize("row", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_a_vector_that_is_zero_or_not_finite_is_refused(row: list[float]) -> None:
    with pytest.raises(ValueError, match="zero or not finite"):
        encoder.SentenceEncoder(FakeModel([row]), "fake", "1").encode(["a"])


def test_no_texts_give_no_rows() -> None:
    assert encoder.SentenceEncoder(FakeModel([]), "fake", "1").encode([]).shape == (0, 2)


def test_lone_surrogates_never_reach_the_tokenizer() -> None:
    model = FakeModel([[1.0, 0.0]])
    encoder.SentenceEncoder(model, "fake", "1").encode(["a\ud800b"])
    assert model.seen == ["a?b"]


def test_weights_that_are_not_the_official_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"hello!")
    with pytest.raises(WeightsError, match="not the official file"):
        encoder.verify_weights(path, HELLO)
    with pytest.raises(WeightsError, match="missing"):
        encoder.verify_weights(tmp_path / "none", HELLO)


def test_right_weights_are_read_once_and_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"hello")
    encoder.verify_weights(path, HELLO)

    reads = []
    digest = encoder.hashlib.file_digest
    monkeypatch.setattr(encoder.hashlib, "file_digest", lambda *given: reads.append(1) or digest(*given))
    encoder.verify_weights(path, HELLO)
    assert reads == []
    path.write_bytes(b"hullo")
    os.utime(path, ns=(1, 1))
    with pytest.raises(WeightsError):
        encoder.verify_weights(path, HELLO)
    assert reads == [1]


def test_a_damaged_stamp_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"hello")
    encoder.verify_weights(path, HELLO)
    (stamp,) = (tmp_path / "cache" / "weights").iterdir()
    stamp.write_text("{")
    path.write_bytes(b"hullo")
    with pytest.raises(WeightsError):
        encoder.verify_weights(path, HELLO)


def test_threads_that_ask_at_once_share_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []

    def slow(name: str) -> encoder.Encoder:
        time.sleep(0.05)
        loads.append(name)
        return encoder.SentenceEncoder(FakeModel([]), name, "1")

    encoder._load.cache_clear()
    monkeypatch.setattr(encoder, "_load_named", slow)
    monkeypatch.setenv("CLINALIGN_ENCODER", "my/model")
    found: list[encoder.Encoder] = []
    threads = [threading.Thread(target=lambda: found.append(encoder.load_encoder())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    encoder._load.cache_clear()
    assert loads == ["my/model"]
    assert len({id(one) for one in found}) == 1
