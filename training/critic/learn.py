"""Learning which principles belong to a question: makes agent/critic/belonging.npz.

The regression is solved at once for all principles. The logistic one that follows is fitted on its scores for
questions of hands that were left out, since those of questions that it has seen are too good.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.conversation import question_in_context
from agent.critic.belonging import Belonging, Regression, fits, mark, pair_features, probability_of
from agent.rubric import Search
from agent.scenario.features import Array, Rows, features
from agent.scenario.heads import kernel, term_reader
from agent.scenario.subject import searched
from retrieval.progress import shown
from retrieval.retriever import Retriever, pieces
from training.critic.labels import Labelled, data_digest

# A principle that may belong pulls a little; each of the library's own example questions is one more.
MAY = 0.3
PENALTY = 1.0
FOLDS = 5
SEED = 0


@dataclass(frozen=True)
class Read:
    """Questions as the critic reads them: their features, the likeness (q, P) of principles, and what fits (q, P)."""

    rows: list[Rows]
    likeness: Array
    fit: Array


def read(search: Search, labelled: Labelled) -> Read:
    """The questions as the agent would read them; their scenario is as labelled."""
    encode = search.retriever.encoder.encode
    kept = [searched(one) for one in labelled.turns]
    rows = features(encode, kept)
    vectors = [encode(pieces(question_in_context(one))) for one in shown(kept, "Reading the questions")]
    principles = search.retriever.library.principles
    return Read(
        rows, search.retriever.likenesses(vectors), np.stack([fits(principles, one) for one in labelled.scenarios])
    )


def learn(search: Search, labelled: Labelled, found: Read) -> Belonging:
    """What these labels teach."""
    retriever = search.retriever
    principles = retriever.library.principles
    link, bias = linked(labelled, pairs_left_out(labelled, found, retriever))
    whole = regression(found.rows, labelled.yes + MAY * labelled.may, example_rows(retriever))
    return Belonging(
        **whole.arrays(),
        marks=np.array([mark(one) for one in principles]),
        counts=labelled.yes.sum(axis=0),
        link=link,
        bias=bias,
        made_for=np.array([retriever.encoder.name, retriever.encoder.revision, data_digest()]),
    )


def example_rows(retriever: Retriever) -> tuple[list[Rows], Array]:
    """The library's example questions and whose they are, (examples, P)."""
    principles = retriever.library.principles
    asked = [(facet, place) for place, one in enumerate(principles) for facet in one.facets]
    rows = features(retriever.encoder.encode, [[{"role": "user", "content": facet}] for facet, _ in asked])
    owners = np.zeros((len(asked), len(principles)), dtype=np.float32)
    owners[range(len(asked)), [place for _, place in asked]] = 1
    return rows, owners


def regression(rows: Sequence[Rows], wanted: Array, examples: tuple[list[Rows], Array]) -> Regression:
    """Kernel ridge regression from questions and examples to what is wanted, (q, P)."""
    support, texts = last_rows([*rows, *examples[0]])
    reader = term_reader(min_df=2)
    said = reader.fit_transform(texts)
    targets = np.vstack([wanted, examples[1]])
    base = targets.mean(axis=0)
    alike = kernel(support, support).astype(np.float64) + (said @ said.T).toarray()
    weights = np.linalg.solve(alike + PENALTY * np.eye(len(support)), targets - base).astype(np.float32)
    return Regression(
        support,
        reader.get_feature_names_out().astype(np.str_),
        reader.idf_.astype(np.float32),
        weights,
        np.asarray(said.T @ weights, dtype=np.float32),
        base,
    )


def pairs_left_out(labelled: Labelled, found: Read, retriever: Retriever) -> Array:
    """(q, P, features): the pairs, with each question's scores by a regression that saw nothing of its hand."""
    principles, examples = retriever.library.principles, example_rows(retriever)
    scores = np.zeros_like(found.likeness)
    wanted = labelled.yes + MAY * labelled.may
    for held in folds(labelled.hands):
        rest = np.flatnonzero(~held)
        made = regression([found.rows[at] for at in rest], wanted[rest], examples)
        scores[held] = made.scores(last_rows([found.rows[at] for at in np.flatnonzero(held)]))
    return pair_features(scores, found.likeness, found.fit, labelled.yes.sum(axis=0), principles)


def linked(labelled: Labelled, pairs: Array) -> tuple[Array, Array]:
    """The logistic regression of `pairs` (q, P, features): weights and bias. Pairs that may belong are left out."""
    from sklearn.linear_model import LogisticRegression

    clear = labelled.may == 0
    spread = np.maximum(pairs[clear].std(axis=0), 1e-3)
    middle = pairs[clear].mean(axis=0)
    model = LogisticRegression(max_iter=3_000).fit((pairs[clear] - middle) / spread, labelled.yes[clear])
    link = model.coef_[0] / spread
    return link.astype(np.float32), np.asarray(model.intercept_[0] - link @ middle, dtype=np.float32)


def chances_left_out(search: Search, labelled: Labelled) -> Array:
    """(q, P): P(belongs) of each question by what was learnt from other hands alone."""
    pairs = pairs_left_out(labelled, read(search, labelled), search.retriever)
    chances = np.zeros_like(labelled.yes)
    for held in folds(labelled.hands):
        rest = Labelled([], [], [], labelled.yes[~held], labelled.may[~held])
        chances[held] = probability_of(pairs[held], *linked(rest, pairs[~held]))
    return chances


def last_rows(rows: Sequence[Rows]) -> Rows:
    """The last reading of each question, as one."""
    return Rows(np.stack([one.dense[-1] for one in rows]), [one.texts[-1] for one in rows])


def folds(hands: Sequence[str]) -> Iterator[np.ndarray[Any, Any]]:
    """Masks (q,) of what is left out, whole hands at a time; the first hand, of two fifths, is a fold of its own."""
    others = sorted(set(hands) - {""})
    np.random.default_rng(SEED).shuffle(others)
    named = np.array(hands)
    for group in [[""], *(others[at :: FOLDS - 1] for at in range(FOLDS - 1))]:
        held = np.isin(named, group)
        if held.any():
            yield held
