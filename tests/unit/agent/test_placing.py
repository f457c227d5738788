"""Where edits go, and that they do not disturb what stands around them."""

from agent import text
from agent.edits import Proposal
from agent.placing import made
from principles.schema import Criterion
from tests.fakes import WordEncoder

LIST = "Do this:\n\n1. Rest.\n\nA word between.\n\n2. Drink.\n\nAnd one more.\n\n3. Sleep."


def proposal(name: str, points: float, **given: str) -> Proposal:
    criterion = Criterion(id=name, text=f"Does the answer mention {name}?", points=points, safety_critical=True)
    fields = {"removed": "", "added": f"Mind the {name} {name} {name}.", "source": "advice", "placement": "opening"}
    return Proposal(criterion, **{**fields, **given})  # type: ignore[arg-type]


def test_openings_stand_in_the_order_of_their_weight() -> None:
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        offered = [proposal("light", 3), proposal("heavy", 10), proposal("middle", -7)]
        answer, done = made("Rest.", [offered[place] for place in order], WordEncoder().encode)
        assert [line.split()[2] for line in answer.split("\n\n")[:-1]] == ["heavy", "middle", "light"]
        assert len(done) == 3


def test_nothing_opens_an_answer_before_its_call_for_help() -> None:
    answer, _ = made("Call 112 now.\n\nRest.", [proposal("light", 3)], WordEncoder().encode)
    assert answer == "Call 112 now.\n\nMind the light light light.\n\nRest."
    calling = proposal("call", 10, added="Call 911 now.")
    answer, _ = made("Go to a hospital.\n\nRest.", [proposal("light", 3), calling], WordEncoder().encode)
    assert answer.startswith("Call 911 now.\n\nMind the light")


def test_replacing_does_not_renumber_what_stands_around() -> None:
    for unit in text.units(LIST):
        after = text.replace(LIST, unit, "Something else.")
        assert [line[0] for line in after.split("\n") if line[:1].isdigit()] == ["1", "2", "3"]


def test_a_sentence_is_corrected_once_and_stays() -> None:
    beside = {"beside": "Jam is good.", "placement": "beside"}
    offered = [proposal("jam", -9, added="Correction: It is not.", **beside)]
    offered.append(proposal("sugar", -3, added="Correction: Sweet things harm.", **beside))
    answer, done = made("Jam is good. Rest.", offered, WordEncoder().encode)
    assert answer == "Jam is good. Correction: It is not. Rest."
    assert [one.criterion.id for one in done] == ["jam"]


def test_remarks_stand_after_the_document() -> None:
    remark = proposal("gap", 5, added="No allergy is given.", placement="remark")
    answer, _ = made("S: well.\nP: rest.", [remark], WordEncoder().encode)
    assert answer == f"S: well.\nP: rest.\n\n---\n\n{text.REMARKS}\n\n- No allergy is given."
