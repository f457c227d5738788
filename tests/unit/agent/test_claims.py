"""Sentences that a knowledge card contradicts: found by a made-up reader, corrected by the agent."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from agent import Context, build_agent, resources
from agent.claims import LEARNT_JOINT, MAX_TOKENS, ClaimCritic, CrossEncoderReader, Joint, base_model, beside
from agent.grading import grader_over
from agent.graph import agent_over
from agent.resources import Resources
from principles.facts import Fact, _as_principle
from principles.library import Library
from principles.schema import Expertise, Label
from retrieval.fact_sentences import FEATURES
from retrieval.facts import FactSearch
from tests.fakes import FixedRetriever, ScriptedChat, WordEncoder, literal, principle
from tests.unit.principles.test_facts import CARD

DRY = "Tea is dry."
DRAFT = f"Rest a while. {DRY} It warms you. What drink helps? Take tea often."
ELSE: Any = {"messages": [{"role": "user", "content": "What drink for fever?"}]}
TEA = principle("tea", points=6)


def card(**changes: Any) -> Fact:
    return Fact.model_validate(_as_principle(CARD | changes))


def says_dry(pairs: Sequence[tuple[str, str]]) -> Any:
    """A reader that knows one error."""
    return np.array([0.97 if "dry" in said and "Tea is wet" in told else 0.02 for said, told in pairs], np.float32)


def critic(*cards: Fact) -> ClaimCritic:
    shelf = cards or (card(),)
    digest = " ".join(one.id for one in shelf)  # what is known of a shelf is kept by it
    search = FactSearch(Library(shelf, digest), WordEncoder())  # type: ignore[arg-type]
    return ClaimCritic(search, says_dry, Joint((1, *[0] * len(FEATURES)), 0, wrong_from=2))  # by the reader


@pytest.fixture(autouse=True)
def cached_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("retrieval.fact_vectors.cache_dir", lambda name: tmp_path)


def test_each_sentence_and_each_card_counts_once_and_the_surest_first() -> None:
    other = card(id="fact.tea-is-old", statement="Tea is wet and old.")
    (one,) = critic(card(), other).about("tea?").contradictions(DRAFT)
    assert (one.unit.text, one.fact.id) == (DRY, "fact.tea-is-wet")
    assert one.chance == pytest.approx(0.97)
    assert critic().about("tea?").contradictions("Rest a while.") == []
    assert critic().about("tea?").contradictions("") == []


def test_what_the_answer_corrects_itself_is_no_error() -> None:
    corrected = f"{DRY} Correction: Tea is wet, so mind the keyboard."
    assert critic().about("tea?").contradictions(corrected) == []
    assert critic().about("tea?").verdict(DRY, card()).label is Label.MET
    assert critic().about("tea?").verdict(corrected, card()).label is Label.NOT_MET


def test_what_the_reader_takes_for_right_is_not_wrong_for_being_near() -> None:
    near = [0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.0]
    read_right, unlike, wrong = [-0.1, *near], [3.0, 0.4, *near[1:]], [3.0, *near]
    scores = LEARNT_JOINT.scores(np.array([read_right, unlike, wrong]), np.zeros(3, dtype=bool))
    assert [score >= LEARNT_JOINT.wrong_from for score in scores] == [False, False, True]


def test_what_allows_what_the_card_is_against_is_wrong_where_the_card_is_asked_for() -> None:
    asked_for = [-1.7, 0.5, 0.5, 0.5, 0.6, 0.7, 0.6, 0.0]
    surely_right, not_asked, another_nearer = list(asked_for), list(asked_for), list(asked_for)
    surely_right[0], not_asked[5], another_nearer[7] = -3.0, 0.3, 1.0
    rows = np.array([asked_for, surely_right, not_asked, another_nearer])
    wrong_from = LEARNT_JOINT.wrong_from
    assert (LEARNT_JOINT.scores(rows, np.ones(4, dtype=bool)) >= wrong_from).tolist() == [True, False, False, False]
    assert (LEARNT_JOINT.scores(rows, np.zeros(4, dtype=bool)) < wrong_from).all()


def test_what_is_read_is_the_fact_and_how_it_is_got_wrong() -> None:
    assert beside(card()) == "Tea is wet. [SEP] Tea is dry. [SEP] There is no water in tea."
    assert beside(card(), ["No."]) == "Tea is wet. [SEP] No."


def ask(monkeypatch: pytest.MonkeyPatch, chat: ScriptedChat, question: Any = ELSE, **context: Any) -> dict[str, Any]:
    monkeypatch.setattr(resources, "load_claim_critic", lambda encoder: critic())
    agent = build_agent(chat, FixedRetriever(TEA))  # type: ignore[arg-type]
    return agent.invoke(question, context=Context(**context))


@pytest.mark.usefixtures("fixed_classifier")
def test_a_wrong_sentence_is_replaced_by_the_cards_advice_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ask(monkeypatch, ScriptedChat(draft=DRAFT, chance=literal))
    assert result["answer"] == DRAFT.replace(DRY, CARD["advice"])
    (edit,) = result["edits"]
    assert (edit["criterion_id"], edit["kind"], edit["source"]) == ("fact.tea-is-wet", "replace", "advice")
    shown = {one["id"]: one for one in result["principles"]}["fact.tea-is-wet"]
    assert (shown["kind"], shown["sources"][0]["body"]) == ("fact", "WHO")
    verdicts = {one["criterion_id"]: one["label"] for one in result["rubric"]["final"]["verdicts"]}
    assert verdicts["fact.tea-is-wet"] == "NOT_MET"


class NoDraft(ScriptedChat):
    """Must not be asked for a draft."""

    def _stream(self, *args: Any, **options: Any) -> Any:
        raise AssertionError("a draft was asked for")


@pytest.mark.usefixtures("fixed_classifier")
def test_a_draft_that_was_given_is_compared_with_the_cards_like_one_of_the_agents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = ask(monkeypatch, NoDraft(chance=literal), {**ELSE, "draft": DRAFT})
    assert (result["draft"], result["answer"]) == (DRAFT, DRAFT.replace(DRY, CARD["advice"]))
    assert [edit["criterion_id"] for edit in result["edits"]] == ["fact.tea-is-wet"]
    written = ask(monkeypatch, ScriptedChat(draft=DRAFT, chance=literal))
    assert (result["principles"], result["rubric"]) == (written["principles"], written["rubric"])


@pytest.mark.usefixtures("fixed_classifier")
def test_an_app_can_do_without_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ask(monkeypatch, ScriptedChat(draft=DRAFT, chance=literal), facts=False)
    assert result["answer"] == DRAFT.strip()
    assert [one["kind"] for one in result["principles"]] == ["principle"]


@pytest.mark.usefixtures("fixed_classifier")
def test_what_answers_the_question_is_corrected_beside_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ask(monkeypatch, ScriptedChat(draft=f"{DRY} Rest a while. Take tea often.", chance=literal))
    assert result["answer"].startswith(f"{DRY} Correction: {CARD['advice']}")


@pytest.mark.usefixtures("fixed_classifier")
def test_another_language_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    draft = "Ruhen Sie sich aus. Der Tee ist dry, das sagt man so. Trinken Sie viel Wasser und bleiben Sie im Bett."
    assert "fact" not in str(ask(monkeypatch, ScriptedChat(draft=draft, chance=literal))["rubric"])


def test_a_colleague_hears_the_colleagues_words() -> None:
    from principles.facts import said_to

    assert said_to(Expertise.HEALTH_PROFESSIONAL, card()).advice == CARD["colleague"]
    assert said_to(Expertise.LAYPERSON, card()).advice == CARD["advice"]
    assert said_to(Expertise.HEALTH_PROFESSIONAL, TEA) is TEA


def test_what_was_learnt_changes_the_bundled_encoder() -> None:
    untaught = CrossEncoderReader({})
    name = "classifier.bias"
    (key,) = [key for key in base_model().state_dict() if key.endswith(name)]
    taught = CrossEncoderReader({key: np.array([9.0], dtype=np.float16)})
    pair = [("Tea is dry.", beside(card()))]
    assert untaught(pair).shape == (1,)
    assert taught(pair)[0] > 0.99
    assert untaught([]).shape == (0,)
    assert MAX_TOKENS > 0


@pytest.mark.usefixtures("fixed_classifier")
def test_a_grade_knows_the_cards_as_the_critique_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "load_claim_critic", lambda encoder: critic())
    chat, retriever = ScriptedChat(draft=DRAFT, chance=literal), FixedRetriever(TEA)
    given: Any = Resources(chat, retriever)  # type: ignore[arg-type]
    graded = grader_over(given).invoke({"messages": [*ELSE["messages"], {"role": "assistant", "content": DRAFT}]})
    result = agent_over(given).invoke(ELSE | {"draft": DRAFT}, context=Context(max_rounds=0))
    assert [one["id"] for one in graded["principles"]] == ["task.tea", "fact.tea-is-wet"]
    assert graded["rubric"]["criteria"] == result["rubric"]["criteria"]
    assert graded["grade"] == result["rubric"]["final"]
    assert graded["grade"]["score"] < 1
