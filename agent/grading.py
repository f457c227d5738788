"""Grading an answer that somebody else gave: the agent's own stages from the question to the grade, without a draft.

It is a graph of one node, so that it is run, watched and stopped like the agent.
"""

from dataclasses import asdict
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime

from agent import NOTICE
from agent.cards import claims_about, contradicted
from agent.conversation import turns_of, within_context
from agent.critic.judge import ModelJudge
from agent.document import wants_document
from agent.edits import verdicts_without_model
from agent.language import in_english
from agent.llm.client import Model
from agent.llm.sendable import sendable
from agent.patient import PatientGraph, made, stage
from agent.resources import Resources
from agent.rubric import rubric_for
from agent.select import SelectingWriter
from agent.state import Context
from principles.errors import InputError
from principles.grader import grade
from principles.rubric import build_rubric
from principles.schema import Principle, Rubric


class Graded(TypedDict, total=False):
    """`messages` are a conversation that ends with the answer; the rest is plain types."""

    messages: Annotated[list[AnyMessage], add_messages]
    scenario: dict[str, Any]
    principles: list[dict[str, Any]]
    rubric: dict[str, Any]
    grade: dict[str, Any]
    usage: dict[str, int]


def grader_over(resources: Resources) -> PatientGraph:
    """A graph that grades the last message of a conversation. Raises what the agent raises."""

    def judged(state: Graded, runtime: Runtime[Any]) -> Graded:
        *before, last = state["messages"]
        answer = sendable(str(last.text))
        if not answer.strip():
            raise InputError("the answer is empty: there is nothing to grade")
        turns = turns_of(before)
        chat = resources.model()
        turns, _ = within_context(turns, resources.context_tokens, answer)
        model = Model(chat)
        judge = ModelJudge(model)
        search = resources.search()
        english = in_english(turns, model)
        scenario = search.scenario(english, said=turns[-1]["content"])
        asked = rubric_for(english, search, SelectingWriter(judge), Context().top_k, scenario=scenario)
        claims = claims_about(resources.claims(), english)
        facts = contradicted(claims, answer, scenario, wants_document(english, scenario))
        criteria = build_rubric([one.principle for one in facts], english).criteria
        rubric = Rubric(criteria=(*asked.rubric.criteria, *criteria))
        principles = [*(one.principle for one in asked.principles), *(one.principle for one in facts)]
        known = verdicts_without_model(answer, principles, claims)
        return {
            "scenario": asked.scenario.model_dump(mode="json"),
            "principles": [
                {**shown(one.principle, one.found.similarity), "mandatory": one.found.mandatory}
                for one in asked.principles
            ]
            + [{**shown(one.principle, one.similarity), "mandatory": False} for one in facts],
            "rubric": rubric.model_dump(mode="json"),
            "grade": grade(rubric, turns, answer, judge, known).model_dump(mode="json"),
            "usage": asdict(model.usage),
        }

    graph = StateGraph(Graded)
    graph.add_node("grade", stage(judged))
    graph.add_edge(START, "grade")
    graph.add_edge("grade", END)
    return made(PatientGraph, graph.compile(name="clinalign-grade"))


def graded(state: dict[str, Any]) -> dict[str, Any]:
    """What a program is told of a grade: scenario, principles, rubric, verdicts, score, expected, coverage, usage."""
    facts = {key: state[key] for key in ("scenario", "principles", "rubric", "usage")}
    return {**facts, **state["grade"], "notice": NOTICE}


def shown(principle: Principle, similarity: float) -> dict[str, Any]:
    """What a program is told of a principle that was found. `similarity` is a cosine, in [-1, 1]."""
    left_out = {"facets", "placement", "always"}
    return {**principle.model_dump(mode="json", exclude=left_out), "similarity": round(similarity, 4)}
