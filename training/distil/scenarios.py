"""For which scenarios a principle is: told by the questions whose rubrics ask for it, beside all questions."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from math import log2
from pathlib import Path

from agent.scenario.classifier import load_classifier
from principles.schema import DIMENSIONS, Dimension, Scenario, Urgency
from retrieval.encoder import Encoder
from training.common.items import Item
from training.common.journal import append_line, read_lines
from training.common.progress import bar
from training.distil.criteria import question_digest

KEPT = "scenarios.jsonl"
# Questions between two writes to the disk, some seconds of work.
CHUNK = 64
# Of a principle's questions these share at least have one of its values; a value of fewer than this share is not one.
MOST, LEAST = 0.8, 0.15
# Added to counts, so that one question proves nothing.
PRIOR = 3.0

Values = Mapping[Dimension, str]


def read_scenarios(items: Sequence[Item], encoder: Encoder, folder: Path) -> dict[str, Values]:
    """The scenario's values by `question_digest`, kept in `folder`. Raises ConfigError where the disk fails."""
    made_by = f"{version('clinalign')} {encoder.name} {encoder.revision}"
    kept = read_lines(folder / KEPT, _kept, mend=True)
    found = {digest: values for digest, by, values in kept if by == made_by}
    conversations = {question_digest(item): item.turns for item in items}
    todo = [digest for digest in conversations if digest not in found]
    if not todo:
        return found
    classifier = load_classifier(encoder.encode)
    with bar("reading the questions", len(conversations), len(conversations) - len(todo)) as done:
        for start in range(0, len(todo), CHUNK):
            lines = []
            for digest in todo[start : start + CHUNK]:
                found[digest] = values_of(classifier.classify(conversations[digest]))
                lines.append(json.dumps([digest, made_by, found[digest]]))
            append_line(folder / KEPT, "\n".join(lines))
            done(len(lines))
    return found


def values_of(scenario: Scenario) -> Values:
    """The value of each dimension."""
    return {name: str(getattr(scenario, name)) for name in DIMENSIONS}  # type: ignore[misc]


def pressing(values: Values) -> bool:
    """Whether it is an emergency, or may be one."""
    return values["urgency"] != Urgency.NON_EMERGENT


def shares(questions: Iterable[Values]) -> dict[Dimension, dict[str, float]]:
    """How large a share of the questions has each value."""
    listed = list(questions)
    counts = {name: Counter(values[name] for values in listed) for name in DIMENSIONS}  # type: ignore[index]
    return {name: {value: n / len(listed) for value, n in found.items()} for name, found in counts.items()}  # type: ignore[misc]


def dimension_of(
    questions: Sequence[Values], usual: Mapping[Dimension, Mapping[str, float]]
) -> tuple[Dimension, tuple[str, ...]]:
    """The dimension in which these questions differ most from the `usual` ones, and their values there.

    They differ by the Kullback–Leibler divergence of their shares, drawn towards the usual where they are few.
    """
    best: tuple[float, Dimension] = (0.0, "task")
    for name, base in usual.items():
        counts = Counter(values[name] for values in questions)
        drawn = {value: (counts[value] + PRIOR * share) / (len(questions) + PRIOR) for value, share in base.items()}
        divergence = sum(p * log2(p / base[value]) for value, p in drawn.items())
        best = max(best, (round(divergence, 6), name), key=lambda pair: pair[0])
    name = best[1]
    order = [str(value) for value in DIMENSIONS[name]]
    counts = Counter(values[name] for values in questions)
    chosen: list[str] = []
    for value, count in sorted(counts.items(), key=lambda pair: (-pair[1], order.index(pair[0]))):
        if chosen and (sum(counts[one] for one in chosen) >= MOST * len(questions) or count < LEAST * len(questions)):
            break
        chosen.append(value)
    return name, tuple(sorted(chosen, key=order.index))


def _kept(line: bytes) -> tuple[str, str, Values]:
    try:
        digest, made_by, values = json.loads(line)
        Scenario.model_validate(values)
    except TypeError:
        raise ValueError("not the scenario of a question") from None
    return digest, made_by, values
