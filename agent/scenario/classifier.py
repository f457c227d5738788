"""Which kind of question is this? One value for urgency, uncertainty, expertise and task, in milliseconds.

A kernel logistic regression on sentence vector, cues and words, one head a dimension, fitted once for each
encoder on the tune questions of questions.yaml and kept in the user's cache; from then on a few products of
matrices are all. docs/scenario.md defines the values and says how well this does.
"""

import hashlib
from importlib.resources import files

import numpy as np

from agent.scenario.cues import cue_names
from agent.scenario.features import Array, Encode, features, windows
from agent.scenario.heads import NAMES, Heads, read, written
from agent.scenario.learn import fit
from agent.scenario.questions import load_questions
from agent.scenario.subject import in_hand
from principles.files import cache_dir, write_atomic
from principles.grader import Turns
from principles.logs import logger
from principles.schema import Dimension, Expertise, Scenario, Task, Uncertainty, Urgency

# The more careful value is taken from this probability on, though another be more probable; and a
# health professional is assumed only from this on. Chosen by `python -m agent.scenario choose`.
EMERGENT_FROM, URGENT_FROM, PROFESSIONAL_FROM = 0.10, 0.45, 0.6
# Among many windows one is doubtful by chance: a window has to be sure.
WINDOW_FROM = 0.5
# What decides the heads of an encoder: they are fitted anew where one of these changes.
_SOURCES = ("questions.yaml", "cues.yaml", "cues.py", "features.py", "heads.py", "learn.py")
_log = logger("scenario")


class ScenarioClassifier:
    """Decides the scenario of a conversation's last question in the light of its earlier turns."""

    def __init__(self, encode: Encode, heads: Heads) -> None:
        self._encode = encode
        self._heads = heads

    def classify(self, turns: Turns) -> Scenario:
        """`turns` are chat messages {role, content}, of which the user's are read. InputError if there are none.

        Urgency is that of the matter in hand (see `subject.in_hand`), of which the most urgent part counts.
        """
        found = self._heads.probabilities(features(self._encode, [turns])[0])
        whole = {name: found[name][-1] for name in NAMES}
        kept = in_hand(turns)
        whole["urgency"] = self._urgency(kept, found if kept is turns else None)
        chosen = {name: int(whole[name].argmax()) for name in NAMES}
        chosen["urgency"] = urgency_of(whole["urgency"])
        chosen["expertise"] = 0 if whole["expertise"][0] >= PROFESSIONAL_FROM else 1
        return Scenario(
            urgency=list(Urgency)[chosen["urgency"]],
            uncertainty=list(Uncertainty)[chosen["uncertainty"]],
            expertise=list(Expertise)[chosen["expertise"]],
            task=list(Task)[chosen["task"]],
            confidence={name: round(float(whole[name][chosen[name]]), 4) for name in NAMES},
            guessed=tuple(name for name in NAMES if chosen[name] != int(whole[name].argmax())),
        )

    def _urgency(self, turns: Turns, read: dict[Dimension, Array] | None) -> Array:
        """The most urgent reading of `turns`, of which `read` may be known already."""
        readings = (read or self._heads.probabilities(features(self._encode, [turns])[0]))["urgency"]
        long = windows(self._encode, turns)
        parts = [row for row in self._heads.probabilities(long)["urgency"] if row[0] >= WINDOW_FROM] if long else []
        # A calm past must not hide an alarming last turn, nor the reverse, nor much calm talk around it.
        found: Array = min([*readings[::-1], *parts], key=lambda row: (urgency_of(row), -float(row[0])))
        return found


def load_classifier(encode: Encode) -> ScenarioClassifier:
    """The classifier for this encoder, from the cache or fitted now (some seconds, once).

    `encode` gives L2-normalised float32 vectors (n, dimension). Raises ConfigError where the cache
    folder cannot be used.
    """
    probe = encode(["Should I see a doctor about this?"])[0]
    path = cache_dir("scenario") / f"{_key(probe)}.npz"
    heads = read(path.read_bytes(), probe.size + len(cue_names())) if path.is_file() else None
    if heads is None:
        _log.info("fitting the scenario heads for this encoder, once")
        heads = fit(encode, load_questions("tune"))
        write_atomic(path, written(heads))
    return ScenarioClassifier(encode, heads)


def urgency_of(row: Array, emergent_from: float = EMERGENT_FROM, urgent_from: float = URGENT_FROM) -> int:
    """The most urgent value whose threshold is reached; values run from most to least urgent."""
    if row[0] >= emergent_from:
        return 0
    return 1 if row[0] + row[1] >= urgent_from else 2


def _key(probe: Array) -> str:
    """Changes with the questions, with the code that reads and fits them, and with the encoder (a probe's vector)."""
    digest = hashlib.sha256(np.round(probe, 2).astype("<f4").tobytes())
    for name in _SOURCES:
        digest.update(files("agent.scenario").joinpath(name).read_bytes())
    return digest.hexdigest()[:32]
