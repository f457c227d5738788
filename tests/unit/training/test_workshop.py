"""The arms with a scripted model: what they share, what they may see, and what they cost."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import Field

from agent import Context, build_agent
from agent.drafting import draft_prompt
from agent.prompts import prompt as agent_prompt
from agent.rubric import Search
from principles.schema import Label, Principle, Rubric, Scenario, Verdict
from principles.scoring import score
from retrieval.retriever import Retrieved, Retriever
from tests.fakes import FixedClassifier, FixedRetriever, ScriptedChat, literal, principle
from training.ablation.arms import Made, words
from training.ablation.principles import AtRandom, Everything
from training.ablation.prompts import prompt
from training.ablation.workshop import Workshop
from training.common.items import ExpertCriterion, Item
from training.healthbench.answers import messages_of

NAMES = ("tea", "jam", "milk", "salt", "rice", "oats", "figs", "kale")
PRINCIPLES = tuple(principle(name, points=3 + place) for place, name in enumerate(NAMES))
DRAFT = "Rest a while."
RUBRIC = Rubric(criteria=(ExpertCriterion(id="c0", text="w", points=5),))
SCENARIO = FixedClassifier().classify([])


class Chat(ScriptedChat):
    """Writes by what it is asked for, counts 7 and 3 tokens a streamed call, and keeps whole conversations."""

    written: list[list[BaseMessage]] = Field(default_factory=list)

    def _stream(self, messages: list[BaseMessage], *args: Any, **options: Any) -> Iterator[ChatGenerationChunk]:
        self._heard(messages)
        self.written.append(messages)
        asked = messages[-1].text
        text = DRAFT
        if asked == prompt("feedback"):
            text = "It is too short."
        elif asked == prompt("refine"):
            text = f"Refined {sum(m.text == asked for call in self.written for m in call[-1:])}."
        elif "leave out the rest" in asked:
            text = "Rest."
        elif "Write it again" in asked:
            text = "Rest a while, and then rest a while more."
        elif messages[0].text != draft_prompt(FixedClassifier().classify([]), "en", document=False):
            text = "Rest with care."
        usage: Any = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
        yield ChatGenerationChunk(message=AIMessageChunk(content=text, usage_metadata=usage))


class Found(FixedRetriever):
    """Finds the first `top_k`, but never more than `most`; knows the likeness of all."""

    def __init__(self, *principles: Principle, most: int = 8) -> None:
        super().__init__(*principles)
        self.most = most

    def retrieve(self, question: str, scenario: Scenario, top_k: int = 8) -> list[Retrieved]:
        return super().retrieve(question, scenario, min(top_k, self.most))

    def similar(self, text: str, top_k: int = 8) -> list[tuple[Principle, float]]:
        return [(one, 0.2) for one in self.library.principles[:top_k]]


pytestmark = pytest.mark.usefixtures("fixed_classifier")


def item(question: str = "May I have breakfast?") -> Item:
    return Item(key="k", turns=({"role": "user", "content": question},), rubric=RUBRIC, canary="canary")


def workshop(chat: ScriptedChat, rounds: int = 3, *principles: Principle, most: int = 6) -> Workshop:
    found = Found(*(principles or PRINCIPLES), most=most)
    return Workshop(chat, cast(Retriever, found), rounds)


def make(shop: Workshop, *arms: str, of: Item | None = None) -> dict[str, Made]:
    made: dict[str, Made] = {}
    for arm in arms:
        made[arm] = shop.make(arm, of or item(), made)
    return made


def answers(made: Made) -> list[str]:
    return [step.answer for step in made.steps]


def ids(found: Sequence[Retrieved]) -> list[str]:
    return [one.principle.id for one in found]


def test_one_draft_is_written_for_all_arms() -> None:
    chat = Chat(chance=literal)
    made = make(workshop(chat), "draft", "retrieved", "random", "all")
    assert all(one.error is None and one.canary == "canary" for one in made.values())
    assert len(chat.written) == 1
    assert answers(made["draft"]) == [DRAFT]
    assert all(answer.endswith(DRAFT) or DRAFT in answer for answer in answers(made["retrieved"]))


def test_an_arm_of_the_agent_answers_and_costs_what_the_agent_itself_would_after_each_round() -> None:
    made = make(workshop(Chat(chance=literal)), "draft", "retrieved")["retrieved"]
    assert [step.round for step in made.steps] == [1, 2, 3]
    assert len(set(answers(made))) == 2  # four shortcomings are mended in the first round, the rest in the second
    for step in made.steps:
        alone = build_agent(Chat(chance=literal), cast(Retriever, Found(*PRINCIPLES, most=6)))
        question: Any = {"messages": messages_of(item())}
        result = alone.invoke(question, context=Context(max_rounds=step.round))
        assert step.answer == result["answer"]
        assert step.edits == len(result["edits"])
        spent = {name: getattr(step.cost, name) for name in ("calls", "prompt_tokens", "completion_tokens")}
        assert spent == result["usage"]


def version(answer: str, chance: float) -> dict[str, Any]:
    verdict = Verdict(criterion_id="c0", label=Label.MET if chance >= 0.5 else Label.NOT_MET, probability=chance)
    return {"answer": answer, "grade": score(item().rubric, [verdict]).model_dump(mode="json"), "edits": []}


def test_after_each_round_the_best_version_so_far_is_the_answer() -> None:
    criteria = [one.model_dump() for one in RUBRIC.criteria]
    common = {"rubric": {"criteria": criteria}, "principles": [], "reviewed": True, "warnings": []}
    versions = [version(DRAFT, 0.3), version("Worse.", 0.2), version("Better.", 0.9)]
    states = [
        {"rounds": rounds, "versions": versions[:made], "usage": {"calls": calls}, **common}
        for calls, (rounds, made) in enumerate([(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3)], 1)
    ]
    shop = workshop(Chat(chance=literal))
    shop._agents["retrieved"] = SimpleNamespace(stream=lambda *args, **options: iter(states))  # type: ignore[assignment]
    made = make(shop, "draft", "retrieved")["retrieved"]
    assert [(step.round, step.answer) for step in made.steps] == [(1, DRAFT), (2, "Better."), (3, "Better.")]
    assert [step.cost.calls for step in made.steps] == [4, 6, 6]
    assert made.chosen_by is not None
    assert made.chosen_by.calls == 0


def test_a_run_without_review_is_a_failure_and_not_a_draft() -> None:
    chat = Chat(chance=literal)
    shop = workshop(chat)
    draft = make(shop, "draft")
    chat.fail_from = len(chat.prompts)
    made = shop.make("retrieved", item(), draft)
    assert made.steps == ()
    assert made.error is not None
    assert "could not be finished" in made.error


def test_self_refinement_sees_no_principle_and_goes_on_from_its_last_answer() -> None:
    chat = Chat(chance=literal)
    made = make(workshop(chat, 2), "draft", "self_refine")["self_refine"]
    assert answers(made) == ["Refined 1.", "Refined 2."]
    assert [step.cost.calls for step in made.steps] == [3, 5]
    assert made.steps[1].cost.completion_tokens == 15
    conversations = [[message.text for message in call] for call in chat.written]
    assert [call[2] for call in conversations[1:]] == [DRAFT, DRAFT, "Refined 1.", "Refined 1."]
    assert conversations[2][4] == "It is too short."
    told = " ".join(text for call in conversations for text in call)
    assert not any(one.statement in told or one.advice in told for one in PRINCIPLES)


ALWAYS = principle("call", points=9, safety_critical=True, always=True)
ELSEWHERE = principle("elsewhere", safety_critical=True, always=True)


class Learnt:
    """What was learnt of which principles belong: to all of them alike, but for those that are named."""

    def __init__(self, **chances: float) -> None:
        self.chances_of = chances

    def chances(self, rows: Any, likeness: Any, principles: Sequence[Principle], scenario: Any) -> dict[str, float]:
        return {one.id: self.chances_of.get(one.id.split(".")[1], 0.1) for one in principles}


def offered(kind: type[Search], found: Found, learnt: Learnt | None = None) -> Search:
    found.likenesses = lambda questions: np.full((1, len(found.library.principles)), 0.2)  # type: ignore[attr-defined]
    return kind(cast(Retriever, found), cast(Any, FixedClassifier()), cast(Any, learnt))


def asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def library_of(*first: Principle, most: int) -> Found:
    """A library whose first principles are found."""
    rest = [one for one in (*PRINCIPLES, ELSEWHERE, principle("more"), principle("even-more")) if one not in first]
    return Found(*first, *rest, most=most)


@pytest.mark.parametrize("learnt", [None, Learnt(tea=0.9, kale=0.7)], ids=["unlearnt", "learnt"])
def test_random_principles_are_others_than_the_agents_and_stand_in_their_places(learnt: Learnt | None) -> None:
    found = library_of(ALWAYS, *PRINCIPLES[:3], most=4)
    theirs = offered(Search, found, learnt).principles(asked("a"), SCENARIO, 4)
    drawn = {
        question: offered(AtRandom, found, learnt).principles(asked(question), SCENARIO, 4)
        for question in map(str, range(20))
    }
    for some in drawn.values():
        assert len(some) == len(theirs)
        mandatory, *others = some
        assert (mandatory.principle, mandatory.mandatory) == (ALWAYS, True)
        assert not any(one.mandatory or one.principle.always for one in others)
        assert not set(ids(others)) & set(ids(theirs))
        assert [one.similarity for one in others] == [one.similarity for one in theirs[1:]]
        if learnt:  # its own, so that it is checked as any other
            assert {one.belongs for one in others} == {0.1}
    assert len({tuple(ids(one)) for one in drawn.values()}) > 1
    again = offered(AtRandom, found, learnt).principles(asked("7"), SCENARIO, 4)
    assert again == drawn["7"]


def test_a_random_principle_is_admitted_only_where_it_applies() -> None:
    chat = Chat(chance=lambda text: 0.05 if "Is it true that" in text else 0.9)
    made = make(workshop(chat, 1, ALWAYS, *PRINCIPLES, most=4), "draft", "random")["random"]
    assert made.error is None
    assert made.principles == (ALWAYS.id,)


def test_a_small_library_has_fewer_to_draw_from() -> None:
    found = offered(AtRandom, Found(*PRINCIPLES[:4], most=3)).principles(asked("a"), SCENARIO, 3)
    assert ids(found) == [PRINCIPLES[3].id]


@pytest.mark.parametrize("learnt", [None, Learnt(kale=0.9)], ids=["unlearnt", "learnt"])
def test_everything_is_offered_once_and_what_the_agent_finds_comes_first(learnt: Learnt | None) -> None:
    found = offered(Everything, Found(*PRINCIPLES, most=2), learnt).principles(asked("q"), SCENARIO, 1)
    first = ["task.kale"] if learnt else []
    assert ids(found) == [*first, *(one.id for one in PRINCIPLES if one.id not in first)]
    assert [one.belongs for one in found] == ([0.9] + [0.1] * 7 if learnt else [None] * 8)


def test_all_lets_the_agent_choose_from_what_the_search_did_not_find() -> None:
    made = make(workshop(Chat(chance=literal), 3, most=2), "draft", "retrieved", "all")
    assert [len(made[arm].principles) for arm in ("retrieved", "all")] == [2, 8]
    assert "kale" in made["all"].steps[-1].answer
    assert "kale" not in made["retrieved"].steps[-1].answer


def test_principles_in_the_prompt_are_those_of_the_agent_and_cost_their_choice() -> None:
    chat = Chat(chance=literal)
    made = make(workshop(chat, most=2), "draft", "retrieved", "in_prompt")
    system = chat.written[-1][0].text
    assert system.startswith(agent_prompt("draft"))
    assert all((one.statement in system) == (place < 2) for place, one in enumerate(PRINCIPLES))
    assert answers(made["in_prompt"]) == ["Rest with care."]
    assert made["in_prompt"].principles == made["retrieved"].principles
    assert made["in_prompt"].steps[0].cost.calls == 1 + 2  # it asked of both whether they apply


def test_without_principles_the_prompt_is_the_drafts() -> None:
    chat = Chat(chance=lambda asked: 0.05)
    made = make(workshop(chat), "draft", "retrieved", "in_prompt")
    assert answers(made["in_prompt"]) == [DRAFT]
    assert len(chat.written) == 1


def test_the_length_control_is_asked_for_the_agents_length_and_told_no_principle() -> None:
    chat = Chat(chance=literal)
    made = make(workshop(chat), "draft", "retrieved", "length_matched")
    asked = " ".join(message.text for message in chat.written[-1])
    target = words(made["retrieved"].steps[-1].answer)
    assert f"about {target} words" in asked
    assert not any(one.statement in asked or one.advice in asked for one in PRINCIPLES)
    assert made["length_matched"].target_words == target > words(made["length_matched"].steps[0].answer)
    assert made["length_matched"].steps[0].cost.calls == 2


def test_the_length_control_shortens_where_the_agent_did() -> None:
    chat = Chat(chance=literal)
    made = make(workshop(chat), "draft", "retrieved")
    shorter = made["retrieved"].steps[-1].model_copy(update={"answer": "Rest."})
    made["retrieved"] = made["retrieved"].model_copy(update={"steps": (shorter,)})
    matched = workshop(chat).make("length_matched", item(), made)
    assert "about 1 words" in chat.written[-1][-1].text
    assert "leave out the rest" in chat.written[-1][-1].text
    assert (answers(matched), matched.target_words) == (["Rest."], 1)


def test_where_the_length_is_the_drafts_the_length_control_is_the_draft() -> None:
    chat = Chat(chance=lambda asked: 0.9)
    made = make(workshop(chat), "draft", "retrieved", "length_matched")
    assert answers(made["length_matched"]) == [DRAFT]
    assert made["length_matched"].target_words == words(DRAFT)
    assert len(chat.written) == 1


def test_each_item_has_a_draft_of_its_own() -> None:
    chat = Chat(chance=literal)
    shop = workshop(chat, 1)
    first = make(shop, "draft", "retrieved")
    other = first["draft"].steps[0].model_copy(update={"answer": "Sleep."})
    second = {"draft": first["draft"].model_copy(update={"steps": (other,)})}
    assert "Sleep." in shop.make("retrieved", item("Another?"), second).steps[0].answer
    assert DRAFT in shop.make("retrieved", item(), first).steps[0].answer


def test_a_question_that_cannot_be_used_is_an_error_of_the_item() -> None:
    made = workshop(Chat(chance=literal)).make("draft", item(" "), {})
    assert made.error is not None
    assert "empty" in made.error
