"""How each arm of an ablation comes to its answer; `training.ablation.arms` says what the arms are."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent.choice import best_version
from agent.conversation import as_messages, turns_of, within_context
from agent.drafting import messages_for
from agent.graph import Agent, agent_over
from agent.kept import rubric_of
from agent.llm.client import Model, Usage
from agent.prompts import prompt as agent_prompt
from agent.resources import Resources, load_search
from agent.revise import REWRITE_TOKENS
from agent.rubric import Search
from agent.state import DRAFT_TOKENS, Context
from principles.errors import InputError, ModelError
from principles.grader import Turns
from retrieval.retriever import Retriever
from training.ablation.arms import Cost, Made, Step, words
from training.ablation.draft import SharedDraft
from training.ablation.principles import AtRandom, Everything
from training.ablation.prompts import prompt
from training.common.items import Item
from training.healthbench.answers import messages_of

FEEDBACK_TOKENS = 300


@dataclass
class Workshop:
    """Makes the arms with one chat model and one library."""

    chat: BaseChatModel
    retriever: Retriever
    rounds: int
    context_tokens: int | None = None
    _agents: dict[str, Agent] = field(default_factory=dict, init=False)

    @cached_property
    def _shared(self) -> SharedDraft:
        return SharedDraft(chat=self.chat)

    @cached_property
    def _search(self) -> Search:
        return load_search(self.retriever)

    def make(self, arm: str, item: Item, before: Mapping[str, Made]) -> Made:
        """The arm's answers to `item`; `before` holds what NEEDS names. A failure of the model is in `error`."""
        try:
            turns, _ = within_context(turns_of(messages_of(item)), self.context_tokens)
            made = self._made(arm, item, turns, before)
        except (ModelError, InputError) as failure:
            made = Made(key=item.key, arm=arm, error=str(failure))
        return made.model_copy(update={"canary": item.canary})

    def _made(self, arm: str, item: Item, turns: Turns, before: Mapping[str, Made]) -> Made:
        said = as_messages(turns)
        if arm == "draft":
            asked = messages_for(turns, self._search, Model(self.chat))
            return _one(item, arm, *self._write(asked, DRAFT_TOKENS))
        draft = before["draft"].steps[0]
        if arm == "self_refine":
            return Made(key=item.key, arm=arm, steps=tuple(self._self_refined(said, draft)))
        if arm == "in_prompt":
            return self._with_principles(item, said, draft, before["retrieved"])
        if arm == "length_matched":
            return self._length_matched(item, said, draft, before["retrieved"].steps[-1])
        return self._reviewed(arm, item, turns, draft)

    def _write(self, messages: Sequence[BaseMessage], max_tokens: int) -> tuple[str, Cost]:
        model, started = Model(self.chat), time.perf_counter()
        text = model.text(messages, max_tokens)
        return text, _cost(model.usage, time.perf_counter() - started)

    def _self_refined(self, said: Sequence[BaseMessage], draft: Step) -> list[Step]:
        steps = [draft]
        for number in range(1, self.rounds + 1):
            before = steps[-1]
            asked = [SystemMessage(agent_prompt("draft")), *said, AIMessage(before.answer)]
            asked.append(HumanMessage(prompt("feedback")))
            feedback, first = self._write(asked, FEEDBACK_TOKENS)
            asked += [AIMessage(feedback), HumanMessage(prompt("refine"))]
            answer, second = self._write(asked, DRAFT_TOKENS)
            steps.append(Step(round=number, answer=answer, cost=before.cost + first + second))
        return steps[1:]

    def _reviewed(self, arm: str, item: Item, turns: Turns, draft: Step) -> Made:
        """A run of the agent. One that ends without review is a failure: its draft says nothing of revision."""
        self._shared.draft = draft.answer
        self._shared.prompt_tokens = draft.cost.prompt_tokens
        self._shared.completion_tokens = draft.cost.completion_tokens
        started = time.perf_counter()
        # The last state of each round, and the seconds until then.
        states: dict[int, tuple[dict[str, Any], float]] = {}
        chosen_by = Cost()
        question: Any = {"messages": [dict(turn) for turn in turns]}
        context = Context(max_rounds=self.rounds)
        for state in self._agent(arm).stream(question, context=context, stream_mode="values"):
            seconds = time.perf_counter() - started
            if "rounds" in state:
                states[state["rounds"]] = state, seconds
            if "rubric" in state and not state["versions"]:
                chosen_by = _less(_cost(Usage(**state["usage"]), seconds), draft.cost)
        if not state["reviewed"]:
            raise ModelError("; ".join(state["warnings"]) or "the answer was not reviewed")
        steps = []
        for number in range(1, self.rounds + 1):
            reached, seconds = states[max(done for done in states if done <= number)]
            best = best_version(rubric_of(reached), reached["versions"])  # type: ignore[arg-type]
            cost = _cost(Usage(**reached["usage"]), seconds + draft.cost.seconds)
            answer, edits = (best["answer"], len(best["edits"])) if best else (draft.answer, 0)
            steps.append(Step(round=number, answer=answer, cost=cost, edits=edits))
        ids = tuple(one["id"] for one in state["principles"])
        return Made(key=item.key, arm=arm, steps=tuple(steps), principles=ids, chosen_by=chosen_by)

    def _agent(self, arm: str) -> Agent:
        if arm not in self._agents:
            kinds: dict[str, type[Search]] = {"retrieved": Search, "random": AtRandom, "all": Everything}
            own = self._search
            search = kinds[arm](own.retriever, own.classifier, own.belonging)
            self._agents[arm] = agent_over(Resources(self._shared, given_search=search))
        return self._agents[arm]

    def _with_principles(self, item: Item, said: Sequence[BaseMessage], draft: Step, retrieved: Made) -> Made:
        """Where no principle was chosen the prompt is that of the draft, and so is the answer."""
        choice = retrieved.chosen_by or Cost()
        answer, cost = draft.answer, draft.cost
        if retrieved.principles:
            statements = [self.retriever.library.get(name).statement for name in retrieved.principles]
            told = prompt("in_prompt", principles="\n".join(f"- {statement}" for statement in statements))
            answer, cost = self._write([SystemMessage(f"{agent_prompt('draft')}\n\n{told}"), *said], DRAFT_TOKENS)
        made = _one(item, "in_prompt", answer, cost + choice)
        return made.model_copy(update={"principles": retrieved.principles})

    def _length_matched(self, item: Item, said: Sequence[BaseMessage], draft: Step, target: Step) -> Made:
        """Where nothing is to be added or left out the draft stands."""
        have, want = words(draft.answer), words(target.answer)
        answer, cost = draft.answer, draft.cost
        if want != have:
            told = HumanMessage(prompt("extend" if want > have else "shorten", before=str(have), words=str(want)))
            system = SystemMessage(prompt("length_system"))
            answer, spent = self._write([system, *said, AIMessage(draft.answer), told], REWRITE_TOKENS)
            cost = cost + spent
        return _one(item, "length_matched", answer, cost).model_copy(update={"target_words": want})


def _one(item: Item, arm: str, answer: str, cost: Cost) -> Made:
    return Made(key=item.key, arm=arm, steps=(Step(round=0, answer=answer, cost=cost),))


def _cost(usage: Usage, seconds: float) -> Cost:
    return Cost(
        calls=usage.calls,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=round(seconds, 3),
    )


def _less(whole: Cost, draft: Cost) -> Cost:
    """Without the draft's calls and tokens; its replay took no time."""
    return Cost(
        calls=whole.calls - draft.calls,
        prompt_tokens=whole.prompt_tokens - draft.prompt_tokens,
        completion_tokens=whole.completion_tokens - draft.completion_tokens,
        seconds=whole.seconds,
    )
