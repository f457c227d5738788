"""Fitting the heads of the scenario classifier to labelled questions."""

from collections.abc import Sequence

import numpy as np

from agent.scenario.features import Encode, Rows, features
from agent.scenario.heads import NAMES, Heads, kernel, term_reader
from agent.scenario.questions import Question
from principles.schema import DIMENSIONS


def fit(encode: Encode, questions: Sequence[Question]) -> Heads:
    """Heads learnt from `questions`, read with `encode`: see `learn`."""
    return learn(features(encode, [question.turns for question in questions]), questions)


def learn(read: Sequence[Rows], questions: Sequence[Question]) -> Heads:
    """Kernel logistic regression of each dimension's labels, values weighted alike however rare.

    `read` are the features of each question. The kernel is that of the dense features plus the inner product of the
    terms, which makes a weight of each term.
    """
    from sklearn.linear_model import LogisticRegression

    support, reader = np.stack([rows.dense[-1] for rows in read]), term_reader(min_df=2)
    words = reader.fit_transform([rows.texts[-1] for rows in read])
    alike = kernel(support, support).astype(np.float64) + (words @ words.T).toarray()
    # Logistic regression on the rows of the kernel's root, whose inner products are the kernel, is that of the kernel.
    root = np.linalg.cholesky(alike + 1e-4 * np.eye(len(support)))
    heads = Heads(support, reader.get_feature_names_out().astype(np.str_), reader.idf_, {}, {}, {})
    for name in NAMES:
        values = [str(value) for value in DIMENSIONS[name]]
        model = LogisticRegression(C=10.0, max_iter=1_000, tol=1e-3, class_weight="balanced")
        model.fit(root, [values.index(question.labels[name]) for question in questions])
        weights, bias = np.linalg.solve(root.T, model.coef_.T), model.intercept_
        if len(values) == 2:
            weights, bias = weights * [[-0.5, 0.5]], bias * [-0.5, 0.5]
        heads.weights[name], heads.bias[name] = weights.astype(np.float32), bias.astype(np.float32)
        heads.words[name] = (words.T @ weights).astype(np.float32)
    return heads
