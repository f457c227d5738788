"""Knowledge cards: what is accepted, what a bad folder is told, and that the bundled ones are sound."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from principles import facts
from principles.errors import LibraryError
from principles.facts import Fact, load_facts
from principles.library import load_library

CARD: dict[str, Any] = {
    "id": "fact.tea-is-wet",
    "names": ["tea"],
    "statement": "Tea is wet.",
    "criterion": "Does the answer say that tea is wet?",
    "fault": "Does the answer say that tea is dry?",
    "wrong_forms": ["Tea is dry.", "There is no water in tea."],
    "applies_when": "The question is about tea.",
    "advice": "Tea is wet, so mind the keyboard.",
    "colleague": "Tea is an aqueous solution.",
    "facets": ["is tea wet", "tea on my keyboard", "dry tea"],
    "safety_critical": False,
    "sources": [{"body": "WHO", "title": "Tea", "year": 2020}],
    "review_by": 2030,
}


def folder(tmp_path: Path, *cards: Any, name: str = "drinks.yaml") -> Path:
    (tmp_path / name).write_text(yaml.safe_dump(list(cards)), encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def fresh() -> None:
    facts._load.cache_clear()


def test_a_card_is_a_principle_whose_criterion_is_its_fault(tmp_path: Path) -> None:
    (card,) = load_facts(folder(tmp_path, CARD)).principles
    assert isinstance(card, Fact)
    assert (card.criterion, card.wanted) == (CARD["fault"], CARD["criterion"])
    assert card.points == facts.POINTS
    assert "medication" in card.values
    grave = {**CARD, "id": "fact.tea-is-hot", "safety_critical": True}
    assert load_facts(folder(tmp_path, grave, name="hot.yaml")) is not None


def test_what_is_kept_as_json_is_what_the_yaml_says(tmp_path: Path) -> None:
    where = folder(tmp_path, CARD)
    first = load_facts(where)
    facts._load.cache_clear()
    assert load_facts(where) == first
    folder(tmp_path, {**CARD, "statement": "Tea is very wet."})
    facts._load.cache_clear()
    assert load_facts(where).principles[0].statement == "Tea is very wet."


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ([{**CARD, "fault": 3}], "drinks.yaml, card 1"),
        ([{key: value for key, value in CARD.items() if key != "advice"}], "field advice: missing"),
        ([CARD, CARD], "another principle above has the same id"),
        ([{**CARD, "wrong_forms": ["Tea is dry."]}], "wrong_forms"),
        (["tea"], "not a mapping"),
    ],
)
def test_a_bad_card_is_named(tmp_path: Path, cards: list[Any], said: str) -> None:
    with pytest.raises(LibraryError, match=said):
        load_facts(folder(tmp_path, *cards))


def test_a_folder_without_cards_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_FACTS", str(tmp_path))
    with pytest.raises(LibraryError, match="CLINALIGN_FACTS"):
        load_facts()
    (tmp_path / "broken.yaml").write_text("- id: [", encoding="utf-8")
    with pytest.raises(LibraryError, match="not valid YAML at line"):
        load_facts()
    facts._load.cache_clear()
    (tmp_path / "broken.yaml").write_text("id: tea", encoding="utf-8")
    with pytest.raises(LibraryError, match="holds no list of cards"):
        load_facts()
    facts._load.cache_clear()
    (tmp_path / "broken.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LibraryError, match="cannot be read"):
        load_facts()


def test_the_bundled_cards_are_sound() -> None:
    cards = load_facts().principles
    assert len(cards) >= 2_400
    assert not {card.id for card in cards} & {one.id for one in load_library().principles}
    assert max(Counter(card.statement for card in cards).values()) == 1
    for card in cards:
        assert isinstance(card, Fact)
        assert card.criterion.endswith("?"), card.id
        assert card.wanted.endswith("?"), card.id
        assert "{" not in card.criterion + card.advice, card.id
