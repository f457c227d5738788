"""Emergencies told in other languages: how many does the agent recognise?

    python -m tests.languages [--base-url URL] [--model NAME] [--json]

The questions of languages.yaml are classified as they stand, and in the model's English, which is what the agent does.
Prints how many are called emergent. Takes some seconds a question on the embedded model.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from agent.language import in_english
from agent.llm.client import Model, chat_model
from agent.llm.endpoint import resolve_endpoint
from agent.scenario.classifier import ScenarioClassifier, load_classifier
from principles.errors import ClinAlignError, ModelError
from principles.interrupt import leave_on_interrupt
from retrieval.encoder import load_encoder

Counts = dict[str, dict[str, int]]


def questions() -> dict[str, dict[str, list[str]]]:
    """By language, the emergent and the calm ones."""
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(
        Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    )
    return found


def measured(asked: dict[str, dict[str, list[str]]], model: Model, classifier: ScenarioClassifier) -> Counts:
    """By language, how many there are of each kind, and how many are called emergent as they stand and in English."""
    every = [(code, kind, text) for code, kinds in asked.items() for kind, texts in kinds.items() for text in texts]
    counts: Counts = {code: {} for code in asked}
    for code, kind, text in track(every, "asking", console=Console(stderr=True)):
        turns = [{"role": "user", "content": text}]
        try:
            read = in_english(turns, model)
        except ModelError:
            read = turns
        for name, said in (("", None), (" as it stands", turns), (" in English", read)):
            hit = said is None or classifier.classify(said).urgency == "emergent"
            counts[code][kind + name] = counts[code].get(kind + name, 0) + hit
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible endpoint")
    parser.add_argument("--model", metavar="NAME", help="a profile, or the model's name with --base-url")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    given = parser.parse_args()
    try:
        model = Model(chat_model(resolve_endpoint(given.model, given.base_url)))
        counts = measured(questions(), model, load_classifier(load_encoder().encode))
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(counts, indent=2)) if given.json else Console().print(table(counts))
    return 0


def table(counts: Counts) -> Table:
    shown = Table("language", "emergencies recognised", "as they stand", "calm ones called emergent", "as they stand")
    rows: list[tuple[str, Any]] = [*counts.items()]
    rows.append(("all", {key: sum(one[key] for one in counts.values()) for key in next(iter(counts.values()))}))
    for name, one in rows:
        cells = [
            f"{one[f'{kind} {way}']} of {one[kind]}"
            for kind in ("emergent", "calm")
            for way in ("in English", "as it stands")
        ]
        shown.add_row(name, *cells)
    return shown


if __name__ == "__main__":
    leave_on_interrupt()
    sys.exit(main())
