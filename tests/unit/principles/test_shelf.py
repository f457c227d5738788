"""What a terminal tells of the knowledge cards."""

from pathlib import Path

import pytest

from principles import facts, shelf
from principles.__main__ import main
from principles.errors import LibraryError
from principles.facts import load_facts
from principles.library import load_library
from tests.unit.principles.test_facts import CARD, folder


@pytest.fixture(autouse=True)
def fresh() -> None:
    facts._load.cache_clear()


def test_a_card_is_shown_and_both_shelves_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "fact.nsaid-with-warfarin"]) == 0
    assert "wrong_forms:" in capsys.readouterr().out
    assert main(["stats"]) == 0
    told = capsys.readouterr().out
    assert f"{len(load_library().principles)} principles" in told
    assert f"{len(load_facts().principles)} cards" in told


def test_faults_of_cards_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = load_library().principles[0].id
    again = {**CARD, "id": "fact.tea-again"}
    confused = {**CARD, "id": taken, "statement": "Tea is hot.", "wrong_forms": ["Tea is hot.", "Tea is cold."]}
    monkeypatch.setenv("CLINALIGN_FACTS", str(folder(tmp_path, CARD, again, confused)))
    assert main(["validate"]) == 2
    told = capsys.readouterr().err
    assert "fact.tea-again: field statement: fact.tea-is-wet says the same" in told
    assert f"{taken}: a principle of the library has this id, too" in told
    assert f"{taken}: field wrong_forms: one of them is what the card itself says" in told


def test_the_page_has_the_table_of_the_cards_in_use() -> None:
    page = (Path(__file__).parents[3] / "docs" / "facts.md").read_text(encoding="utf-8")
    assert f"{shelf.BEGIN}\n{shelf.table()}\n{shelf.END}" in page, "run `python -m principles docs`"
    assert f"holds {len(load_facts().principles):,} of them" in page


def test_a_page_without_a_place_for_the_table_is_told(tmp_path: Path) -> None:
    page = tmp_path / "facts.md"
    page.write_text("# Cards", encoding="utf-8")
    with pytest.raises(LibraryError, match="between which the table stands"):
        shelf.write_table(page)
