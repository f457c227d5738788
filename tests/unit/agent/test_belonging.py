"""What was learnt of which principles belong, on data made up here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.critic import belonging
from agent.critic.belonging import Belonging, load_belonging, mark
from agent.critic.judge import ModelJudge
from agent.llm.client import Model
from agent.rubric import Search
from agent.scenario.features import Rows
from agent.select import LEAST_BELONGING, select
from principles.library import Library
from principles.schema import Scenario
from retrieval.retriever import Retrieved
from tests.fakes import ScriptedChat, principle
from tests.unit.agent.test_select import TURNS, near, scenario
from training.critic.labels import Labelled
from training.critic.learn import folds, last_rows, linked, regression

TEA, JAM = principle("tea"), principle("jam", safety_critical=True)
KINDS = ("a cup of green tea", "strawberry jam on toast", "a bus ride home")


def rows(kind: int, noise: int) -> Rows:
    dense = np.zeros((1, 6), dtype=np.float32)
    dense[0, kind], dense[0, 3 + noise % 3] = 1.6, 0.1
    return Rows(dense, [f"{KINDS[kind]} {noise % 5}"])


@pytest.fixture(scope="module")
def learnt() -> Belonging:
    asked = [rows(kind, at) for kind in range(3) for at in range(20)]
    yes = np.array([[kind == 0, kind == 1] for kind in range(3) for _ in range(20)], dtype=np.float32)
    made = regression(asked, yes, ([rows(0, 1), rows(1, 1)], np.eye(2, dtype=np.float32)))
    scores = made.scores(last_rows(asked))
    fit = np.ones_like(scores)
    pairs = belonging.pair_features(scores, fit * 0.3, fit, yes.sum(axis=0), [TEA, JAM])
    link, bias = linked(Labelled([], [], [], yes, np.zeros_like(yes)), pairs)
    return Belonging(
        **made.arrays(),
        marks=np.array([mark(TEA), mark(JAM)]),
        counts=yes.sum(axis=0),
        link=link,
        bias=bias,
        made_for=np.array(["encoder", "1", "0"]),
    )


def chances(learnt: Belonging, kind: int, *principles: Any) -> dict[str, float]:
    near = np.full(len(principles), 0.3, dtype=np.float32)
    return learnt.chances(rows(kind, 7), near, principles, scenario())


def test_a_question_like_those_learnt_has_their_principle(learnt: Belonging) -> None:
    assert chances(learnt, 0, TEA, JAM)[TEA.id] > 0.8 > 0.2 > chances(learnt, 0, TEA, JAM)[JAM.id]
    assert chances(learnt, 1, JAM, TEA)[JAM.id] > 0.8
    assert max(chances(learnt, 2, TEA, JAM).values()) < 0.2
    assert learnt.score(rows(1, 7), JAM) > 0.5 > learnt.score(rows(2, 7), JAM)  # type: ignore[operator]


def test_a_principle_that_is_new_or_reworded_was_not_learnt(learnt: Belonging) -> None:
    reworded = TEA.model_copy(update={"applies_when": "The question is about coffee."})
    assert set(chances(learnt, 0, reworded, principle("milk"), JAM)) == {JAM.id}
    assert chances(learnt, 0, reworded) == {}
    assert learnt.score(rows(0, 1), reworded) is None
    assert mark(TEA) == mark(TEA.model_copy(update={"facets": ("a", "b", "c")}))  # what it is found by may change


def test_a_file_gives_what_was_written(learnt: Belonging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belonging, "files", lambda package: tmp_path)
    encoder: Any = type("E", (), {"name": "encoder", "revision": "1"})
    assert load_belonging(encoder) is None
    (tmp_path / belonging.LEARNT).write_bytes(learnt.written())
    read = load_belonging(encoder)
    assert read is not None
    assert chances(read, 0, TEA, JAM) == pytest.approx(chances(learnt, 0, TEA, JAM), abs=0.01)
    encoder.revision = "2"
    assert load_belonging(encoder) is None


def test_what_was_learnt_decides_and_the_model_is_not_asked() -> None:
    chat = ScriptedChat(chance=lambda prompt: 1.0)
    found = [replace(near(0.9, TEA), belongs=LEAST_BELONGING - 0.01), replace(near(0.1, JAM), belongs=0.65)]
    chosen = select(found, scenario(), TURNS, ModelJudge(Model(chat)))
    assert [(one.principle.id, one.applies) for one in chosen] == [(JAM.id, 0.65)]
    assert chat.prompts == []


def test_less_is_asked_of_a_fault_for_asking_about_it_changes_nothing_by_itself() -> None:
    fault = principle("fault", points=-5)
    judge = ModelJudge(Model(ScriptedChat()))
    kept = [
        bool(select([replace(near(0.1, fault), belongs=chance)], scenario(), TURNS, judge)) for chance in (0.1, 0.3)
    ]
    assert kept == [False, True]


@pytest.mark.parametrize(
    ("urgency", "belongs", "kept"),
    [("emergent", 0.0, True), ("conditionally_emergent", 0.2, False), ("conditionally_emergent", 0.35, True)],
)
def test_what_is_mandatory_is_kept_in_an_emergency_and_else_where_it_may_belong(
    urgency: str, belongs: float, kept: bool
) -> None:
    one = principle("signs", dimension="urgency", values=(urgency,), safety_critical=True, always=True)
    found = [replace(near(0.1, one, mandatory=True), belongs=belongs)]
    assert bool(select(found, scenario(urgency=urgency), TURNS, ModelJudge(Model(ScriptedChat())))) is kept


def test_each_hand_is_left_out_once() -> None:
    hands = ["", "a", "b", "c", "a", "", "d", "e"]
    held = np.stack(list(folds(hands)))
    assert (held.sum(axis=0) == 1).all()
    assert all(len({bool(mask[at]) for at, hand in enumerate(hands) if hand == "a"}) == 1 for mask in held)


class Known:
    """A retriever that finds tea, over a library of tea, jam and the call."""

    def __init__(self, *principles: Any) -> None:
        self.library = Library(principles, "0")
        self.encoder = self

    def encode(self, texts: list[str]) -> Any:
        return np.ones((len(texts), 3), dtype=np.float32)

    def likenesses(self, questions: Any) -> Any:
        return np.full((1, len(self.library.principles)), 0.2, dtype=np.float32)

    def retrieve(self, question: str, kind: Scenario, top_k: int) -> list[Retrieved]:
        return [near(0.5, TEA)]


class Says:
    """What was learnt, by a table."""

    def __init__(self, **chance: float) -> None:
        self.chance = chance

    def chances(self, rows: Any, likeness: Any, principles: Any, kind: Any) -> dict[str, float]:
        names = {one.id: one.id.split(".")[1] for one in principles}
        return {key: self.chance[name] for key, name in names.items() if name in self.chance}

    def score(self, rows: Any, one: Any) -> float | None:
        return self.chance.get("score")


def searching(learnt: Any, *principles: Any, kind: Scenario | None = None) -> Search:
    classifier = type("C", (), {"classify": lambda self, turns: kind})()
    return Search(Known(*principles), classifier, learnt)  # type: ignore[arg-type]


def test_what_belongs_is_brought_in_though_the_search_missed_it() -> None:
    found = searching(Says(tea=0.4, jam=0.9), TEA, JAM).principles(TURNS, scenario(), 6)
    assert [(one.principle.id, one.belongs) for one in found] == [(JAM.id, 0.9), (TEA.id, 0.4)]
    assert found[0].similarity == pytest.approx(0.2)
    found = searching(Says(tea=0.4, jam=0.1), TEA, JAM).principles(TURNS, scenario(), 6)
    assert [one.principle.id for one in found] == [TEA.id]
    assert len(searching(Says(tea=0.4, jam=0.9), TEA, JAM).principles(TURNS, scenario(), 1)) == 1


CALL = principle("call", dimension="urgency", values=("emergent",)).model_copy(
    update={"id": "urgency.call-emergency-now"}
)


@pytest.mark.parametrize(
    ("score", "guessed", "urgency"),
    [
        (0.1, True, "conditionally_emergent"),
        (0.9, True, "emergent"),
        (0.1, False, "emergent"),
        (None, True, "emergent"),
    ],
)
def test_a_guessed_emergency_needs_that_the_critic_would_call(score: float | None, guessed: bool, urgency: str) -> None:
    kind = scenario(("urgency",) if guessed else (), urgency="emergent", confidence={"urgency": 0.2})
    learnt = Says() if score is None else Says(score=score)
    assert searching(learnt, TEA, CALL, kind=kind).scenario(TURNS).urgency == urgency
    assert searching(None, TEA, CALL, kind=kind).scenario(TURNS).urgency == "emergent"
    assert searching(learnt, TEA, kind=kind).scenario(TURNS).urgency == "emergent"  # a library without a call


@pytest.mark.parametrize(
    ("task", "score", "urgency"),
    [
        ("documentation", 0.1, "conditionally_emergent"),
        ("documentation", 0.9, "emergent"),
        ("medication", 0.1, "emergent"),
    ],
)
def test_an_emergency_in_a_document_needs_it_too_however_sure_the_scenario_is(
    task: str, score: float, urgency: str
) -> None:
    kind = scenario(urgency="emergent", task=task)
    assert searching(Says(score=score), TEA, CALL, kind=kind).scenario(TURNS).urgency == urgency


@pytest.mark.parametrize(("score", "urgency"), [(0.2, "non_emergent"), (0.6, "emergent")])
def test_where_the_critic_plainly_would_call_it_is_an_emergency(score: float, urgency: str) -> None:
    found = searching(Says(score=score), TEA, CALL, kind=scenario()).scenario(TURNS)
    assert found.urgency == urgency
    assert ("urgency" in found.guessed) is (urgency == "emergent")


@pytest.mark.parametrize("urgency", ["non_emergent", "emergent"])
def test_words_of_alarm_make_an_emergency_whatever_was_understood(urgency: str) -> None:
    kind = scenario(("urgency",), urgency=urgency, confidence={"urgency": 0.2})
    search = searching(Says(score=0.0), TEA, CALL, kind=kind)
    assert search.scenario(TURNS, "Mein Vater atmet nicht mehr und ist ganz blau").urgency == "emergent"
    assert search.scenario(TURNS, "Wie viel Wasser soll mein Vater am Tag trinken?").urgency != "emergent"
