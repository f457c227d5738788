"""Which words of a criterion an answer has and which it lacks, and what verdicts make of that.

Each word of a criterion becomes a term that says whether the answer has it, and whether the criterion wants
something or names a fault: "p:dose+", "n:dose-". A logistic regression on these terms knows which words decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from training.judge.local.features import Array, Case, words

FOLDS = 5
LEAST_CRITERIA = 3
"""A term that fewer criteria have is not learnt."""


@dataclass(frozen=True)
class WordReader:
    """`terms` (t,) with the weight `rarity` (t,) of each, `weights` (t,) of the regression and its `bias` (1,)."""

    terms: npt.NDArray[np.str_]
    rarity: Array
    weights: Array
    bias: Array

    @classmethod
    def learnt(cls, marked: Sequence[str], met: npt.NDArray[np.bool_]) -> "WordReader":
        """From criteria as `marked_words` gives them, and the verdicts on them (n,)."""
        from sklearn.linear_model import LogisticRegression

        reader = _vectorizer(min_df=LEAST_CRITERIA)
        rows = reader.fit_transform(marked)
        model = LogisticRegression(C=0.5, max_iter=500).fit(rows, met)
        terms = reader.get_feature_names_out().astype(np.str_)
        return cls(terms, reader.idf_, model.coef_[0].astype(np.float32), model.intercept_.astype(np.float32))

    @cached_property
    def _reader(self) -> Any:
        reader = _vectorizer(vocabulary=self.terms)
        reader.idf_ = self.rarity
        return reader

    def logits(self, marked: Sequence[str]) -> Array:
        """The logit of "met": (n,)."""
        found: Array = np.asarray(self._reader.transform(marked) @ self.weights + self.bias, dtype=np.float32)
        return found


def unseen_logits(marked: Sequence[str], met: npt.NDArray[np.bool_], items: npt.NDArray[np.int64]) -> Array:
    """The logits (n,) that each criterion gets from a reader that saw nothing of its item."""
    from sklearn.model_selection import GroupKFold

    found = np.zeros(met.size, dtype=np.float32)
    for learn, rest in GroupKFold(FOLDS).split(found, groups=items):
        reader = WordReader.learnt([marked[place] for place in learn], met[learn])
        found[rest] = reader.logits([marked[place] for place in rest])
    return found


def marked_words(case: Case) -> list[str]:
    """The words of each criterion, each marked with its presence in the answer."""
    has = set(words(case.answer))
    return [
        " ".join(f"{'p' if one.points > 0 else 'n'}:{word}{'+' if word in has else '-'}" for word in words(one.text))
        for one in case.criteria
    ]


def _vectorizer(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(tokenizer=str.split, token_pattern=None, sublinear_tf=True, dtype=np.float32, **options)
