"""Principles and criteria as the state holds them: plain data, since a checkpoint outlives the library."""

from typing import Any

from agent.state import State
from principles.facts import Fact
from principles.library import Library
from principles.schema import Rubric
from retrieval.retriever import Retrieved


def rubric_of(state: State) -> Rubric:
    """The criteria in the state, without their grades."""
    return Rubric.model_validate({"criteria": state["rubric"]["criteria"]})


def shown_of(one: Retrieved) -> dict[str, Any]:
    """A principle or knowledge card as the result has it."""
    kept = {"id", "dimension", "statement", "points", "safety_critical", "sources"}
    facts = one.principle.model_dump(mode="json", include=kept)
    belongs = None if one.belongs is None else round(one.belongs, 4)
    kind = "fact" if isinstance(one.principle, Fact) else "principle"
    near = {"similarity": round(one.similarity, 4), "mandatory": one.mandatory, "belongs": belongs}
    return {"kind": kind} | facts | near


def found_of(shown: list[dict[str, Any]], library: Library) -> list[Retrieved]:
    """What `shown_of` was made of."""
    return [Retrieved(library.get(one["id"]), one["similarity"], one["mandatory"], one["belongs"]) for one in shown]
