"""The graph: the scenario, then the draft beside retrieve and rubric; then claims, critique, revise, choose.

Prompts and judging are elsewhere; here is only what follows what.
"""

from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import TypeAdapter

from agent.choice import best_version
from agent.entry import asked
from agent.kept import rubric_of
from agent.llm.progress import Report, no_report
from agent.nodes import Nodes
from agent.patient import PatientGraph, made, stage
from agent.resources import Resources
from agent.revise import to_mend
from agent.state import Begun, Context, Input, Output, State, context_of
from principles.schema import Grade
from retrieval.retriever import Retriever


class Agent(PatientGraph):
    """The compiled graph."""

    def checked(self, given: Any) -> Any:
        """See `agent.entry`."""
        return asked(given)

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """What a caller gives: the rest of what the graph begins with is set by `checked`."""
        return TypeAdapter(Input).json_schema()


def build_agent(
    model: BaseChatModel | None = None,
    retriever: Retriever | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    *,
    profile: str | None = None,
    base_url: str | None = None,
    report: Report = no_report,
    adapter: Path | None = None,
) -> Agent:
    """An agent for an app: `invoke`, `ainvoke`, `stream` and `astream` of a compiled LangGraph graph.

    Without `model`, the endpoint that the environment names is used, or the embedded default is started;
    `profile` and `base_url` override the environment (see `resolve_endpoint`), `adapter` (a GGUF file) is added to the
    embedded model, and `report` hears of downloads and loading. Nothing is loaded before the first run.
    """
    return agent_over(Resources(model, retriever, profile, base_url, report, adapter=adapter), checkpointer)


def agent_over(resources: Resources, checkpointer: BaseCheckpointSaver[Any] | None = None) -> Agent:
    """An agent over resources that others use too: see `build_agent`."""
    nodes = Nodes(resources)
    graph = StateGraph(State, context_schema=Context, input_schema=Begun, output_schema=Output)
    stages = (nodes.prepare, nodes.scenario, nodes.draft, nodes.retrieve, nodes.rubric)
    for work in (*stages, nodes.claims, nodes.critique, nodes.revise, nodes.choose):
        graph.add_node(work.__name__, stage(work))
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "scenario")
    graph.add_edge("scenario", "draft")
    graph.add_edge("scenario", "retrieve")
    graph.add_edge("retrieve", "rubric")
    graph.add_edge(["draft", "rubric"], "claims")
    graph.add_edge("claims", "critique")
    graph.add_conditional_edges("critique", after_critique, ["revise", "choose"])
    graph.add_conditional_edges("revise", after_revise, ["critique", "choose"])
    graph.add_edge("choose", END)
    return made(Agent, graph.compile(checkpointer=checkpointer, name="clinalign"))


def after_critique(state: State, runtime: Runtime[Context]) -> str:
    """Revise while there is something to mend, a round is left and the last one helped."""
    context = context_of(runtime.context)
    versions = state["versions"]
    if not state["reviewed"] or state["ended"] or state["rounds"] >= context.max_rounds:
        return "choose"
    if best_version(rubric_of(state), versions) is not versions[-1]:
        return "choose"
    judged = Grade.model_validate(versions[-1]["grade"])
    return "revise" if to_mend(rubric_of(state), judged.by_id) else "choose"


def after_revise(state: State) -> str:
    """Grade what was revised; without a revision the best version so far is the answer."""
    return "critique" if state["pending"] else "choose"


agent = build_agent()
