"""Evaluation and reward give an answer the critique's grade, and evaluation has the agent's own drafts and answers."""

from typing import Any

import pytest

from agent import Context, build_agent
from agent.critic.judge import ModelJudge
from agent.llm.client import Model
from agent.llm.endpoint import Endpoint
from agent.resources import Resources
from principles.errors import ModelError
from principles.schema import Grade, Rubric
from tests.fakes import FixedRetriever, ScriptedChat, principle
from training.common.items import Item
from training.grpo.reward import RewardOptions, RubricReward
from training.healthbench.answers import Answer, messages_of, model_answers
from training.healthbench.evaluate import examine
from training.judge.batch import judged

TURNS = (
    {"role": "user", "content": "I take warfarin."},
    {"role": "assistant", "content": "Noted."},
    {"role": "user", "content": "May I take ibuprofen?"},
)
PRINCIPLES = (
    principle("tea", safety_critical=True, always=True),
    principle("rest"),
    principle("dose", points=-4),
    principle("sleep", points=-3, safety_critical=True, always=True),
    principle("water"),
)
# HealthBench's score of an answer that has every fault and nothing wanted, by what could be judged: -7 of 10 points.
WORST = -0.7
# By principle: clearly yes, in doubt (its threshold depends on safety), off the menu.
CHANCES = {"tea": 0.6, "rest": 0.55, "dose": 0.48, "sleep": 0.48, "water": None}


pytestmark = pytest.mark.usefixtures("fixed_classifier")


def chance(prompt: str) -> float | None:
    asked = prompt.rpartition("```")[2]
    if "The question is about" in prompt or "the question is about" in prompt:
        return 0.9  # each principle applies
    return next((value for name, value in CHANCES.items() if f"mention {name}?" in asked), 0.9)


def item(rubric: Rubric) -> Item:
    return Item(key="k", turns=TURNS, rubric=rubric)


def test_critique_evaluation_and_reward_give_one_grade() -> None:
    chat = ScriptedChat(draft="Rest and drink tea.", chance=chance)
    agent = build_agent(chat, FixedRetriever(*PRINCIPLES))
    asked: Any = {"messages": messages_of(item(Rubric(criteria=())))}
    found = agent.invoke(asked, context=Context(max_rounds=0))
    rubric = Rubric.model_validate({"criteria": found["rubric"]["criteria"]})
    assert len(rubric.criteria) == len(PRINCIPLES)
    critique = Grade.model_validate(found["rubric"]["draft"])
    assert {verdict.label.value for verdict in critique.verdicts} == {"MET", "NOT_MET", "UNKNOWN"}
    outcome = examine(item(rubric), None, lambda one: Answer(found["answer"]), ModelJudge(Model(chat)))
    assert outcome.grade == critique

    judge = ModelJudge(Model(chat))
    (graded,) = judged([(rubric, TURNS, found["answer"])], judge)
    assert graded == critique
    signed = RubricReward({"k": item(rubric)}, judge, RewardOptions(points="signed"))
    (reward,) = signed([TURNS], [found["answer"]], key=["k"])
    assert critique.score is not None
    assert reward == pytest.approx((critique.score - WORST) / (1 - WORST))


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> ScriptedChat:
    chat = ScriptedChat(draft="Drink tea.", chance=chance)
    there = Endpoint("http://127.0.0.1:9/v1", "scripted", "", 8_192)
    monkeypatch.setattr("agent.llm.endpoint.resolve_endpoint", lambda *given, **named: there)
    monkeypatch.setattr("agent.llm.client.chat_model", lambda given: chat)
    monkeypatch.setattr(Resources, "model", lambda self: chat)
    monkeypatch.setattr("agent.resources.load_retriever", lambda: FixedRetriever(*PRINCIPLES))
    return chat


def test_the_draft_source_asks_what_the_agents_draft_stage_asks(endpoint: ScriptedChat) -> None:
    heard: list[Any] = []
    heard_by_fake = ScriptedChat._heard

    def listen(self: ScriptedChat, messages: Any) -> str:
        heard.append([(message.type, message.text) for message in messages])
        return heard_by_fake(self, messages)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedChat, "_heard", listen)
        answer = model_answers("draft", None, None)(item(Rubric(criteria=())))
        drafts = len(heard)
        result = model_answers("agent", None, None)(item(Rubric(criteria=())))
    assert (answer, drafts) == (Answer("Drink tea."), 1)
    assert heard[0] in heard[1:]
    assert result.reviewed is True


def test_a_review_that_failed_is_marked(endpoint: ScriptedChat) -> None:
    endpoint.fail_from = 1  # the draft, then nothing
    assert model_answers("agent", None, None)(item(Rubric(criteria=()))) == Answer("Drink tea.", reviewed=False)


def test_a_draft_that_fails_is_an_outcome(endpoint: ScriptedChat) -> None:
    endpoint.fail_from = 0
    source = model_answers("draft", None, None)
    with pytest.raises(ModelError):
        source(item(Rubric(criteria=())))
    outcome = examine(item(Rubric(criteria=())), None, source, ModelJudge(Model(endpoint)))
    assert outcome.error
    assert (outcome.response, outcome.grade) == (None, None)
