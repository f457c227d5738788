"""The search for knowledge cards, on made-up cards with a made-up encoder."""

from pathlib import Path

import pytest
import yaml

from principles import facts
from retrieval.__main__ import main
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
    assert FactSearch(search.facts, first)._rows.shape == (2 * len(MATTERS), 64)  # type: ignore[arg-type]
    assert first.encoded > 0
    FactSearch(search.facts, again)._rows.sum()  # type: ignore[arg-type]
    assert again.encoded == 0
    other = FakeEncoder(revision="2")
    FactSearch(search.facts, other)._rows.sum()  # type: ignore[arg-type]
    assert other.encoded > 0


def test_the_command_prints_cards_with_their_source(
    search: FactSearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("retrieval.facts.load_fact_search", lambda encoder, folder: search)
    assert main(["facts", "what of potassium in blood today"]) == 0
    assert "fact.potassium" in (printed := capsys.readouterr().out)
    assert "(WHO, 2020)" in printed
    assert main(["facts", "zebra crossings"]) == 0
    assert "no card" in capsys.readouterr().out
