"""The scenario step as it ships: the bundled encoder, fitted on the tune questions, judged on all others."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.scenario.classifier import ScenarioClassifier, load_classifier
from agent.scenario.measure import Counts, confusion, scores
from agent.scenario.questions import load_questions
from principles.schema import Dimension, Urgency
from retrieval.encoder import load_encoder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScenarioClassifier]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLINALIGN_CACHE", str(tmp_path_factory.mktemp("cache")))
        encode = load_encoder().encode
        load_classifier(encode)
        # The second load reads what the first has written: the figures are of the heads in the cache.
        yield load_classifier(encode)


@pytest.fixture(scope="module")
def counts(classifier: ScenarioClassifier) -> dict[Dimension, Counts]:
    return confusion(classifier, load_questions("test"))[0]


@pytest.fixture(scope="module")
def blind(classifier: ScenarioClassifier) -> dict[Dimension, Counts]:
    return confusion(classifier, load_questions("blind"))[0]


@pytest.mark.parametrize(
    ("dimension", "floor"), [("urgency", 0.85), ("uncertainty", 0.88), ("expertise", 0.93), ("task", 0.87)]
)
def test_macro_f1(counts: dict[Dimension, Counts], dimension: Dimension, floor: float) -> None:
    assert scores(counts[dimension])["macro"]["f1"] >= floor


# What there is on questions of other hands (docs/scenario.md), and not what is aimed at: it must not become less.
@pytest.mark.parametrize(
    ("dimension", "floor"), [("urgency", 0.73), ("uncertainty", 0.86), ("expertise", 0.96), ("task", 0.86)]
)
def test_macro_f1_on_questions_of_other_hands(
    blind: dict[Dimension, Counts], dimension: Dimension, floor: float
) -> None:
    assert scores(blind[dimension])["macro"]["f1"] >= floor


def test_no_emergency_of_other_hands_is_missed(blind: dict[Dimension, Counts]) -> None:
    assert scores(blind["urgency"])["emergent"]["recall"] >= 0.97
    assert blind["urgency"]["emergent"]["non_emergent"] == 0


def test_emergencies_are_recognised(counts: dict[Dimension, Counts]) -> None:
    # 63 of 65, where 0.97 is aimed at (docs/scenario.md): the floor guards what there is.
    assert scores(counts["urgency"])["emergent"]["recall"] >= 0.96
    assert counts["urgency"]["emergent"]["non_emergent"] == 0


def test_possible_emergencies_are_rarely_called_none(counts: dict[Dimension, Counts]) -> None:
    urgent = [counts["urgency"][value] for value in ("emergent", "conditionally_emergent")]
    assert sum(row["non_emergent"] for row in urgent) <= 0.1 * sum(sum(row.values()) for row in urgent)


def test_an_emergency_stays_one_through_the_next_turn(classifier: ScenarioClassifier) -> None:
    turns = [
        {"role": "user", "content": "My father has crushing chest pain, he is grey and sweating and can't speak."},
        {"role": "assistant", "content": "Call your local emergency number now."},
        {"role": "user", "content": "should he lie down"},
    ]
    assert classifier.classify(turns).urgency == "emergent"


@pytest.mark.parametrize("content", ["", "\0", "{person} {0} %s " * 10_000, "a" * 200_000])
def test_odd_questions(classifier: ScenarioClassifier, content: str) -> None:
    assert classifier.classify([{"role": "user", "content": content}]).confidence


def test_a_question_takes_less_than_a_third_of_a_second(classifier: ScenarioClassifier) -> None:
    turns = [{"role": "user", "content": "Can I take ibuprofen with my blood pressure tablets?"}]
    spent = []
    for _ in range(10):
        start = time.perf_counter()
        classifier.classify(turns)
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.3


def test_nothing_but_the_cache_is_written(
    classifier: ScenarioClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    classifier.classify([{"role": "user", "content": "hello"}])
    assert not list(tmp_path.iterdir())


CALM = (
    "I have been trying to eat better this month and want to tell you about it. Breakfast is porridge with berries, "
    "and on Sundays eggs with toast. I walk to work, which takes half an hour, and I climb the stairs. At lunch I "
    "have soup, often lentil or tomato, with a roll. In the afternoon there is tea, and in the evening fish or "
    "chicken with vegetables. "
) * 9


@pytest.mark.parametrize("place", [950, 2200])
@pytest.mark.parametrize(
    "flag",
    [
        "Since this morning I have crushing chest pain going down my arm and I am sweating. ",
        "My left arm is weak since an hour and my speech is slurred. ",
    ],
)
def test_a_red_flag_deep_in_a_long_message_is_seen(classifier: ScenarioClassifier, flag: str, place: int) -> None:
    told = f"{CALM[:place]}. {flag}{CALM[place:]} How much protein should I eat a day?"
    for turns in ([told], [told, "So what should I do?"]):
        found = classifier.classify([{"role": "user", "content": text} for text in turns])
        assert found.urgency is Urgency.EMERGENT


def test_a_long_calm_message_is_no_emergency(classifier: ScenarioClassifier) -> None:
    asked = [{"role": "user", "content": f"{CALM} How much protein should I eat a day?"}]
    assert classifier.classify(asked).urgency is Urgency.NON_EMERGENT
