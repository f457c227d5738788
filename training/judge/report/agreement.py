"""How well a judge agrees with others' verdicts: AUC, macro-F1, balanced accuracy, calibration."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Of `count` verdicts that were judged; `unknown` is the share that was not. A figure is None where it has no
    meaning: calibration without probabilities, the others where all true verdicts are alike."""

    count: int
    unknown: float
    auc: float | None
    macro_f1: float | None
    balanced_accuracy: float | None
    calibration_error: float | None

    def plain(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


def agreement(truth: Bools, label: Bools, probability: Floats, judged: Bools, calibrated: bool = True) -> Agreement:
    """All arrays are (n,): the other's verdict, the judge's, its probability of met (0 or 1 if it gives none: then
    it is not `calibrated`, and the AUC is that of its yes and no), and whether it judged at all."""
    from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

    true, said, chance = truth[judged], label[judged], probability[judged]
    both = true.size > 0 and 0 < true.sum() < true.size
    return Agreement(
        count=int(judged.sum()),
        unknown=float(1 - judged.mean()) if judged.size else 0.0,
        auc=float(roc_auc_score(true, chance)) if both else None,
        macro_f1=float(f1_score(true, said, average="macro")) if both else None,
        balanced_accuracy=float(balanced_accuracy_score(true, said)) if both else None,
        calibration_error=calibration_error(true, chance) if both and calibrated else None,
    )


def reliability(truth: Bools, probability: Floats) -> list[tuple[float, float, int]]:
    """For ten equal bins of probability that hold anything: (mean probability, share met, count)."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    held = [place == number for number in range(BINS)]
    return [(float(probability[h].mean()), float(truth[h].mean()), int(h.sum())) for h in held if h.any()]


def calibration_error(truth: Bools, probability: Floats) -> float:
    """Expected calibration error over ten equal bins: the mean distance of probability and share met."""
    return sum(abs(said - met) * count for said, met, count in reliability(truth, probability)) / truth.size
