"""Which kind of question is this? One value for urgency, uncertainty, expertise and task, in milliseconds.

A kernel logistic regression on sentence vector, cues and words, one head a dimension, fitted once for each
encoder on the tune questions of scenario_questions.yaml and kept in the user's cache; from then on a few
products of matrices are all. docs/scenario.md defines the values and says how well this does.
"""

import hashlib
import io
import logging
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from principles.files import cache_dir, write_atomic
from principles.scenario_cues import cue_names
from principles.scenario_features import Array, Encode, Rows, Turns, features
from principles.schema import DIMENSIONS, Dimension, Expertise, Scenario, Task, Uncertainty, Urgency

NAMES: tuple[Dimension, ...] = ("urgency", "uncertainty", "expertise", "task")
# Width of the kernel: how far one labelled question speaks for its neighbours.
GAMMA = 0.2
# So many rows at most are one question's.
FEW = 4
# The more careful value is taken from this probability on, though another be more probable; and a
# health professional is assumed only from this on. Chosen by `scenario_train choose`.
EMERGENT_FROM, URGENT_FROM, PROFESSIONAL_FROM = 0.10, 0.45, 0.6
_SOURCES = ("scenario_questions.yaml", "scenario_cues.yaml", "scenario_cues.py", "scenario_features.py")
_CODE = ("scenario.py", "scenario_train.py")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Heads:
    """What was learnt.

    `support` (n, features) are the dense features of the questions learnt from, `terms` (t,) the words and pairs of
    words that they share, with the weight `rarity` (t,) of each. For each dimension `weights` (n, values) are of the
    questions, `words` (t, values) of the terms, and `bias` is (values,).
    """

    support: Array
    terms: npt.NDArray[np.str_]
    rarity: Array
    weights: dict[Dimension, Array]
    words: dict[Dimension, Array]
    bias: dict[Dimension, Array]

    @cached_property
    def _squares(self) -> Array:
        return squares(self.support)

    @cached_property
    def _reader(self) -> Any:
        reader = term_reader(vocabulary=self.terms)
        reader.idf_ = self.rarity
        return reader

    def probabilities(self, rows: Rows) -> dict[Dimension, Array]:
        """Probabilities (m, values) of `rows` (m) by dimension; each row sums to 1."""
        near, said = kernel(rows.dense, self.support, self._squares), self._reader.transform(rows.texts)
        return {name: _softmax(near @ self.weights[name] + said @ self.words[name] + self.bias[name]) for name in NAMES}


def term_reader(**options: Any) -> Any:
    """scikit-learn's TF-IDF of words and pairs of words: rows of length 1, or 0 where no term is known."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # half a second: not before it is wanted

    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32, **options)


class ScenarioClassifier:
    """Decides the scenario of a conversation's last question in the light of its earlier turns."""

    def __init__(self, encode: Encode, heads: Heads) -> None:
        self._encode = encode
        self._heads = heads

    def classify(self, turns: Turns) -> Scenario:
        """`turns` are chat messages {role, content}, of which the user's are read. InputError if there are none."""
        found = self._heads.probabilities(features(self._encode, [turns])[0])
        whole = {name: found[name][-1] for name in NAMES}
        # A calm past must not hide an alarming last turn, nor the reverse: the more urgent reading counts.
        whole["urgency"] = min(found["urgency"][::-1], key=urgency_of)
        chosen = {name: int(whole[name].argmax()) for name in NAMES}
        chosen["urgency"] = urgency_of(whole["urgency"])
        chosen["expertise"] = 0 if whole["expertise"][0] >= PROFESSIONAL_FROM else 1
        return Scenario(
            urgency=list(Urgency)[chosen["urgency"]],
            uncertainty=list(Uncertainty)[chosen["uncertainty"]],
            expertise=list(Expertise)[chosen["expertise"]],
            task=list(Task)[chosen["task"]],
            confidence={name: round(float(whole[name][chosen[name]]), 4) for name in NAMES},
            cautious=tuple(name for name in NAMES if chosen[name] != int(whole[name].argmax())),
        )


def load_classifier(encode: Encode) -> ScenarioClassifier:
    """The classifier for this encoder, from the cache or fitted now (some seconds, once).

    `encode` gives L2-normalised float32 vectors (n, dimension). Raises ConfigError where the cache
    folder cannot be used.
    """
    probe = encode(["Should I see a doctor about this?"])[0]
    path = cache_dir("scenario") / f"{_key(probe)}.npz"
    heads = _read(path.read_bytes(), probe.size + len(cue_names())) if path.is_file() else None
    if heads is None:
        from principles.scenario_train import fit, load_questions

        _log.info("fitting the scenario heads for this encoder, once")
        heads = fit(encode, load_questions("tune"))
        write_atomic(path, _written(heads))
    return ScenarioClassifier(encode, heads)


def kernel(left: Array, right: Array, right_squares: Array | None = None) -> Array:
    """Gaussian similarity in (0, 1] of each row of `left` (m, features) with each of `right` (n, features): (m, n).

    `right_squares` (n,) are the rows' squared lengths, where they are known.
    """
    known = squares(right) if right_squares is None else right_squares
    # The threads of OpenBLAS, which @ would wake for a single question, keep a core busy for 50 ms after 0.2 of work.
    products = np.einsum("mf,nf->mn", left, right) if len(left) <= FEW else left @ right.T
    similar: Array = np.exp(-GAMMA * (squares(left)[:, None] + known[None, :] - 2 * products))
    return similar


def squares(rows: Array) -> Array:
    """The squared length of each row: (n, features) to (n,)."""
    lengths: Array = (rows**2).sum(axis=1)
    return lengths


def urgency_of(row: Array, emergent_from: float = EMERGENT_FROM, urgent_from: float = URGENT_FROM) -> int:
    """The most urgent value whose threshold is reached; values run from most to least urgent."""
    if row[0] >= emergent_from:
        return 0
    return 1 if row[0] + row[1] >= urgent_from else 2


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _key(probe: Array) -> str:
    """Changes with the questions, with the code that reads and fits them, and with the encoder (a probe's vector)."""
    digest = hashlib.sha256(np.round(probe, 2).astype("<f4").tobytes())
    for name in (*_SOURCES, *_CODE):
        digest.update(files("principles").joinpath(name).read_bytes())
    return digest.hexdigest()[:32]


def _written(heads: Heads) -> bytes:
    arrays: dict[str, Any] = {"support": heads.support, "terms": heads.terms, "rarity": heads.rarity}
    for name in NAMES:
        arrays |= {
            f"{name}_weights": heads.weights[name],
            f"{name}_words": heads.words[name],
            f"{name}_bias": heads.bias[name],
        }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _read(data: bytes, width: int) -> Heads | None:
    """The heads in a cache file, or None where it is damaged: they are then fitted anew."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            heads = Heads(
                support=arrays["support"],
                terms=arrays["terms"],
                rarity=arrays["rarity"],
                weights={name: arrays[f"{name}_weights"] for name in NAMES},
                words={name: arrays[f"{name}_words"] for name in NAMES},
                bias={name: arrays[f"{name}_bias"] for name in NAMES},
            )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return None
    count = len(heads.support)
    shaped = heads.support.shape == (count, width) and heads.rarity.shape == heads.terms.shape
    shaped = shaped and all(
        heads.weights[name].shape == (count, len(DIMENSIONS[name]))
        and heads.words[name].shape == (len(heads.terms), len(DIMENSIONS[name]))
        and heads.bias[name].shape == (len(DIMENSIONS[name]),)
        for name in NAMES
    )
    learnt = (heads.weights, heads.words, heads.bias)
    finite = all(
        np.isfinite(part).all()
        for part in (heads.support, heads.rarity, *(p for group in learnt for p in group.values()))
    )
    return heads if shaped and finite else None
