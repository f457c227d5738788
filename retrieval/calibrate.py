"""Where does a cosine mean that a principle covers a physician's criterion? Checked against labelled pairs.

calibration/pairs.jsonl names each pair by item key, criterion number and principle; the criteria's text
stays in HealthBench. A pair is labelled true where holding an answer to the principle would, in this
conversation, ask for the main part of what the criterion asks for.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from principles.errors import ConfigError
from principles.library import Library
from principles.records import records
from retrieval.coverage import Item, cosines, demands
from retrieval.encoder import Encoder

PAIRS = Path(__file__).parent / "calibration" / "pairs.jsonl"
THRESHOLDS = [round(0.38 + 0.02 * step, 2) for step in range(13)]


def calibrate(library: Library, encoder: Encoder, items: Sequence[Item], pairs: Path = PAIRS) -> dict[str, Any]:
    """How cosine thresholds agree with the labelled pairs, and how the labels agree with a second reading."""
    known = {item.key: item for item in items}
    place = {principle.id: position for position, principle in enumerate(library.principles)}
    labelled = [record for _, record in records(pairs) if record["key"] in known and record["principle"] in place]
    if not labelled:
        raise ConfigError("none of the labelled pairs belongs to this data: give the file they were drawn from")
    found = dict(zip(known, cosines(list(known.values()), demands(library, encoder), encoder), strict=True))
    cosine = np.array([found[record["key"]][place[record["principle"]], _column(known, record)] for record in labelled])
    labels = np.array([record["covers"] for record in labelled])
    twice = [(record["covers"], record["second"]) for record in labelled if "second" in record]
    return {
        "pairs": len(labelled),
        "covering": int(labels.sum()),
        "thresholds": [agreement(labels, cosine >= t, t) for t in THRESHOLDS],
        "read twice": len(twice),
        "kappa": kappa(twice),
    }


def _column(known: dict[str, Item], record: dict[str, Any]) -> int:
    """The criterion's place among the item's positive ones."""
    return sum(points > 0 for _, points in known[record["key"]].criteria[: record["criterion"]])


def agreement(labels: np.ndarray, said: np.ndarray, threshold: float) -> dict[str, float]:
    """Precision, recall and F1 of what is said against the labels."""
    both = float((labels & said).sum())
    precision, recall = both / max(float(said.sum()), 1.0), both / max(float(labels.sum()), 1.0)
    f1 = 2 * precision * recall / (precision + recall) if both else 0.0
    return {"threshold": threshold, "precision": precision, "recall": recall, "f1": f1}


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa of two readings; None where there is nothing to compare or only one label occurs."""
    if not pairs:
        return None
    first, second = np.array(pairs, dtype=float).T
    chance = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    return None if chance == 1 else float(((first == second).mean() - chance) / (1 - chance))
