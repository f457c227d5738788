"""The reward is the grade, mapped to [0, 1]; None where nothing could be judged; no text in what it logs."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from principles.errors import ModelError
from principles.grader import Turns, grade
from principles.schema import Criterion, Label, Rubric, Verdict
from tests import needs
from tests.fakes import WordEncoder
from training.common.items import Item
from training.grpo.log import NO_SIGNAL
from training.grpo.overlong import Overlong, overlong_from
from training.grpo.reward import RewardOptions, RubricReward
from training.grpo.weighting import level, thinned, unit
from training.judge import batch as grading
from training.judge.batch import JudgeDown
from training.judge.registry import ENTRIES, RULES, make_judge
from training.judge.rules import LexicalJudge, SimilarityJudge, content_words

QUESTION = ({"role": "user", "content": "How do I treat a burn?"},)
CRITERIA = (
    Criterion(id="water", text="cool water", points=6, principle_id="urgency.burn"),
    Criterion(id="doctor", text="doctor", points=2, safety_critical=True),
    Criterion(id="butter", text="butter", points=-4),
)
SENTENCES = (
    "Cool the burn under running water.",
    "Do not put butter on it.",
    "See a doctor where it blisters.",
    "Water is wet and the sky is blue.",
    "Cover it loosely with clean film.",
    "Call an ambulance for large burns.",
)
ITEM = Item(key="burn", turns=QUESTION, rubric=Rubric(criteria=CRITERIA), criterion_tags={"water": ("axis:accuracy",)})


class WordJudge:
    """MET where the criterion's text is in the answer. Answers in `broken` fail, criteria in `unknown` too."""

    def __init__(self, broken: Sequence[str] = (), unknown: Sequence[str] = ()) -> None:
        self.broken, self.unknown = broken, unknown
        self.asked: list[list[str]] = []

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        self.asked.append([criterion.id for criterion in criteria])
        if answer in self.broken:
            raise ModelError("gone")
        return [
            Verdict(criterion_id=c.id, label=Label.MET if c.text in answer else Label.NOT_MET)
            for c in criteria
            if c.id not in self.unknown
        ]


class BatchJudge(WordJudge):
    calls = 0

    def verdicts_many(self, cases: Sequence[tuple[Turns, str, Sequence[Criterion]]]) -> list[list[Verdict]]:
        self.calls += 1
        return [WordJudge.verdicts(self, *case) for case in cases]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "PAUSES_S", (0.0,))


def rewards(answers: Sequence[str], judge: Any, **options: Any) -> list[float | None]:
    return RubricReward({"burn": ITEM}, judge, RewardOptions(**options))([QUESTION] * len(answers), [
        [{"role": "assistant", "content": answer}] for answer in answers
    ], key=["burn"] * len(answers))  # fmt: skip


def test_wanted_things_only_is_the_score_without_faults() -> None:
    assert rewards(["cool water", "doctor, butter", "", "cool water, doctor"], WordJudge()) == [0.75, 0.25, 0, 1]


def test_signed_is_the_one_score_moved_into_the_unit_interval() -> None:
    answers = ["cool water", "cool water, butter", "butter", "doctor, cool water"]
    found = rewards(answers, WordJudge(), points="signed")
    scores = [grade(ITEM.rubric, QUESTION, answer, WordJudge()).score for answer in answers]
    lowest = -4 / 8
    assert found == [pytest.approx((score - lowest) / (1 - lowest)) for score in scores if score is not None]
    assert (found[2], found[3]) == (0, 1)


def test_safety_weight_counts_more() -> None:
    assert rewards(["doctor"], WordJudge(), safety_weight=3) == [0.5]


def test_soft_takes_the_probability() -> None:
    rubric = Rubric(criteria=(Criterion(id="a", text="a", points=1),))
    judged = grade(rubric, QUESTION, "x", _Fixed(0.3))
    assert (unit(judged, rubric), unit(judged, rubric, soft=True)) == (0, 0.3)


class _Fixed:
    def __init__(self, chance: float) -> None:
        self.chance = chance

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        return [Verdict(criterion_id=c.id, label=Label.NOT_MET, probability=self.chance) for c in criteria]


def test_none_where_the_judge_failed_and_its_siblings_are_kept() -> None:
    assert rewards(["doctor", "cool water"], WordJudge(broken=["doctor"])) == [None, 0.75]


def test_none_where_too_little_was_judged() -> None:
    assert rewards(["doctor"], WordJudge(unknown=["water"]), least_coverage=0.6) == [None]
    assert rewards(["doctor"], WordJudge(unknown=["water"]), least_coverage=0.5) == [1]


def test_a_judge_that_is_gone_stops_the_training() -> None:
    judge = WordJudge(broken=["a", "b"])
    with pytest.raises(JudgeDown, match="all 2 answers"):
        rewards(["a", "b"], judge)
    assert len(judge.asked) == 4  # tried twice


def test_a_judge_with_batches_is_called_once() -> None:
    judge = BatchJudge()
    assert rewards(["cool water", "doctor"], judge) == rewards(["cool water", "doctor"], WordJudge())
    assert judge.calls == 1


def test_several_workers_keep_the_order() -> None:
    answers = ["cool water", "doctor", "", "cool water, doctor"] * 4
    assert rewards(answers, WordJudge(), workers=4) == rewards(answers, WordJudge())


def test_a_group_is_judged_by_the_same_criteria_and_another_step_by_others() -> None:
    many = Item(
        key="burn",
        turns=QUESTION,
        rubric=Rubric(criteria=tuple(Criterion(id=str(n), text=f"t{n}", points=1) for n in range(40))),
    )
    judge = WordJudge()
    reward = RubricReward({"burn": many}, judge, RewardOptions(dropout=0.5))
    for step in (1, 1, 2):
        reward([QUESTION] * 3, ["a", "b", "c"], key=["burn"] * 3, trainer_state=_State(step))
    assert judge.asked[0] == judge.asked[2] == judge.asked[5] != judge.asked[6]
    assert 8 < len(judge.asked[0]) < 32


class _State:
    def __init__(self, global_step: int) -> None:
        self.global_step = global_step


def test_dropout_leaves_something_to_earn() -> None:
    for seed in range(50):
        kept = thinned(ITEM.rubric, 0.95, str(seed)).criteria
        assert any(criterion.points > 0 for criterion in kept)


@pytest.mark.parametrize(("usual", "longest", "start"), [(100, 200, 160), (150, 200, 188), (160, 200, None)])
def test_the_penalty_on_length_begins_late(usual: int, longest: int, start: int | None) -> None:
    assert overlong_from(usual, longest) == start


def test_the_penalty_on_length_rewards_no_brevity_and_knows_no_floor() -> None:
    needs.require("training")
    rubric = RubricReward({"burn": ITEM}, WordJudge(broken=["x"]), RewardOptions())
    overlong = Overlong(rubric, 8, 10, 0.1)
    answers = ["cool water", "cool water", "cool water", "", "x"]
    lengths = [1, 8, 9, 10, 10]
    told = {"prompts": [QUESTION] * 5, "completions": answers, "completion_ids": [[1] * n for n in lengths]}
    assert rubric(**told, key=["burn"] * 5) == [0.75, 0.75, 0.75, 0, None]  # type: ignore[arg-type]
    assert overlong(**told, key=["burn"] * 5) == [0, 0, -0.05, -0.1, None]


def test_a_group_that_hardly_spreads_teaches_nothing() -> None:
    noise, signal, alone = [0.5, 0.505, None, 0.51], [0.5, 0.6, None, 0.7], [None, 0.3, None, None]
    found = level([*noise, *signal, *alone, *[None] * 4], group=4, least_spread=0.01)
    assert found[:4] == [pytest.approx(0.505)] * 2 + [None, pytest.approx(0.505)]
    assert len({value for value in found[:4] if value is not None}) == 1
    assert found[4:] == [*signal, *alone, *[None] * 4]
    assert level(noise, group=4, least_spread=0.0) == noise


@pytest.mark.parametrize(("least", "share"), [(0.0, 0.5), (0.06, 1.0), (0.04, 0.5)])
def test_the_log_says_which_share_of_groups_is_without_signal(least: float, share: float) -> None:
    """With soft verdicts none is equal to another, and the share of equal ones would stay 0."""
    rubric = Rubric(criteria=(Criterion(id="a", text="a", points=1),))
    items = {name: Item(key=name, turns=QUESTION, rubric=rubric) for name in ("one", "two")}
    logged: dict[str, float] = {}
    chances = iter([0.5, 0.6, 0.3, 0.3])

    class Soft(_Fixed):
        def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
            self.chance = next(chances)
            return super().verdicts(turns, answer, criteria)

    reward = RubricReward(items, Soft(0), RewardOptions(soft=True, group=2, least_spread=least))
    keys = ["one", "one", "two", "two"]
    found = reward([QUESTION] * 4, list("abcd"), key=keys, log_metric=logged.__setitem__)
    assert logged["reward/spread"] == pytest.approx(0.025)
    assert logged[NO_SIGNAL] == share
    assert len(set(found[:2])) == (1 if least > 0.05 else 2)


def test_held_out_rows_are_the_gold_judges() -> None:
    logged: dict[str, float] = {}
    reward = RubricReward({"burn": ITEM}, WordJudge(), RewardOptions(dropout=0.9), gold=_Fixed(0.0))
    found = reward([QUESTION], ["cool water"], key=["burn"], held_out=[True], log_metric=logged.__setitem__)
    assert (found, logged) == ([0], {"proxy": 0.75, "gold_none": 0, "gold/burn": 0})


def test_a_held_out_question_without_a_gold_score_is_not_logged() -> None:
    logged: dict[str, float] = {}
    gold = WordJudge(unknown=["water", "doctor"])
    reward = RubricReward({"burn": ITEM}, WordJudge(), RewardOptions(), gold=gold)
    found = reward([QUESTION], ["cool water"], key=["burn"], held_out=[True], log_metric=logged.__setitem__)
    assert (found, logged) == ([None], {"proxy": 0.75, "gold_none": 1})


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.blind_to_padding])
def test_judges_called_blind_to_padding_never_mind_a_sentence_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.encoder.load_encoder", WordEncoder)
    judge = make_judge(name)
    criteria = [Criterion(id=str(n), text=text, points=5) for n, text in enumerate(SENTENCES)]
    chance = random.Random(0)
    for _ in range(50):
        answer = " ".join(chance.sample(SENTENCES, 3))
        longer = f"{answer} {chance.choice(SENTENCES)}"
        for before, after in zip(*(judge.verdicts(QUESTION, text, criteria) for text in (answer, longer)), strict=True):
            assert after.probability >= before.probability  # type: ignore[operator]


def test_every_judge_by_rule_is_called_blind_to_padding_and_none_that_reads() -> None:
    assert {name for name, entry in ENTRIES.items() if entry.blind_to_padding} == set(RULES)


def test_metrics_by_axis_principle_and_sign_and_no_text() -> None:
    logged: dict[str, float] = {}
    extra: list[Any] = []
    reward = RubricReward({"burn": ITEM}, WordJudge(), RewardOptions(points="signed", group=2))
    reward(
        [QUESTION] * 2,
        ["cool water", "butter, secret"],
        key=["burn"] * 2,
        log_metric=logged.__setitem__,
        log_extra=lambda name, values: extra.append((name, values)),
    )
    assert logged == {
        "reward/none": 0,
        "reward/spread": pytest.approx(5 / 12),
        "reward/no_signal": 0,
        "reward/coverage": 1,
        "met/wanted": 0.25,
        "met/faults": 0.5,
        "met/safety": 0,
        "met/axis/accuracy": 0.5,
        "met/principle/urgency.burn": 0.5,
    }
    assert extra == []


def test_texts_are_logged_where_they_are_asked_for() -> None:
    extra: dict[str, list[str]] = {}
    reward = RubricReward({"burn": ITEM}, WordJudge(), RewardOptions(log_text=True))
    reward([QUESTION], ["cool water"], key=["burn"], log_extra=extra.__setitem__)
    assert extra == {"verdicts": ["MET: cool water\nNOT_MET: doctor"]}


def test_the_lexical_judge_counts_content_words() -> None:
    assert content_words("Says that tablets will help, and WATER") == ["tablets", "help", "water"]
    rubric = (Criterion(id="a", text="Says to press firmly", points=1), Criterion(id="b", text="It is so", points=1))
    found = LexicalJudge().verdicts(QUESTION, "Press it.", rubric)
    assert [(v.label, v.probability) for v in found] == [(Label.MET, 0.5), (Label.UNKNOWN, None)]


def test_the_similarity_judge_takes_the_nearest_sentence() -> None:
    judge = SimilarityJudge(WordEncoder())
    criteria = (Criterion(id="a", text="drink cool water", points=1),)
    near, far, empty = judge.verdicts_many(
        [(QUESTION, text, criteria) for text in ("Hello there. Drink cool water.", "Nothing here", "")]
    )
    assert [found[0].label for found in (near, far, empty)] == [Label.MET, Label.NOT_MET, Label.NOT_MET]
    assert near[0].probability == 1
    assert judge.verdicts(QUESTION, "Hello there. Drink cool water.", criteria) == near
