"""A judge that runs on a laptop: trained on another judge's verdicts, tens of verdicts a second on two cores.

Two halves look at each criterion: a cross-encoder reads the evidence for it (`reader.py`), and boosted trees
weigh what can be counted (`counted.py`). A logistic regression on items that neither has seen joins
them, and so calibrates the probability. Thresholds for MET, one for wanted things and one for faults, are
chosen there too.

HealthBench verdicts of GPT-4.1 that are public carry a non-commercial licence: a judge trained on them is for
measuring and research, and is not shipped.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from principles.errors import ConfigError
from principles.grader import Turns
from principles.schema import Criterion, Label, Verdict
from retrieval.encoder import Encoder, load_encoder
from training.common.extras import require_extra
from training.common.reader import half_precision, read
from training.judge.batch import Asked
from training.judge.local.counted import CountingHalf
from training.judge.local.evidence import evidence, passages
from training.judge.local.features import Array, Case, WordWeights, counted_features, shallow_features

FORMAT = 2
# Characters of the question that say what the conversation is about.
QUESTION = 1_500
# What judge.json calls a judge that has learnt from HealthBench Hard.
MEASURING_ONLY = "measuring_only"


@dataclass
class LocalJudge:
    """See `principles.grader.Judge`; `load` gives one. `joint` are the weights of `joined`, `met_from` the
    thresholds for criteria with negative and with positive points."""

    reader: Any
    counting: CountingHalf
    joint: Array
    met_from: tuple[float, float]
    encoder: Encoder

    @classmethod
    def load(cls, folder: Path) -> "LocalJudge":
        """The judge that `save` wrote. Raises ConfigError where there is none or it was made with another encoder."""
        require_extra("the local judge", "lightgbm")
        import lightgbm
        from sentence_transformers.cross_encoder import CrossEncoder

        encoder = load_encoder()
        try:
            facts = json.loads((folder / "judge.json").read_text(encoding="utf-8"))
            if [facts["format"], *facts["encoder"]] != [FORMAT, encoder.name, encoder.revision]:
                raise ConfigError(f"{folder} was made by another version or for another encoder: train the judge again")
            counting = CountingHalf.load(folder)
            reader = CrossEncoder(str(folder / "reader"), device="cpu", local_files_only=True)
            joint, met_from = np.asarray(facts["joint"], dtype=np.float32), tuple(facts["met_from"])
        except (OSError, ValueError, KeyError, TypeError, lightgbm.basic.LightGBMError) as error:
            raise ConfigError(
                f"{folder} holds no usable judge ({type(error).__name__}): make one with python -m training judge-train"
            ) from None
        return cls(reader, counting, joint, met_from, encoder)

    def save(self, folder: Path, about: dict[str, Any]) -> None:
        """Write the judge; `about` is what it was trained on and how it did."""
        self.reader.save_pretrained(str(folder / "reader"))
        self.counting.save(folder)
        facts = {
            "format": FORMAT,
            "about": about,
            "encoder": [self.encoder.name, self.encoder.revision],
            "joint": self.joint.tolist(),
            "met_from": list(self.met_from),
        }
        (folder / "judge.json").write_text(json.dumps(facts), encoding="utf-8")

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """See `principles.grader.Judge`."""
        return self.verdicts_many([(turns, answer, criteria)])[0]

    def verdicts_many(self, asked: Sequence[Asked]) -> list[list[Verdict]]:
        """The verdicts on several answers in one pass: as quick a verdict as it gets."""
        cases = cases_of(asked, self.encoder)
        chances = iter(self.probabilities(cases))
        return [[self._verdict(criterion, next(chances)) for criterion in case.criteria] for case in cases]

    def shallow(self) -> "ShallowJudge":
        """The baseline that any judge has to beat."""
        return ShallowJudge(self.counting.shallow, self.counting.weights, self.encoder)

    def probabilities(self, cases: Sequence[Case]) -> Array:
        """P(met) of all criteria of all cases, in order."""
        if not any(len(case.criteria) for case in cases):
            return np.zeros(0, dtype=np.float32)
        read_logits = read(self.reader, [pair for case in cases for pair in pairs_of(case)])
        return joined(self.joint, self.counting.logits(cases), read_logits, signs(cases))

    def _verdict(self, criterion: Criterion, chance: float) -> Verdict:
        label = Label.MET if chance >= self.met_from[criterion.points > 0] else Label.NOT_MET
        return Verdict(criterion_id=criterion.id, label=label, probability=round(float(chance), 6))


def refuse_measuring_only(folder: Path) -> None:
    """Raises ConfigError where the judge in `folder` learnt from HealthBench Hard, or does not say whether it did.

    Where there is no judge, `LocalJudge.load` says so.
    """
    try:
        learnt_from_hard = json.loads((folder / "judge.json").read_text(encoding="utf-8"))["about"][MEASURING_ONLY]
    except OSError:
        return
    except (ValueError, KeyError, TypeError):
        learnt_from_hard = None
    if learnt_from_hard is not False:
        said = "has learnt from" if learnt_from_hard else "does not say that it has not learnt from"
        raise ConfigError(
            f"{folder}: this judge {said} HealthBench Hard, which is for measuring only: train one without it "
            "(python -m training judge-train) for the reward"
        )


@dataclass
class ShallowJudge:
    """Boosted trees over lengths, points and best-sentence likeness: what can be had without reading."""

    trees: Any
    weights: WordWeights
    encoder: Encoder

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """See `principles.grader.Judge`."""
        return self.verdicts_many([(turns, answer, criteria)])[0]

    def verdicts_many(self, asked: Sequence[Asked]) -> list[list[Verdict]]:
        """The verdicts on each of several answers, in one pass."""
        found = []
        for case in cases_of(asked, self.encoder):
            chances = self.trees.predict(shallow_features(counted_features(case, self.weights)))
            labels = [Label.MET if chance >= 0.5 else Label.NOT_MET for chance in chances]
            pairs = zip(case.criteria, labels, chances.tolist(), strict=True)
            found.append([Verdict(criterion_id=c.id, label=label, probability=p) for c, label, p in pairs])
        return found


def cases_of(asked: Sequence[Asked], encoder: Encoder) -> list[Case]:
    """Everything embedded once, whatever occurs twice."""
    parts = [(turns, answer, criteria, passages(answer)) for turns, answer, criteria in asked]
    questions = [str(turns[-1]["content"])[:QUESTION] for turns, *_ in parts]
    texts = dict.fromkeys(
        text
        for (_, _, criteria, pieces), question in zip(parts, questions, strict=True)
        for text in (*(criterion.text for criterion in criteria), *pieces, question)
    )
    place = {text: number for number, text in enumerate(texts)}
    with half_precision():
        vectors = encoder.encode(list(texts))

    def of(some: Sequence[str]) -> Array:
        return vectors[[place[text] for text in some]]

    return [
        Case(turns, answer, criteria, pieces, of(pieces), of([c.text for c in criteria]), of([question])[0])
        for (turns, answer, criteria, pieces), question in zip(parts, questions, strict=True)
    ]


def pairs_of(case: Case) -> list[tuple[str, str]]:
    """Criterion and evidence for the reader."""
    likeness = case.likeness
    return [(c.text, evidence(case.sentences, likeness[place])) for place, c in enumerate(case.criteria)]


def signs(cases: Sequence[Case]) -> Array:
    """1 for a criterion with positive points, 0 for a fault: (criteria of all cases,)."""
    return np.array([c.points > 0 for case in cases for c in case.criteria], dtype=np.float32)


def joint_features(counted: Array, reader: Array, positive: Array) -> Array:
    """Both logits, for wanted things and for faults apart: (n, 5)."""
    return np.column_stack([counted, reader, positive, counted * positive, reader * positive]).astype(np.float32)


def joined(joint: Array, counted: Array, reader: Array, positive: Array) -> Array:
    """P(met): a logistic regression with weights `joint`, the last of which is the bias."""
    logits = joint_features(counted, reader, positive) @ joint[:-1] + joint[-1]
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def held_out(keys: Sequence[str], share: float, seed: int) -> set[str]:
    """A share of the items by key, for what must not see the training of either half."""
    shuffled = sorted(set(keys))
    random.Random(seed).shuffle(shuffled)
    return set(shuffled[: max(1, round(share * len(shuffled)))])
