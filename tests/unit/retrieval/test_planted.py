"""The planted errors are well formed, name cards that exist, and are measured by where the search finds these."""

from typing import Any

import pytest

from principles.facts import load_facts
from retrieval.facts import Found
from tests.planted.__main__ import measured
from tests.planted.cases import Case, load_cases, load_flat


@pytest.mark.parametrize(("split", "count"), [("tune", 120), ("test", 150)])
def test_each_case_has_one_error_and_cards_that_exist(split: Any, count: int) -> None:
    cases, known = load_cases(split), {card.id for card in load_facts().principles}
    assert len({case.id for case in cases}) == len(cases) == count
    assert [case.id for case in cases if not 0 <= case.wrong < len(case.draft)] == []
    assert {key for case in cases for key in case.corrected_by} - known == set()


def test_no_case_is_in_both_splits() -> None:
    assert {case.question for case in load_cases("tune")} & {case.question for case in load_cases("test")} == set()


def test_places_are_counted_among_the_cases_that_have_a_card() -> None:
    first, second = load_facts().principles[:2]

    class Search:
        def search(self, asked: str, most: int, likely: float) -> list[Found]:
            assert likely == 0
            cards = (second, first) if asked == "why?" else (first,)
            return [Found(card, 0.5, 0.1) for card in cards]  # type: ignore[arg-type]

    cases = [Case(name, "why?", ("So.",), 0, "", cards) for name, cards in (("a", (first.id,)), ("b", ()))]
    report = measured(cases, Search())  # type: ignore[arg-type]
    assert report["share with a card"] == 0.5
    assert (report["by the question, first 1"], report["by the question, first 3"]) == (0, 1)
    assert report["by question and sentence, first 1"] == 1


def test_short_replies_are_half_wrong_and_in_one_split() -> None:
    tune, test = load_flat("tune"), load_flat("test")
    assert [sum(one.wrong for one in split) for split in (tune, test)] == [70, 70]
    assert len(tune) == len(test) == 140
    assert {one.question for one in tune} & {one.question for one in test} == set()
