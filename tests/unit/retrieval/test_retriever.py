"""What is brought in for a question: mandatory first, conditioned on the scenario, nothing irrelevant."""

from pathlib import Path
from typing import Any

import pytest

from retrieval.index import build_index
from retrieval.retriever import FLOOR, MOST_PIECES, PIECE, Retrieved, Retriever, pieces
from tests.unit.retrieval.fakes import FakeEncoder, library, principle, scenario


def ids(found: list[Retrieved]) -> list[str]:
    return [one.principle.id for one in found]


@pytest.fixture
def retriever(tmp_path: Path) -> Any:
    def of(*entries: dict[str, Any]) -> Retriever:
        encoder = FakeEncoder(dimension=256)
        held = library(*entries)
        return Retriever(held, build_index(held, encoder, tmp_path / "a.faiss"), encoder)

    return of


EMERGENCY = principle("urgency.ambulance", "ambulance call", values=["emergent"], always=True, safety_critical=True)
SAFETY_NET = principle(
    "urgency.safety-net", "worse return", values=["emergent"], always=True, safety_critical=True, points=9
)
PAIN = principle("task.pain", "painkiller kidney disease")
RASH = principle("task.rash", "rash itchy skin")


def test_mandatory_principles_come_first_whatever_the_search_says(retriever: Any) -> None:
    found = retriever(PAIN, EMERGENCY, RASH, SAFETY_NET).retrieve(
        "painkiller kidney disease", scenario(urgency="emergent"), top_k=3
    )
    assert ids(found) == ["urgency.ambulance", "urgency.safety-net", "task.pain"]
    assert [one.mandatory for one in found] == [True, True, False]


def test_mandatory_principles_of_another_scenario_are_not_mandatory(retriever: Any) -> None:
    found = retriever(PAIN, EMERGENCY).retrieve("painkiller kidney disease", scenario())
    assert ids(found) == ["task.pain"]
    assert not found[0].mandatory


def test_the_list_is_never_longer_than_the_larger_of_top_k_and_the_mandatory_ones(retriever: Any) -> None:
    many = [principle(f"task.pain{n}", f"painkiller kidney disease {n}") for n in range(9)]
    held = retriever(*many, EMERGENCY, SAFETY_NET)
    assert len(held.retrieve("painkiller kidney disease", scenario(urgency="emergent"), top_k=5)) == 5
    assert ids(held.retrieve("painkiller kidney", scenario(urgency="emergent"), top_k=1)) == [
        "urgency.ambulance",
        "urgency.safety-net",
    ]


def test_nothing_below_the_floor_is_brought_in(retriever: Any) -> None:
    held = retriever(PAIN, RASH)
    assert ids(held.retrieve("painkiller kidney disease", scenario())) == ["task.pain"]
    assert held.retrieve("zebra giraffe lion", scenario()) == []


def test_best_first_after_the_mandatory_ones(retriever: Any) -> None:
    held = retriever(RASH, PAIN, principle("task.both", "painkiller rash"))
    found = held.retrieve("painkiller kidney disease rash", scenario())
    similarities = [one.similarity for one in found]
    assert similarities == sorted(similarities, reverse=True)
    assert all(one.similarity >= FLOOR for one in found)
    assert found[0].principle.id == "task.pain"


def test_of_two_alike_the_one_that_fits_the_scenario_wins(retriever: Any) -> None:
    held = retriever(
        principle("task.a-misfit", "kidney pain", values=["documentation"]), principle("task.b-fit", "kidney pain")
    )
    assert ids(held.retrieve("kidney pain", scenario(), top_k=1)) == ["task.b-fit"]


@pytest.mark.parametrize("unsure", [{"confidence": {"task": 0.0}}, {"confidence": {"task": 1.0}, "guessed": ("task",)}])
def test_an_unsure_scenario_takes_nothing_off(retriever: Any, unsure: dict[str, Any]) -> None:
    held = retriever(
        principle("task.a-misfit", "kidney pain", values=["documentation"]), principle("task.b-fit", "kidney pain")
    )
    assert ids(held.retrieve("kidney pain", scenario(**unsure), top_k=1)) == ["task.a-misfit"]


def test_one_place_is_kept_for_how_to_speak_to_this_reader(retriever: Any) -> None:
    topics = [principle(f"task.pain{n}", f"painkiller kidney {n}") for n in range(6)]
    speech = principle("expertise.plain-words", "plain words kidney please")
    other = principle("expertise.colleague", "plain words kidney please", values=["health_professional"])
    held = retriever(*topics, other, speech)
    found = ids(held.retrieve("painkiller kidney", scenario(), top_k=3))
    assert len(found) == 3
    assert "expertise.plain-words" in found
    assert "expertise.colleague" not in found


def test_a_repetition_gives_way_to_something_new(retriever: Any) -> None:
    held = retriever(
        principle("task.a", "kidney pain night"),
        principle("task.a-again", "kidney pain night"),
        principle("task.b", "kidney pain fever"),
    )
    found = ids(held.retrieve("kidney pain night fever kidney pain", scenario(), top_k=2))
    assert set(found) == {"task.a", "task.b"}


def test_similar_looks_at_words_alone(retriever: Any) -> None:
    found = retriever(PAIN, RASH, EMERGENCY).similar("itchy skin rash", 2)
    assert found[0][0].id == "task.rash"
    assert len(found) == 2
    assert found[0][1] > found[1][1]


@pytest.mark.parametrize("length", [0, 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1, 50 * PIECE])
def test_pieces_hold_all_of_a_text_and_are_few(length: int) -> None:
    text = "".join(str(n % 10) for n in range(length))
    made = pieces(text)
    assert 1 <= len(made) <= MOST_PIECES + 2
    if length <= MOST_PIECES * PIECE:
        assert "".join(made[: -(-length // PIECE)]) == text
    assert text.startswith(made[0])
    assert text.endswith(made[-1])
    assert max(map(len, made)) <= PIECE


def test_a_question_at_the_end_of_a_long_text_is_found(retriever: Any) -> None:
    held = retriever(PAIN, RASH)
    assert "task.pain" in ids(held.retrieve("story " * 4_000 + "painkiller kidney disease " * 45, scenario()))
