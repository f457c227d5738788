"""The graph: the scenario, then the draft beside retrieve and rubric; then critique, revise, choose.

Prompts and judging are elsewhere; here is only what follows what.
"""

from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent.llm.progress import Report, no_report
from agent.nodes import Nodes, after_critique, after_revise
from agent.resources import Resources
from agent.state import Context, Input, Output, State
from retrieval.retriever import Retriever

Agent = CompiledStateGraph[State, Context, Input, Output]


def build_agent(
    model: BaseChatModel | None = None,
    retriever: Retriever | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    *,
    profile: str | None = None,
    base_url: str | None = None,
    report: Report = no_report,
) -> Agent:
    """An agent for an app: `invoke`, `ainvoke`, `stream` and `astream` of a compiled LangGraph graph.

    Without `model`, the endpoint that the environment names is used, or the embedded default is started;
    `profile` and `base_url` override the environment (see `resolve_endpoint`), and `report` hears of
    downloads and loading. Nothing is loaded before the first run.
    """
    return agent_over(Resources(model, retriever, profile, base_url, report), checkpointer)


def agent_over(resources: Resources, checkpointer: BaseCheckpointSaver[Any] | None = None) -> Agent:
    """An agent over resources that others use too: see `build_agent`."""
    nodes = Nodes(resources)
    graph = StateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    stages = (nodes.prepare, nodes.scenario, nodes.draft, nodes.retrieve, nodes.rubric)
    for stage in (*stages, nodes.critique, nodes.revise, nodes.choose):
        graph.add_node(stage.__name__, stage)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "scenario")
    graph.add_edge("scenario", "draft")
    graph.add_edge("scenario", "retrieve")
    graph.add_edge("retrieve", "rubric")
    graph.add_edge(["draft", "rubric"], "critique")
    graph.add_conditional_edges("critique", after_critique, ["revise", "choose"])
    graph.add_conditional_edges("revise", after_revise, ["critique", "choose"])
    graph.add_edge("choose", END)
    return graph.compile(checkpointer=checkpointer, name="clinalign")


agent = build_agent()
