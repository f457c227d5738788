from typing import Any

import pytest

from agent.critic.judge import ModelJudge
from agent.llm.client import Model
from agent.select import select
from principles.schema import Principle, Scenario
from retrieval.retriever import Retrieved
from tests.fakes import ScriptedChat, principle

TURNS = [{"role": "user", "content": "Is tea safe?"}]


def scenario(guessed: tuple[str, ...] = (), **values: Any) -> Scenario:
    usual = {"urgency": "non_emergent", "uncertainty": "none", "expertise": "layperson", "task": "medication"}
    return Scenario.model_validate(usual | {"guessed": guessed} | values)


def names(chance: float | None, *found: Retrieved, where: Scenario | None = None, **chat: Any) -> list[str]:
    judge = ModelJudge(Model(ScriptedChat(chance=lambda prompt: chance, **chat)))
    return [one.found.principle.id.split(".")[1] for one in select(list(found), where or scenario(), TURNS, judge)]


def near(similarity: float, one: Principle, mandatory: bool = False) -> Retrieved:
    return Retrieved(one, similarity, mandatory)


TEA = principle("tea")
CALL = principle("call", dimension="urgency", safety_critical=True, always=True)


def test_both_signals_count() -> None:
    assert names(0.6, near(0.5, TEA)) == ["tea"]
    assert names(0.4, near(0.5, TEA)) == []
    assert names(0.4, near(0.7, TEA)) == ["tea"]


def test_less_evidence_is_asked_where_safety_is_at_stake() -> None:
    assert names(0.4, near(0.5, principle("jam", safety_critical=True))) == ["jam"]


def test_mandatory_ones_are_not_asked_about() -> None:
    assert names(0.0, near(0.1, CALL, mandatory=True)) == ["call"]


@pytest.mark.parametrize(("chance", "kept"), [(0.1, []), (0.6, ["signs"])])
def test_mandatory_ones_of_a_guessed_scenario_are(chance: float, kept: list[str]) -> None:
    signs = principle(
        "signs", dimension="urgency", values=("conditionally_emergent",), safety_critical=True, always=True
    )
    guessed = scenario(("urgency",), urgency="conditionally_emergent", confidence={"urgency": 0.3})
    assert names(chance, near(0.1, signs, mandatory=True), where=guessed) == kept


def test_those_of_an_emergency_stay_though_it_is_a_guess() -> None:
    guessed = scenario(("urgency",), urgency="emergent", confidence={"urgency": 0.1})
    assert names(0.0, near(0.1, CALL, mandatory=True), where=guessed) == ["call"]


def test_advice_for_colleagues_does_not_go_to_a_layperson() -> None:
    dose = near(0.9, principle("dose", dimension="expertise", values=("health_professional",)))
    assert names(0.9, dose) == []
    assert names(0.9, dose, where=scenario(expertise="health_professional")) == ["dose"]
    assert names(0.9, dose, where=scenario(("expertise",))) == []


def test_words_for_laypersons_go_to_a_colleague_only_if_plainly_to_the_point() -> None:
    colleague = scenario(expertise="health_professional")
    assert names(0.6, near(0.5, TEA), where=colleague) == []
    assert names(0.8, near(0.5, TEA), where=colleague) == ["tea"]
    assert names(0.0, near(0.1, CALL, mandatory=True), where=colleague) == ["call"]


def test_in_an_emergency_only_safety_counts() -> None:
    emergency = scenario(urgency="emergent")
    assert names(0.9, near(0.9, TEA), near(0.2, CALL, mandatory=True), where=emergency) == ["call"]


@pytest.mark.parametrize(("chance", "kept"), [(0.9, ["tea", "jam"]), (0.1, [])])
def test_without_logprobs_the_same_is_asked_as_json(chance: float, kept: list[str]) -> None:
    assert names(chance, near(0.6, TEA), near(0.4, principle("jam")), logprobs=False) == kept


def test_where_the_model_fails_likeness_decides() -> None:
    assert names(0.9, near(0.6, TEA), near(0.4, principle("jam")), near(0.1, CALL, True), fail_from=0) == [
        "tea",
        "call",
    ]
