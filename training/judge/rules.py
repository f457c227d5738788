"""Two judges by rule, for recipes that must train in minutes without a model to grade: tests and the tiny recipe.

Neither understands an answer. `LexicalJudge` looks for a criterion's words, `SimilarityJudge` for a sentence
that is near it in the encoder's space; both miss negation and truth. They differ in kind, so that one can
be the reward and the other the gold judge that watches it. Never take their scores for quality.
"""

import re
from collections.abc import Sequence

from principles.grader import Turns
from principles.schema import Criterion, Label, Verdict
from retrieval.encoder import Encoder
from training.judge.batch import Asked
from training.judge.sentences import sentences

MET_FROM = 0.5
LEAST_LETTERS = 4
# Cosines of unrelated and of equivalent sentences under the bundled encoder lie about here.
FAR, NEAR = 0.1, 0.7
_WORD = re.compile(rf"[^\W\d_]{{{LEAST_LETTERS},}}")
_EMPTY_WORDS = frozenset(
    _WORD.findall(
        "about also answer because does from given have having into mention mentions more says should states such "
        "tell tells that their them then there these they this what when which will with would your"
    )
)


class LexicalJudge:
    """P(yes) is the share of the criterion's content words that occur in the answer."""

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """See `principles.grader.Judge`."""
        said = set(content_words(answer))
        return [_verdict(criterion, _share(content_words(criterion.text), said)) for criterion in criteria]


class SimilarityJudge:
    """P(yes) is how near the answer's nearest sentence is to the criterion, FAR being 0 and NEAR 1."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """See `principles.grader.Judge`."""
        return self.verdicts_many([(turns, answer, criteria)])[0]

    def verdicts_many(self, cases: Sequence[Asked]) -> list[list[Verdict]]:
        """The verdicts of each (turns, answer, criteria), with each text encoded once."""
        said_in = [sentences(answer) for _, answer, _ in cases]
        texts = list(
            dict.fromkeys([s for many in said_in for s in many] + [c.text for _, _, many in cases for c in many])
        )
        if not texts:
            return [[] for _ in cases]
        row = {text: number for number, text in enumerate(texts)}
        vectors = self._encoder.encode(texts)
        found = []
        for (_, _, criteria), said in zip(cases, said_in, strict=True):
            near = [max((float(vectors[row[c.text]] @ vectors[row[s]]) for s in said), default=FAR) for c in criteria]
            scaled = [min(1.0, max(0.0, (cosine - FAR) / (NEAR - FAR))) for cosine in near]
            found.append([_verdict(criterion, chance) for criterion, chance in zip(criteria, scaled, strict=True)])
        return found


def content_words(text: str) -> list[str]:
    """The words that carry a text's content, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if word not in _EMPTY_WORDS]


def _share(wanted: Sequence[str], said: set[str]) -> float | None:
    return sum(word in said for word in wanted) / len(wanted) if wanted else None


def _verdict(criterion: Criterion, chance: float | None) -> Verdict:
    if chance is None:
        return Verdict(criterion_id=criterion.id, label=Label.UNKNOWN)
    label = Label.MET if chance >= MET_FROM else Label.NOT_MET
    return Verdict(criterion_id=criterion.id, label=label, probability=chance)
