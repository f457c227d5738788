"""The parts of the local judge, without a model: evidence, counted features, what is joined, agreement."""

import numpy as np
import pytest

from principles.schema import Criterion
from training.judge.local.evidence import evidence, passages
from training.judge.local.features import Case, CriterionLore, WordWeights, counted_features, shallow_features
from training.judge.local.judge import held_out, joined
from training.judge.local.train import best_thresholds
from training.judge.local.words import WordReader, marked_words, unseen_logits
from training.judge.report.agreement import agreement, calibration_error, reliability

EYE = np.eye(4, dtype=np.float32)
TURNS = ({"role": "user", "content": "May I drink tea?"},)


def case(*criteria: Criterion, answer: str = "Drink tea. Take 200 mg.\n- Rest") -> Case:
    pieces = passages(answer)
    vectors = EYE[[place % 4 for place in range(len(pieces))]]
    return Case(TURNS, answer, criteria, pieces, vectors, EYE[[i % 4 for i in range(len(criteria))]], EYE[3])


def criterion(text: str, points: float = 5) -> Criterion:
    return Criterion(id=text, text=text, points=points)


def test_sentences_and_list_items_are_pieces_without_their_marks() -> None:
    text = "**Rest.** Drink tea! Sleep\n\n- 200 mg at night\n# Then\n- "
    assert passages(text) == ["Rest.** Drink tea!", "Sleep", "200 mg at night", "Then"]
    assert passages("") == [""]


def test_evidence_is_what_is_nearest_in_the_answers_order() -> None:
    pieces = ["one two three", "four five", "six seven", "eight"]
    likeness = np.array([0.1, 0.9, 0.2, 0.8], dtype=np.float32)
    assert evidence(pieces, likeness, words=3) == "… four five … eight"
    assert evidence(pieces, likeness, words=5) == "… four five six seven eight"


def test_evidence_is_never_empty_however_long_the_nearest_piece() -> None:
    assert evidence(["a b c d e", "f"], np.array([0.9, 0.1], dtype=np.float32), words=2).startswith("a b c d e")


def test_features_tell_shared_words_and_numbers() -> None:
    weights = WordWeights.counted(["drink tea", "rest", "take mg"])
    rows = counted_features(case(criterion("Drink tea"), criterion("Take 500 mg", -3)), weights)
    both = counted_features(case(criterion("Drink tea"), criterion("Take 200 mg", -3)), weights)
    assert rows.shape == both.shape
    changed = np.flatnonzero(rows[1] != both[1])
    assert changed.size > 0
    assert (rows[0] == both[0]).all()
    assert shallow_features(rows)[:, 0].tolist() == [5, -3]
    assert shallow_features(rows)[0, -2:].tolist() == [len("Drink tea. Take 200 mg.\n- Rest"), 3]


def test_likeness_is_worked_out_once() -> None:
    one = case(criterion("Drink tea"), criterion("Rest"))
    assert one.likeness.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert one.likeness is one.likeness


def test_a_criterion_without_words_breaks_nothing() -> None:
    assert np.isfinite(counted_features(case(criterion("?"), answer=""), WordWeights.counted([""]))).all()


def test_lore_takes_the_nearest_wordings_of_the_same_sign_but_not_its_own_item() -> None:
    lore = CriterionLore.learnt(
        EYE, np.array([True, True, False, True]), np.array([0, 1, 2, 3]), np.array([1, 0, 0.5, 0.25], dtype=np.float32)
    )
    found = lore.features(EYE[:1], np.array([True]))
    shut = lore.features(EYE[:1], np.array([True]), own_item=0)
    assert found[0, -1] == pytest.approx(1.0)
    assert found[0, -2] > 0.9  # its own wording, met always, outweighs the rest
    assert shut[0, -1] == pytest.approx(0.0)
    assert shut[0, -2] < 0.3


def test_joined_is_a_logistic_regression_with_the_bias_last() -> None:
    joint = np.array([1, 0, 0, 0, 2, -1], dtype=np.float32)
    found = joined(joint, np.array([1.0, 1.0]), np.array([0.5, 0.5]), np.array([0.0, 1.0]))
    assert found == pytest.approx([0.5, 1 / (1 + np.exp(-1.0))])


def test_the_held_out_share_is_of_items_and_stays_the_same() -> None:
    keys = [f"k{number % 10}" for number in range(40)]
    assert held_out(keys, 0.2, 0) == held_out(keys[::-1], 0.2, 0)
    assert len(held_out(keys, 0.2, 0)) == 2


def test_agreement_counts_only_what_was_judged() -> None:
    truth = np.array([True, True, False, False, True])
    chance = np.array([0.9, 0.8, 0.3, 0.1, 0.0])
    judged = np.array([True, True, True, True, False])
    found = agreement(truth, chance >= 0.5, chance, judged)
    assert (found.count, found.auc, found.macro_f1) == (4, 1.0, 1.0)
    assert found.unknown == pytest.approx(0.2)
    assert found.calibration_error == pytest.approx((0.1 + 0.2 + 0.3 + 0.1) / 4)


def test_a_judge_without_probabilities_has_no_calibration() -> None:
    truth, label = np.array([True, False]), np.array([True, False])
    found = agreement(truth, label, label.astype(float), np.ones(2, dtype=bool), calibrated=False)
    assert (found.auc, found.calibration_error) == (1.0, None)


def test_agreement_with_one_kind_of_verdict_is_not_a_number() -> None:
    ones = np.ones(3, dtype=bool)
    assert agreement(ones, ones, ones.astype(float), ones).auc is None
    assert agreement(ones, ones, ones.astype(float), ~ones).count == 0


def test_reliability_and_its_error() -> None:
    chance = np.array([0.05, 0.06, 0.95, 1.0])
    truth = np.array([False, True, True, True])
    assert [count for *_, count in reliability(truth, chance)] == [2, 2]
    assert calibration_error(truth, chance) == pytest.approx((abs(0.055 - 0.5) * 2 + abs(0.975 - 1) * 2) / 4)


def test_words_are_marked_by_their_presence_and_the_criterions_sign() -> None:
    assert marked_words(case(criterion("Drink milk"), criterion("Take 200", -3))) == [
        "p:drink+ p:milk-",
        "n:take+ n:200+",
    ]


def test_the_word_reader_learns_which_words_decide() -> None:
    marked = ["p:names+ p:dose+", "p:names+ p:dose-", "n:names+ n:dose-"] * 6
    met = np.array([True, False, False] * 6)
    reader = WordReader.learnt(marked, met)
    yes, no = reader.logits(["p:dose+", "p:dose- p:unseen+"])
    assert yes > no


def test_an_items_own_verdicts_do_not_tell_its_logits() -> None:
    marked = [f"p:word{number // 4}+ p:all+" for number in range(40)]
    items = np.arange(40) // 4
    met = items % 2 == 0
    found = unseen_logits(marked, met, items)
    other = met.copy()
    other[:4] = ~met[:4]
    assert unseen_logits(marked, other, items)[:4] == pytest.approx(found[:4])
    assert WordReader.learnt(marked, met).logits(marked)[0] > found[0] + 0.5


def test_thresholds_are_those_of_the_best_macro_f1_to_be_expected() -> None:
    sure = np.array([0.05, 0.1, 0.9, 0.95] * 5, dtype=np.float32)
    faults, wanted = best_thresholds(sure, np.arange(20) < 10)
    assert 0.1 < faults <= 0.9
    assert 0.1 < wanted <= 0.9
    # Where hardly anything is met, a hit is worth more than a false alarm costs.
    rare = np.linspace(0.01, 0.45, 200, dtype=np.float32)
    assert best_thresholds(np.concatenate([rare, sure]), np.arange(220) >= 200)[0] < 0.45
