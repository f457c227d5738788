"""What the questions behind a principle speak of: words that are frequent there and rare in the others' questions."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

# Of one question no more is read, so that a pasted document does not speak for all.
READ = 1_000
# Of so many questions at the most the words are counted.
QUESTIONS = 60
# At least so many questions use a word that tells something of them, where there are as many.
USED = 2
TERM = r"(?u)\b[^\W\d_][\w-]{2,29}\b"


def telling_terms(questions: Sequence[Sequence[str]], most: int) -> list[list[str]]:
    """Up to `most` words or pairs of words for each group of questions, the most telling first; none where no word
    recurs (class-based TF-IDF, Grootendorst 2022)."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    read = [[text[:READ] for text in group[:QUESTIONS]] for group in questions]
    counter = CountVectorizer(stop_words="english", ngram_range=(1, 2), token_pattern=TERM, binary=True)
    try:
        rows = counter.fit_transform([text for group in read for text in group])
    except ValueError:  # nothing but stop words
        return [[] for _ in read]
    names = counter.get_feature_names_out()
    sizes = np.array([len(group) for group in read])
    owners = np.repeat(np.arange(len(read)), sizes)
    used = csr_array((np.ones(len(owners)), (owners, np.arange(len(owners)))), (len(read), len(owners))) @ rows
    weights = csr_array(TfidfTransformer(sublinear_tf=True).fit_transform(used))
    found = []
    for group, size in enumerate(sizes):
        part = slice(weights.indptr[group], weights.indptr[group + 1])
        columns, row = weights.indices[part], weights.data[part]
        often = np.asarray(used[[group], :][:, columns].todense()).ravel() >= min(USED, size)
        found.append(_apart(names[columns[often]], row[often], most))
    return found


def _apart(names: np.ndarray, weights: np.ndarray, most: int) -> list[str]:
    """The weightiest, without those whose words are in another already."""
    chosen: list[str] = []
    for at in np.lexsort((names, -weights))[: 4 * most]:
        words = set(str(names[at]).split())
        if len(chosen) < most and not any(words & set(one.split()) for one in chosen):
            chosen.append(str(names[at]))
    return chosen
