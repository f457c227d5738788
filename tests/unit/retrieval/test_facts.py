"""The search for knowledge cards, on made-up cards with a made-up encoder."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from principles import facts
from retrieval import fact_vectors
from retrieval.__main__ import main
from retrieval.encoder import load_encoder
from retrieval.fact_sentences import FEATURES, nearness
from retrieval.fact_words import card_tokens
from retrieval.facts import FactSearch, load_fact_search
from tests.unit.principles.test_facts import CARD
from tests.unit.retrieval.fakes import FakeEncoder

MATTERS = ("ibuprofen and warfarin", "potassium in blood", "sunburn on shoulders", "cough syrup", "snoring at night")


def card(matter: str) -> dict[str, object]:
    return CARD | {
        "id": f"fact.{matter.split()[0]}",
        "names": [matter.split()[0]],
        "statement": f"{matter} matter.",
        "facets": [f"{matter} today", f"about {matter}", f"what of {matter}"],
    }


@pytest.fixture
def search(tmp_path: Path) -> FactSearch:
    (tmp_path / "cards.yaml").write_text(yaml.safe_dump([card(one) for one in MATTERS]), encoding="utf-8")
    facts._load.cache_clear()
    return load_fact_search(FakeEncoder(), tmp_path)  # type: ignore[arg-type]


def test_a_card_is_found_by_its_words(search: FactSearch) -> None:
    found = search.search("what of potassium in blood today")
    assert [one.fact.id for one in found] == ["fact.potassium"]
    assert found[0].likely > 0.5
    assert 0 < found[0].similarity <= 1


def test_a_brand_is_its_medicine(search: FactSearch) -> None:
    places, features = search.evidence("Advil?")
    assert features[places.index(0), 1] > 0
    assert features[places.index(1), 1] == 0


@pytest.mark.parametrize("question", ["", "the of and", "?!", "zebra crossings at noon"])
def test_what_no_card_is_about_gets_none(search: FactSearch, question: str) -> None:
    assert search.search(question) == []


def test_vectors_are_kept_for_exactly_these_cards_and_this_encoder(search: FactSearch) -> None:
    first, again = FakeEncoder(), FakeEncoder()
    vectors = FactSearch(search.facts, first).vectors  # type: ignore[arg-type]
    assert vectors.says.shape == vectors.asked.shape == (len(MATTERS), 64)
    assert vectors.wrong.shape == (sum(len(card.wrong_forms) for card in search.cards), 64)
    assert first.encoded > 0
    kept = FactSearch(search.facts, again).vectors  # type: ignore[arg-type]
    assert again.encoded == 0
    assert np.allclose(np.linalg.norm(kept.says, axis=1), 1)
    other = FakeEncoder(revision="2")
    assert FactSearch(search.facts, other).vectors.says.shape == vectors.says.shape  # type: ignore[arg-type]
    assert other.encoded > 0


def test_those_of_the_bundled_cards_come_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of a card or of the encoder: python -m retrieval embed-facts."""
    encoder, bundled = load_encoder(), facts.load_facts(facts.BUNDLED)
    monkeypatch.setattr(fact_vectors, "embedded", lambda *_: pytest.fail("they are of other cards, or of none"))
    monkeypatch.setattr(fact_vectors, "cache_dir", lambda _: Path("nowhere"))
    vectors = fact_vectors.fact_vectors(bundled, encoder)
    card = bundled.principles[1]
    (row,) = encoder.encode([card.statement])
    assert float(vectors.says[1] @ row) > 0.999
    for card, words in list(zip(bundled.principles, vectors.words, strict=True))[::100]:
        assert list(words) == card_tokens(card)  # type: ignore[arg-type]


def test_a_sentence_is_nearest_to_the_card_that_it_speaks_of(search: FactSearch) -> None:
    near = nearness(search, "what of potassium?", ["about snoring at night", "potassium in blood matter."])
    names = [[search.cards[at].id for at in near.nearest(sentence, 2)] for sentence in (0, 1)]
    assert names[0][0] == "fact.snoring"
    assert names[1][0] == "fact.potassium"
    features = dict(zip(FEATURES, near.features(1, 1), strict=True))
    assert features["says"] == pytest.approx(1, abs=0.01)
    assert features["place"] == 0
    assert near.features(0, 1)[FEATURES.index("place")] > 0


def test_the_command_prints_cards_with_their_source(
    search: FactSearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("retrieval.facts.load_fact_search", lambda encoder, folder: search)
    assert main(["facts", "what of potassium in blood today"]) == 0
    assert "fact.potassium" in (printed := capsys.readouterr().out)
    assert "(WHO, 2020)" in printed
    assert main(["facts", "zebra crossings"]) == 0
    assert "no card" in capsys.readouterr().out
