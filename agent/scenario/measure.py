"""How often the scenario classifier is right, on questions that it did not learn from."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.scenario.classifier import ScenarioClassifier, load_classifier
from agent.scenario.features import Encode
from agent.scenario.questions import Question, load_physicians, load_questions
from principles.schema import DIMENSIONS, Dimension, Scenario

Counts = dict[str, dict[str, int]]
MEASURED = ("test", "blind")


def confusion(classifier: ScenarioClassifier, questions: Sequence[Question]) -> tuple[dict[Dimension, Counts], float]:
    """By dimension, how often each label (outer key) was given each value (inner key); and the median milliseconds."""
    from rich.console import Console
    from rich.progress import track

    counts: dict[Dimension, Counts] = {}
    spent: list[float] = []
    for question in track(questions, "classifying", console=Console(stderr=True), transient=True):
        start = time.perf_counter()
        scenario: Scenario = classifier.classify(question.turns)
        spent.append(1_000 * (time.perf_counter() - start))
        for name, label in question.labels.items():
            given = counts.setdefault(name, no_counts(name))
            given[label][str(getattr(scenario, name))] += 1
    return counts, float(np.median(spent))


def no_counts(name: Dimension) -> Counts:
    """Zero for each label and each value given."""
    values = [str(value) for value in DIMENSIONS[name]]
    return {label: dict.fromkeys(values, 0) for label in values}


def scores(counts: Counts) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and count of each value, and their plain mean F1 under "macro"."""
    result: dict[str, dict[str, float]] = {}
    for value, given in counts.items():
        hit, labelled, chosen = given[value], sum(given.values()), sum(row[value] for row in counts.values())
        precision, recall = hit / max(chosen, 1), hit / max(labelled, 1)
        f1 = 2 * hit / max(chosen + labelled, 1)
        result[value] = {"precision": precision, "recall": recall, "f1": f1, "count": labelled}
    result["macro"] = {"f1": float(np.mean([row["f1"] for row in result.values()]))}
    return result


def evaluate(encode: Encode, data: Path | None) -> dict[str, Any]:
    """The shipped classifier's figures on the test and blind questions, and on physicians' tags of a given file."""
    physicians = load_physicians(data) if data else []
    classifier = load_classifier(encode)
    report: dict[str, Any] = {}
    for split in MEASURED:
        counts, report["median_ms"] = confusion(classifier, load_questions(split))
        report[split] = {name: {"scores": scores(table), "confusion": table} for name, table in counts.items()}
    if physicians:
        report["physicians"] = confusion(classifier, physicians)[0]
    return report
