"""The stages of one answer, each a node of the graph.

Each reports itself on the "custom" stream as {"stage", "status", ...}, with ids and figures but no text of
question or answer, and adds to `usage` and `timings`. If the critic fails, the draft stands and is marked
not reviewed; if the model fails at the draft, the error is raised.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime

from agent.cards import claims_about, contradicted
from agent.choice import best_version
from agent.claims import Claims
from agent.conversation import turns_of, unread, within_context
from agent.critic.judge import ModelJudge
from agent.document import wants_document
from agent.drafting import draft_messages
from agent.edits import Editor, verdicts_without_model
from agent.kept import found_of, rubric_of, shown_of
from agent.language import in_english, is_read_in_part, language_of
from agent.llm.client import Model
from agent.llm.patience import OutOfTime, within
from agent.resources import Resources
from agent.revise import Version, revise_by_edits, rewrite
from agent.rubric import rubric_for
from agent.select import SelectingWriter
from agent.stage import Stage, Update, begun
from agent.state import CUT, Context, State
from principles.errors import ClinAlignError, ModelError
from principles.facts import said_to
from principles.grader import Turns, grade
from principles.rubric import advising, build_rubric
from principles.schema import Expertise, Grade, Scenario, Urgency, Verdict

# A grade that rests on fewer of the criteria than this is no review.
LEAST_COVERAGE = 0.5


@dataclass
class Nodes:
    """The stages over one set of resources."""

    resources: Resources

    @contextmanager
    def _asking(self, name: str, runtime: Runtime[Context]) -> Iterator[tuple[Stage, Model]]:
        """A stage that asks the model, with the caller's sampling."""
        with begun(name, runtime) as stage:
            model = Model(self.resources.model(), stage.context.temperature, stage.context.seed)
            stage.usage = model.usage
            yield stage, model

    def prepare(self, state: State, runtime: Runtime[Context]) -> Update:
        """Check the conversation and the draft that was given, start the model while the encoder loads beside it, and
        have the conversation read in English.

        That comes before the draft, for whose end it would have to wait: an emergency is to be known at once.
        """
        with begun("prepare", runtime) as stage:
            turns = turns_of(state["messages"])
            drafted = state.get("draft", "")
            loading = threading.Thread(target=self._load_search, daemon=True)
            loading.start()
            model = Model(within(self.resources.model))
            stage.usage = model.usage
            within(loading.join)  # loading beside the draft would slow both: llama.cpp wants the cores for itself
            turns, dropped = within_context(turns, self.resources.context_tokens, drafted)
            warnings = [*unread(state["messages"]), *dropped]
            english: Turns = []
            try:
                if (read := in_english(turns, model)) is not turns:
                    english = read
            except ModelError as error:
                warnings += [f"the question could not be read in English ({error}): its urgency is a guess"]
            if is_read_in_part(turns):
                warnings.append("of the middle of the question only medicines, allergies and the like were read")
            found: Update = {"english": english, "drafted": drafted, "given": "draft" in state, "warnings": warnings}
            return found | stage.done()

    def _turns(self, state: State) -> Turns:
        """The turns that fit into the model's context, made anew where they are needed: kept in the state they would
        repeat the messages."""
        drafted = state["drafted"] if state["given"] else ""
        return within_context(turns_of(state["messages"]), self.resources.context_tokens, drafted)[0]

    def _english(self, state: State) -> Turns:
        return state["english"] or self._turns(state)

    def _load_search(self) -> None:
        with suppress(ClinAlignError):  # the scenario stage meets it again, and raises it where it is heard
            self.resources.search()

    def draft(self, state: State, runtime: Runtime[Context]) -> Update:
        """Answer the question, streamed, unless a draft was given. Raises ModelError, which ends the run."""
        if state["drafted"]:
            return {}
        with self._asking("draft", runtime) as (stage, model):
            scenario = Scenario.model_validate(state["scenario"])
            most = stage.context.draft_tokens
            asked = draft_messages(self._turns(state), scenario, state["document"])
            written = model.text(asked, most, in_part=True)
            limit = f"{stage.context.timeout_s:g} s" if stage.late else f"{most} tokens"
            warnings = [f"{CUT} of {limit} and ends early"] if model.cut else []
            return {"drafted": written, "warnings": warnings, **stage.done(characters=len(written))}

    def scenario(self, state: State, runtime: Runtime[Context]) -> Update:
        """What kind of question this is."""
        with begun("scenario", runtime) as stage:
            kind = self.resources.search().scenario(self._english(state), said=self._turns(state)[-1]["content"])
            found = kind.model_dump(mode="json")
            document = wants_document(self._english(state), kind)
            return {"scenario": found, "document": document, **stage.done(scenario=found)}

    def retrieve(self, state: State, runtime: Runtime[Context]) -> Update:
        """The principles that the search brings, at most `top_k` unless more are mandatory."""
        with begun("retrieve", runtime) as stage:
            scenario = Scenario.model_validate(state["scenario"])
            found = self.resources.search().principles(self._english(state), scenario, stage.context.top_k)
            shown = [shown_of(one) for one in found]
            return {"principles": shown, **stage.done(principles=[one["id"] for one in shown])}

    def rubric(self, state: State, runtime: Runtime[Context]) -> Update:
        """Keep the principles that apply and make their criteria."""
        with self._asking("rubric", runtime) as (stage, model):
            search = self.resources.search()
            made = rubric_for(
                self._english(state),
                search,
                SelectingWriter(ModelJudge(model)),
                stage.context.top_k,
                scenario=Scenario.model_validate(state["scenario"]),
                found=found_of(state["principles"], search.retriever.library),
            )
            shown = [shown_of(one.found) | {"applies": one.applies} for one in made.principles]
            criteria = made.rubric.model_dump(mode="json")["criteria"]
            facts = stage.done(criteria=len(criteria))
            return {"principles": shown, "rubric": {"criteria": criteria, "draft": None, "final": None}, **facts}

    def claims(self, state: State, runtime: Runtime[Context]) -> Update:
        """Which knowledge cards the draft contradicts: each is a fault to mend."""
        with begun("claims", runtime) as stage:
            claims = self._claims(state, stage.context)
            scenario = Scenario.model_validate(state["scenario"])
            found = contradicted(claims, state["drafted"], scenario, state["document"])
            if not found:
                return stage.done(facts=[])
            made = build_rubric([one.principle for one in found], self._english(state))
            criteria = made.model_dump(mode="json")["criteria"]
            rubric = {**state["rubric"], "criteria": [*state["rubric"]["criteria"], *criteria]}
            shown = [*state["principles"], *(shown_of(one) | {"applies": None} for one in found)]
            return {"principles": shown, "rubric": rubric, **stage.done(facts=[one.principle.id for one in found])}

    def _claims(self, state: State, context: Context) -> Claims | None:
        return claims_about(self.resources.claims(), self._english(state)) if context.facts else None

    def critique(self, state: State, runtime: Runtime[Context]) -> Update:
        """Grade the draft, or the revision that awaits its grade."""
        with self._asking("critique", runtime) as (stage, model):
            pending = state["pending"] or {"answer": state["drafted"], "fresh": {}, "edits": []}
            rubric = rubric_of(state)
            if not rubric.criteria:
                return self._unreviewed(state, stage, "no principle of the library applies, so nothing was checked")
            principles = [self.resources.principle(c.principle_id) for c in rubric.criteria if c.principle_id]
            claims = self._claims(state, stage.context)
            known = verdicts_without_model(pending["answer"], principles, claims)
            known |= {key: Verdict.model_validate(value) for key, value in pending["fresh"].items()}
            try:
                judged = grade(rubric, self._turns(state), pending["answer"], ModelJudge(model), known)
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
            except OutOfTime as error:  # what was graded stands, and needs no other word
                warning = f"the revision could not be finished: {error}"
                ended = {"pending": None, "ended": True, "warnings": [warning]}
                return {"rounds": state["rounds"] + 1, **ended, **stage.done(failed=True)}
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
        expertise = Expertise(state["scenario"]["expertise"])
        chosen = [said_to(expertise, self.resources.principle(one["id"])) for one in state["principles"]]
        principles = {one.id: one for one in advising(chosen, self._english(state))}
        rubric = rubric_of(state)
        if stage.context.revise == "rewrite" and not state["document"]:
            return Version(rewrite(version, rubric, principles, self._turns(state), model), {})
        judge, encode = ModelJudge(model), retriever.encoder.encode
        language = language_of(version.answer)
        emergency = state["scenario"]["urgency"] == Urgency.EMERGENT
        editor = Editor(
            self._turns(state),
            judge,
            model,
            encode,
            language,
            self._english(state),
            state["document"],
            emergency,
            self._claims(state, stage.context),
        )
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
        with begun("choose", runtime) as stage:
            rubric = rubric_of(state)
            best = best_version(rubric, state["versions"])
            answer = best["answer"] if best else state["drafted"]
            grades = {"draft": state["versions"][0]["grade"], "final": best["grade"]} if best else {}
            message = AIMessage(answer, additional_kwargs={"reviewed": state["reviewed"]})
            return {
                "messages": [message],
                "answer": answer,
                "draft": state["drafted"],
                "edits": best["edits"] if best else [],
                "rubric": state["rubric"] | grades,
                "coverage": best["grade"]["coverage"] if best else 0.0,
                "english": [],
                **stage.done(reviewed=state["reviewed"]),
            }
