"""The scenario step with a made-up encoder: reading, deciding, caching, measuring."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from agent.scenario.__main__ import main
from agent.scenario.classifier import ScenarioClassifier, load_classifier
from agent.scenario.cues import cue_names, cues
from agent.scenario.features import Array, features
from agent.scenario.heads import NAMES, Heads, read, written
from agent.scenario.learn import fit
from agent.scenario.measure import confusion, scores
from agent.scenario.questions import Question, load_physicians, load_questions
from principles.errors import InputError
from principles.files import cache_dir
from principles.schema import DIMENSIONS, Urgency

WIDTH = 16
# One question of each value, so that each head has something to tell apart.
OTHERS = list(zip(*(itertools.islice(itertools.cycle(map(str, DIMENSIONS[name])), 8) for name in NAMES), strict=True))


def encode(texts: Sequence[str]) -> Array:
    """Bags of hashed words, normalised."""
    rows = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split() or [""]:
            row[int(hashlib.sha256(word.encode()).hexdigest(), 16) % WIDTH] += 1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def user(*contents: str) -> list[dict[str, str]]:
    turns = [{"role": "user", "content": content} for content in contents]
    return [message for turn in turns for message in (turn, {"role": "assistant", "content": "blue lips"})][:-1]


def cue(name: str, text: str) -> float:
    return dict(zip(cue_names(), cues(text), strict=True))[name]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    text = files("agent.scenario").joinpath("questions.yaml").read_bytes()
    found: list[dict[str, Any]] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found


@pytest.fixture(scope="module")
def small() -> list[Question]:
    return load_questions("tune")[::12]


def heads_saying(**wanted: Sequence[float]) -> Heads:
    """Heads that give the same probabilities whatever the question."""
    support = np.zeros((1, WIDTH + len(cue_names())), dtype=np.float32)
    sure = {name: wanted.get(name, [1.0] + [1e-9] * (len(DIMENSIONS[name]) - 1)) for name in NAMES}
    return Heads(
        support,
        np.array(["hello"]),
        np.ones(1, dtype=np.float32),
        {name: np.zeros((1, len(DIMENSIONS[name])), dtype=np.float32) for name in NAMES},
        {name: np.zeros((1, len(DIMENSIONS[name])), dtype=np.float32) for name in NAMES},
        {name: np.log(np.asarray(sure[name], dtype=np.float32)) for name in NAMES},
    )


def test_questions_are_enough_of_each_value_and_split_by_their_ids(rows: list[dict[str, Any]]) -> None:
    first = [row for row in rows if not row["id"].startswith(("more-", "hand-", "blind-"))]
    assert len(first) >= 360
    assert len({row["id"] for row in rows}) == len(rows)
    for row in first:
        odd = int(hashlib.sha256(row["id"].encode()).hexdigest()[-1], 16) % 2
        assert row["split"] == ("test" if odd else "tune")
    assert {row["split"] for row in rows if row["id"].startswith(("more-", "hand-"))} == {"tune"}
    assert {row["split"] for row in rows if row["id"].startswith("blind-")} == {"blind"}
    counts = Counter((name, row[name]) for row in first for name in NAMES)
    assert counts["urgency", "emergent"] >= 80
    assert counts["expertise", "health_professional"] >= 90
    assert all(counts["task", str(value)] >= 40 for value in DIMENSIONS["task"])
    assert all(counts["uncertainty", str(value)] >= 90 for value in DIMENSIONS["uncertainty"])


def test_questions_keep_to_the_definitions(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for name in NAMES:
            assert row[name] in {str(value) for value in DIMENSIONS[name]}, row["id"]
        assert ("question" in row) != ("turns" in row), row["id"]
        # What may be an emergency, depending on facts not given, is uncertain in a way that facts reduce.
        assert row["urgency"] != "conditionally_emergent" or row["uncertainty"] == "reducible", row["id"]


def test_no_question_is_in_both_halves(rows: list[dict[str, Any]]) -> None:
    def said(split: str) -> set[str]:
        return {
            json.dumps(row.get("turns") or row["question"].lower().strip(" ?.!"))
            for row in rows
            if row["split"] == split
        }

    assert not said("tune") & (said("test") | said("blind"))


def test_cues_are_numbers_between_0_and_1() -> None:
    for text in ("", " ", "{} {person} \0 %s", "blue lips " * 50, "sats 81% BP 70/40"):
        assert len(cues(text)) == len(cue_names())
        assert all(0 <= value <= 1 for value in cues(text))


@pytest.mark.parametrize(
    ("name", "alarming", "calm"),
    [
        ("severe_breathing", "she can't breathe and her lips are blue", "can I get a blue badge"),
        ("severe_brain", "his face is drooping", "what do the numbers mean"),
        ("severe_poison", "he drank antifreeze", "I drink tea"),
        ("possible_infection", "I have a fever", "no fever"),
        ("dangerous_number", "sats 81 on air", "sats 98 on air"),
        ("dangerous_number", "BP 70/40", "BP 118/76"),
        ("worrying_number", "INR 5.2", "INR 2.5"),
        ("write_verb", "please summarise this letter", "I have a letter"),
        ("professional_setting", "my patient has a cough", "my son has a cough"),
    ],
)
def test_cue_is_seen_and_not_imagined(name: str, alarming: str, calm: str) -> None:
    assert cue(name, alarming) > 0
    assert cue(name, calm) == 0


def test_typographic_and_missing_apostrophes_read_alike() -> None:
    assert cues("I can't breathe") == cues("I can’t breathe")
    assert cue("severe_breathing", "i cant breathe") > 0


def test_features_read_user_turns_only_in_one_call() -> None:
    calls: list[Sequence[str]] = []

    def counted(texts: Sequence[str]) -> Array:
        calls.append(texts)
        return encode(texts)

    alone, with_past = features(counted, [user("hello"), user("my chest hurts", "hello")])
    assert len(calls) == 1
    assert not any("blue" in text for text in calls[0])
    assert alone.dense.shape == (1, WIDTH + len(cue_names()))
    assert with_past.dense.shape == (2, WIDTH + len(cue_names()))
    np.testing.assert_array_equal(alone.dense[0], with_past.dense[0])
    assert not np.array_equal(with_past.dense[0], with_past.dense[1])
    assert alone.texts == ["hello"]
    assert with_past.texts == ["hello", "my chest hurts hello"]


def test_a_long_text_is_read_at_its_start_and_its_end() -> None:
    seen: list[str] = []

    def counted(texts: Sequence[str]) -> Array:
        seen.extend(texts)
        return encode(texts)

    features(counted, [user("START " + "x" * 200_000 + " END")])
    assert sum(map(len, seen)) < 3_000
    assert seen[0].startswith("START")
    assert seen[-1].endswith("END")


@pytest.mark.parametrize("turns", [[], [{"role": "assistant", "content": "hello"}], [{"content": "hello"}]])
def test_no_user_turn_is_an_input_error(turns: list[dict[str, str]]) -> None:
    with pytest.raises(InputError, match="no user turn"):
        features(encode, [turns])


@pytest.mark.parametrize("content", ["", " \n", "\0", "{}{person}%s\0" * 20_000, "🫀" * 3_000, "x" * 200_000])
def test_odd_questions_are_classified(content: str, small: list[Question]) -> None:
    found = ScenarioClassifier(encode, fit(encode, small)).classify(user(content))
    assert all(0 <= found.confidence[name] <= 1 for name in NAMES)


def test_the_most_probable_value_is_taken_with_its_probability() -> None:
    found = ScenarioClassifier(
        encode, heads_saying(urgency=[0.05, 0.1, 0.85], expertise=[0.1, 0.9], uncertainty=[0.2, 0.7, 0.1])
    ).classify(user("hello"))
    assert (found.urgency, found.expertise, found.uncertainty) == ("non_emergent", "layperson", "reducible")
    assert found.confidence["urgency"] == pytest.approx(0.85, abs=1e-3)
    assert found.confidence["uncertainty"] == pytest.approx(0.7, abs=1e-3)
    assert found.guessed == ()


@pytest.mark.parametrize(
    ("urgency", "expected"),
    [
        ([0.25, 0.05, 0.7], Urgency.EMERGENT),
        ([0.1, 0.4, 0.5], Urgency.CONDITIONALLY_EMERGENT),
    ],
)
def test_in_doubt_the_more_urgent_value_is_taken(urgency: list[float], expected: Urgency) -> None:
    found = ScenarioClassifier(encode, heads_saying(urgency=urgency)).classify(user("hello"))
    assert found.urgency == expected
    assert found.guessed == ("urgency",)
    assert found.confidence["urgency"] == pytest.approx(urgency[list(Urgency).index(expected)], abs=1e-3)


def test_in_doubt_the_reader_is_a_layperson() -> None:
    found = ScenarioClassifier(encode, heads_saying(expertise=[0.55, 0.45])).classify(user("hello"))
    assert found.expertise == "layperson"
    assert found.guessed == ("expertise",)


def test_urgency_is_the_more_urgent_of_last_turn_alone_and_in_context() -> None:
    alarm = features(encode, [user("he collapsed and is blue")])[0].dense
    calm = features(encode, [user("thank you")])[0].dense
    support = np.vstack([alarm, calm])
    heads = heads_saying(urgency=[0.01, 0.01, 0.98])
    heads.weights["urgency"] = np.array([[40, 0, 0], [0, 0, 40]], dtype=np.float32)
    classifier = ScenarioClassifier(
        encode,
        Heads(
            support,
            heads.terms,
            heads.rarity,
            {n: np.vstack([heads.weights[n]] * 2)[:2] for n in NAMES} | {"urgency": heads.weights["urgency"]},
            heads.words,
            heads.bias,
        ),
    )
    assert classifier.classify(user("thank you")).urgency == "non_emergent"
    assert classifier.classify(user("thank you", "he collapsed and is blue")).urgency == "emergent"
    assert classifier.classify(user("he collapsed and is blue", "he collapsed and is blue")).urgency == "emergent"


def test_fit_learns_its_own_questions(small: list[Question]) -> None:
    counts, _ = confusion(ScenarioClassifier(encode, fit(encode, small)), small)
    for name in NAMES:
        assert scores(counts[name])["macro"]["f1"] > 0.8, name


def test_a_word_that_others_shared_counts_where_the_vector_says_nothing() -> None:
    def silent(texts: Sequence[str]) -> Array:
        return np.full((len(texts), WIDTH), WIDTH**-0.5, dtype=np.float32)

    rest = {"uncertainty": "none", "expertise": "layperson", "task": "medication"}
    told = [("zib zab", "emergent"), ("zib zob", "emergent"), ("wub zab", "non_emergent"), ("wub zob", "non_emergent")]
    questions = [Question(user(text), rest | {"urgency": urgency}) for text, urgency in told]
    questions += [Question(user("other"), dict(zip(NAMES, values, strict=True))) for values in OTHERS]
    heads = fit(silent, questions)
    assert heads.probabilities(features(silent, [user("Zib!")])[0])["urgency"][0, 0] > 0.6
    assert heads.probabilities(features(silent, [user("wub")])[0])["urgency"][0, 0] < 0.3


def test_heads_are_fitted_once_and_then_read(monkeypatch: pytest.MonkeyPatch, small: list[Question]) -> None:
    monkeypatch.setattr("agent.scenario.classifier.load_questions", lambda split: small if split == "tune" else [])
    first = load_classifier(encode).classify(user("my chest hurts"))
    monkeypatch.setattr("agent.scenario.classifier.fit", lambda *_: pytest.fail("fitted again"))
    assert load_classifier(encode).classify(user("my chest hurts")) == first
    monkeypatch.undo()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nothing", b"x" * 100])
def test_a_damaged_cache_is_fitted_anew(monkeypatch: pytest.MonkeyPatch, small: list[Question], damage: bytes) -> None:
    monkeypatch.setattr("agent.scenario.classifier.load_questions", lambda split: small)
    first = load_classifier(encode).classify(user("my chest hurts"))
    (path,) = cache_dir("scenario").glob("*.npz")
    path.write_bytes(damage)
    assert load_classifier(encode).classify(user("my chest hurts")) == first


def test_heads_of_another_width_or_not_finite_are_refused() -> None:
    heads = heads_saying()
    width = WIDTH + len(cue_names())
    assert read(written(heads), width) is not None
    assert read(written(heads), width + 1) is None
    heads.words["task"][0] = np.nan
    assert read(written(heads), width) is None


def test_another_encoder_has_heads_of_its_own(monkeypatch: pytest.MonkeyPatch, small: list[Question]) -> None:
    monkeypatch.setattr("agent.scenario.classifier.load_questions", lambda split: small)
    load_classifier(encode)
    load_classifier(lambda texts: np.roll(encode(texts), 1, axis=1))
    assert len(list(cache_dir("scenario").glob("*.npz"))) == 2


def test_scores_by_hand() -> None:
    found = scores({"yes": {"yes": 3, "no": 1}, "no": {"yes": 2, "no": 4}})
    assert found["yes"] == {"precision": 0.6, "recall": 0.75, "f1": pytest.approx(6 / 9), "count": 4}
    assert found["macro"]["f1"] == pytest.approx((6 / 9 + 8 / 11) / 2)


def test_physicians_tags_become_labels(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    tags = [
        ["physician_agreed_category:not-health-professional", "theme:x"],
        None,
        ["physician_agreed_category:simple"],
    ]
    path.write_text("\n".join(json.dumps({"prompt": user("hi"), "example_tags": tag}) for tag in tags))
    assert [question.labels for question in load_physicians(path)] == [{"expertise": "layperson"}]


@pytest.mark.parametrize("text", ["not json", "[]", '{"prompt": []}'])
def test_a_wrong_data_file_is_told_without_a_traceback(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("retrieval.encoder.load_encoder", lambda: SimpleNamespace(encode=encode))
    path = tmp_path / "wrong.jsonl"
    path.write_text(text)
    assert main(["evaluate", "--data", str(path)]) == 2
    assert str(path) in capsys.readouterr().err
    assert main(["evaluate", "--data", str(tmp_path / "absent")]) == 2


def test_evaluate_prints_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small: list[Question]
) -> None:
    monkeypatch.setattr("retrieval.encoder.load_encoder", lambda: SimpleNamespace(encode=encode))
    for module in ("classifier", "measure"):
        monkeypatch.setattr(f"agent.scenario.{module}.load_questions", lambda split: small)
    assert main(["evaluate", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["test"]) == set(report["blind"]) == set(NAMES)
    assert main(["evaluate"]) == 0
    assert "macro" in capsys.readouterr().out
