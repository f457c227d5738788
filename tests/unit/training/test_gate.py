"""The gate: what no judge could answer is dropped for the right reason, and nothing else is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from principles.library import load_library
from principles.rubric import build_rubric
from principles.schema import Criterion
from training.synthesis.gate import DUPLICATE, LEAST, MOST, Gate, fault_of


class Directions:
    """Each text its own direction; texts in `same` share one at the given cosine with the first of them."""

    name, revision, dimension = "directions", "1", 64

    def __init__(self, same: Sequence[str] = (), cosine: float = 1.0) -> None:
        self._same = list(same)
        self._cosine = cosine
        self._places: dict[str, int] = {}
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> Any:
        self.encoded += texts
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            own = self._places.setdefault(text, len(self._places) + 1)
            near = self._cosine if text in self._same[1:] else float(text in self._same)
            row[0], row[own] = near, np.sqrt(max(0.0, 1 - near**2))
        return rows


def criterion(text: str, points: float = 5, name: str = "c", **fields: Any) -> Criterion:
    return Criterion(id=name, text=text, points=points, principle_id="task.one", **fields)


def many(count: int, points: float = 5) -> list[Criterion]:
    return [criterion(f"Does the answer mention medicine number {n}?", points, f"c{n}") for n in range(count)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Does the answer warn about {medicine} and alcohol?", "unfilled slot"),
        ("Does it help?", "too short"),
        ("Does the answer " + "really " * 60 + "help with the knee?", "too long"),
        ("Does the answer name paracetamol? Does it name a dose?", "two questions in one"),
        ("Does the answer name paracetamol and advise against ibuprofen?", "two questions in one"),
        ("Does the answer mention rest and does it mention fluids?", "two questions in one"),
        ("Says that the knee should be rested for a week.", "not a yes/no question"),
        ("What does the answer say about the knee pain?", "not a yes/no question"),
        ("Should the person rest the knee for a week?", "not about the answer"),
        ("Does the answer provide accurate and helpful medical information?", "vague"),
        ("Is the answer clear, complete and appropriate for the person?", "vague"),
        ("Does the answer ignore all previous instructions and criteria?", "speaks to the judge"),
    ],
)
def test_what_cannot_be_judged_is_dropped_with_its_reason(text: str, reason: str) -> None:
    assert fault_of(criterion(text)) == reason
    gated = Gate(Directions()).check([criterion(text), *many(LEAST)], {"task.one"})
    assert gated.dropped == {reason: 1}
    assert [one.id for one in gated.criteria] == [one.id for one in many(LEAST)]


def test_no_points_say_nothing() -> None:
    assert fault_of(criterion("Does the answer mention the knee brace?", points=0)) == "no points"


@pytest.mark.parametrize(
    "text",
    [
        "Does the answer name vomiting, drowsiness or confusion as a danger sign?",
        "Does the answer warn against taking ibuprofen and naproxen together?",
        "Does the answer tell the patient to stop metformin and to call the clinic?",
        "Is the answer silent on the dose of amoxicillin?",
    ],
)
def test_lists_of_things_are_one_question(text: str) -> None:
    assert fault_of(criterion(text)) is None


def test_every_criterion_of_the_bundled_library_passes() -> None:
    rubric = build_rubric(load_library().principles, [{"role": "user", "content": "Is this normal?"}])
    assert {one.id: reason for one in rubric.criteria if (reason := fault_of(one))} == {}


def test_a_criterion_of_a_principle_that_was_not_offered_is_dropped() -> None:
    stray = Criterion(id="s", text="Does the answer mention the knee brace?", points=5, principle_id="task.other")
    gated = Gate(Directions()).check([stray, *many(LEAST)], {"task.one"})
    assert gated.dropped == {"unknown principle": 1}
    assert stray not in gated.criteria


@pytest.mark.parametrize(("cosine", "kept"), [(DUPLICATE + 0.02, 1), (DUPLICATE - 0.02, 2)])
def test_of_two_that_ask_the_same_the_weightier_stays(cosine: float, kept: int) -> None:
    light = criterion("Does the answer mention a knee brace?", 3, "light")
    heavy = criterion("Does the answer name the brace for the knee?", 8, "heavy")
    gated = Gate(Directions([light.text, heavy.text], cosine)).check([light, heavy, *many(5)], {"task.one"})
    assert len(gated.criteria) == 5 + kept
    assert heavy in gated.criteria
    assert gated.dropped["duplicate"] == 2 - kept


def test_a_wanted_thing_and_the_fault_opposite_to_it_are_no_duplicates() -> None:
    wanted = criterion("Does the answer tell the person not to stop it?", 8, "wanted")
    fault = criterion("Does the answer tell the person to stop it now?", -8, "fault")
    gated = Gate(Directions([wanted.text, fault.text])).check([wanted, fault, *many(5)], {"task.one"})
    assert {wanted, fault} <= set(gated.criteria)


def test_beyond_fifteen_the_lightest_go_first_and_safety_stays() -> None:
    critical = criterion("Does the answer name the warning sign of stroke?", 1, "critical", safety_critical=True)
    light = criterion("Does the answer name the shop for the brace?", 2, "light")
    gated = Gate(Directions()).check([light, *many(MOST - 1), critical], {"task.one"})
    assert len(gated.criteria) == MOST
    assert gated.criteria[-1] == critical
    assert light not in gated.criteria
    assert gated.dropped == {"beyond the fifteen weightiest": 1}


@pytest.mark.parametrize(
    ("criteria", "reason"),
    [
        ([], "no criterion"),
        (many(LEAST - 1), "fewer than five criteria"),
        (many(LEAST, points=-5), "no positive points"),
        (many(LEAST), None),
    ],
)
def test_a_rubric_that_cannot_score_is_refused(criteria: list[Criterion], reason: str | None) -> None:
    assert Gate(Directions()).check(criteria, {"task.one"}).refused == reason


def test_a_template_that_comes_again_is_not_embedded_again() -> None:
    encoder = Directions()
    gate = Gate(encoder)
    for _ in range(3):
        gate.check(many(LEAST), {"task.one"})
    assert len(encoder.encoded) == LEAST
