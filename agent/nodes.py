"""The stages of one answer, each a node of the graph.

Each reports itself on the "custom" stream as {"stage", "status", ...}, with ids and figures but no text of
question or answer, and adds to `usage` and `timings`. If the critic fails, the draft stands and is marked
not reviewed; if the model fails at the draft, the error is raised.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from agent.choice import best_version
from agent.conversation import turns_of, unread, within_context
from agent.critic.judge import ModelJudge
from agent.document import wants_document
from agent.drafting import draft_messages
from agent.edits import Editor
from agent.emergency import verdicts_by_words
from agent.language import in_english, language_of
from agent.llm.client import Model, Usage
from agent.resources import Resources
from agent.revise import Version, revise_by_edits, rewrite, to_mend
from agent.rubric import rubric_for
from agent.select import SelectingWriter
from agent.state import Context, State
from principles.errors import ClinAlignError, ModelError
from principles.grader import grade
from principles.library import Library
from principles.schema import Grade, Principle, Rubric, Scenario, Urgency, Verdict
from retrieval.retriever import Retrieved

DRAFT_TOKENS = 600
# A grade that rests on fewer of the criteria than this is no review.
LEAST_COVERAGE = 0.5

Update = dict[str, Any]


@dataclass
class Stage:
    """One stage at work: its context, what its model calls cost, and how to tell what happens."""

    name: str
    context: Context
    runtime: Runtime[Context]
    started: float
    usage: Usage | None = None

    def tell(self, status: str, **facts: Any) -> None:
        """Report on the "custom" stream; `facts` hold no text of question or answer."""
        self.runtime.stream_writer({"stage": self.name, "status": status, **facts})

    def done(self, **facts: Any) -> Update:
        """The state update that every stage makes: seconds and usage."""
        seconds = round(time.perf_counter() - self.started, 3)
        self.tell("end", seconds=seconds, **facts)
        update: Update = {"timings": {self.name: seconds}}
        return update | ({"usage": asdict(self.usage)} if self.usage else {})


@dataclass
class Nodes:
    """The stages over one set of resources."""

    resources: Resources

    @contextmanager
    def _stage(self, name: str, runtime: Runtime[Context]) -> Iterator[Stage]:
        stage = Stage(name, runtime.context or Context(), runtime, time.perf_counter())
        stage.tell("start")
        yield stage

    @contextmanager
    def _asking(self, name: str, runtime: Runtime[Context]) -> Iterator[tuple[Stage, Model]]:
        """A stage that asks the model, with the caller's sampling."""
        with self._stage(name, runtime) as stage:
            model = Model(self.resources.model(), stage.context.temperature, stage.context.seed)
            stage.usage = model.usage
            yield stage, model

    def prepare(self, state: State, runtime: Runtime[Context]) -> Update:
        """Check the conversation, start the model while the encoder loads beside it, and have it read in English.

        That comes before the draft, for whose end it would have to wait: an emergency is to be known at once.
        """
        with self._stage("prepare", runtime) as stage:
            turns = turns_of(state["messages"])
            loading = threading.Thread(target=self._load_search, daemon=True)
            loading.start()
            model = Model(self.resources.model())
            stage.usage = model.usage
            loading.join()  # loading beside the draft would slow both: llama.cpp wants the cores for itself
            turns, dropped = within_context(turns, self.resources.context_tokens)
            warnings = [*unread(state["messages"]), *dropped]
            try:
                english = in_english(turns, model)
            except ModelError as error:
                english = turns
                warnings += [f"the question could not be read in English ({error}): its urgency is a guess"]
            fresh: Update = {
                "versions": [],
                "pending": None,
                "rounds": 0,
                "edits": [],
                "warnings": Overwrite(warnings),
                "reviewed": False,
                "ended": False,
                "coverage": 0.0,
            }
            facts = {name: Overwrite(value) for name, value in stage.done().items()}
            return fresh | {"turns": turns, "english": english, **facts}

    def _load_search(self) -> None:
        with suppress(ClinAlignError):  # the scenario stage meets it again, and raises it where it is heard
            self.resources.search()

    def draft(self, state: State, runtime: Runtime[Context]) -> Update:
        """Answer the question, streamed. Raises ModelError, which ends the run."""
        with self._asking("draft", runtime) as (stage, model):
            scenario = Scenario.model_validate(state["scenario"])
            written = model.text(draft_messages(state["turns"], scenario, state["document"]), DRAFT_TOKENS)
            warnings = [f"the draft ran into its limit of {DRAFT_TOKENS} tokens and ends early"] if model.cut else []
            return {"draft": written, "warnings": warnings, **stage.done(characters=len(written))}

    def scenario(self, state: State, runtime: Runtime[Context]) -> Update:
        """What kind of question this is."""
        with self._stage("scenario", runtime) as stage:
            kind = self.resources.search().scenario(state["english"], said=state["turns"][-1]["content"])
            found = kind.model_dump(mode="json")
            document = wants_document(state["english"], kind)
            return {"scenario": found, "document": document, **stage.done(scenario=found)}

    def retrieve(self, state: State, runtime: Runtime[Context]) -> Update:
        """The principles that the search brings, at most `top_k` unless more are mandatory."""
        with self._stage("retrieve", runtime) as stage:
            scenario = Scenario.model_validate(state["scenario"])
            found = self.resources.search().principles(state["english"], scenario, stage.context.top_k)
            shown = [_shown(one) for one in found]
            return {"principles": shown, **stage.done(principles=[one["id"] for one in shown])}

    def rubric(self, state: State, runtime: Runtime[Context]) -> Update:
        """Keep the principles that apply and make their criteria."""
        with self._asking("rubric", runtime) as (stage, model):
            search = self.resources.search()
            made = rubric_for(
                state["english"],
                search,
                SelectingWriter(ModelJudge(model)),
                stage.context.top_k,
                scenario=Scenario.model_validate(state["scenario"]),
                found=_found(state["principles"], search.retriever.library),
            )
            shown = [_shown(one.found) | {"applies": one.applies} for one in made.principles]
            criteria = made.rubric.model_dump(mode="json")["criteria"]
            facts = stage.done(criteria=len(criteria))
            return {"principles": shown, "rubric": {"criteria": criteria, "draft": None, "final": None}, **facts}

    def critique(self, state: State, runtime: Runtime[Context]) -> Update:
        """Grade the draft, or the revision that awaits its grade."""
        with self._asking("critique", runtime) as (stage, model):
            pending = state["pending"] or {"answer": state["draft"], "fresh": {}, "edits": []}
            rubric = rubric_of(state)
            if not rubric.criteria:
                return self._unreviewed(state, stage, "no principle of the library applies, so nothing was checked")
            library = self.resources.search().retriever.library
            principles = [library.get(c.principle_id) for c in rubric.criteria if c.principle_id]
            known = verdicts_by_words(pending["answer"], principles)
            known |= {key: Verdict.model_validate(value) for key, value in pending["fresh"].items()}
            try:
                judged = grade(rubric, state["turns"], pending["answer"], ModelJudge(model), known)
            except ModelError as error:
                return self._unreviewed(state, stage, str(error))
            if judged.coverage < LEAST_COVERAGE:
                return self._unreviewed(state, stage, f"only {judged.coverage:.0%} of the criteria could be judged")
            version = {
                "answer": pending["answer"],
                "grade": judged.model_dump(mode="json"),
                "edits": pending["edits"],
            }
            facts = stage.done(score=judged.score, expected=judged.expected, coverage=judged.coverage)
            return {"versions": [*state["versions"], version], "pending": None, "reviewed": True, **facts}

    def revise(self, state: State, runtime: Runtime[Context]) -> Update:
        """Mend what failed in the last version; leaves nothing pending where nothing helps."""
        with self._asking("revise", runtime) as (stage, model):
            last = state["versions"][-1]
            judged = Grade.model_validate(last["grade"])
            version = Version(last["answer"], judged.by_id)
            try:
                revised = self._revised(version, state, stage, model)
            except ModelError as error:
                return {"rounds": state["rounds"] + 1, **self._unreviewed(state, stage, str(error))}
            pending = None
            if revised.answer != version.answer:
                fresh = {key: verdict.model_dump(mode="json") for key, verdict in revised.verdicts.items()}
                edits = [*last["edits"], *(asdict(edit) for edit in revised.edits)]
                pending = {"answer": revised.answer, "fresh": fresh, "edits": edits}
            facts = stage.done(edits=len(revised.edits))
            return {"pending": pending, "rounds": state["rounds"] + 1, **facts}

    def _revised(self, version: Version, state: State, stage: Stage, model: Model) -> Version:
        retriever = self.resources.search().retriever
        principles: dict[str, Principle] = {p["id"]: retriever.library.get(p["id"]) for p in state["principles"]}
        rubric = rubric_of(state)
        if stage.context.revise == "rewrite" and not state["document"]:
            return Version(rewrite(version, rubric, principles, state["turns"], model), {})
        judge, encode = ModelJudge(model), retriever.encoder.encode
        language = language_of(version.answer)
        emergency = state["scenario"]["urgency"] == Urgency.EMERGENT
        editor = Editor(state["turns"], judge, model, encode, language, state["english"], state["document"], emergency)
        return revise_by_edits(
            version,
            rubric,
            principles,
            editor,
            lambda criterion, what: stage.tell("edit", criterion=criterion, outcome=what),
        )

    def _unreviewed(self, state: State, stage: Stage, why: str) -> Update:
        """What a failure leaves: the best graded version of the rounds before it, or the draft, not reviewed."""
        facts = stage.done(failed=True)
        ended: Update = {"pending": None, "ended": True, **facts}
        if len(state["versions"]) > 1:
            warning = f"the {stage.name} of round {state['rounds'] + 1} could not be finished: {why}"
            return {**ended, "warnings": [f"{warning}; the best version of the rounds before it is returned"]}
        warning = f"the {stage.name} could not be finished: {why}; the draft is returned, not reviewed"
        return {**ended, "reviewed": False, "versions": [], "warnings": [warning]}

    def choose(self, state: State, runtime: Runtime[Context]) -> Update:
        """The best-graded version becomes the answer."""
        with self._stage("choose", runtime) as stage:
            rubric = rubric_of(state)
            best = best_version(rubric, state["versions"])
            answer = best["answer"] if best else state["draft"]
            grades = {"draft": state["versions"][0]["grade"], "final": best["grade"]} if best else {}
            message = AIMessage(answer, additional_kwargs={"reviewed": state["reviewed"]})
            return {
                "messages": [message],
                "answer": answer,
                "edits": best["edits"] if best else [],
                "rubric": state["rubric"] | grades,
                "coverage": best["grade"]["coverage"] if best else 0.0,
                **stage.done(reviewed=state["reviewed"]),
            }


def after_critique(state: State, runtime: Runtime[Context]) -> str:
    """Revise while there is something to mend, a round is left and the last one helped."""
    context = runtime.context or Context()
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


def rubric_of(state: State) -> Rubric:
    """The criteria in the state, without their grades."""
    return Rubric.model_validate({"criteria": state["rubric"]["criteria"]})


def _shown(one: Retrieved) -> dict[str, Any]:
    kept = {"id", "dimension", "statement", "points", "safety_critical", "sources"}
    facts = one.principle.model_dump(mode="json", include=kept)
    belongs = None if one.belongs is None else round(one.belongs, 4)
    return facts | {"similarity": round(one.similarity, 4), "mandatory": one.mandatory, "belongs": belongs}


def _found(shown: list[dict[str, Any]], library: Library) -> list[Retrieved]:
    """What `_shown` was made of."""
    return [Retrieved(library.get(one["id"]), one["similarity"], one["mandatory"], one["belongs"]) for one in shown]
