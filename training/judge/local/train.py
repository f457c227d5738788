"""`python -m training judge-train`: make a local judge from verdicts.

The items are split: nine tenths train the half that reads and the half that counts, one tenth joins and
calibrates them and chooses the thresholds. The printed figures are of that tenth, by cross-validation over its
items; for figures on other data run judge-report. At last the half that counts, which takes a minute, is learnt
anew from all items.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from principles.errors import ConfigError
from principles.hard import refuse_hard
from principles.schema import Label
from retrieval.encoder import load_encoder
from training.common.extras import require_extra
from training.common.items import Judged, load_items, load_verdicts
from training.common.reader import Training, fine_tuned, read
from training.judge.local.counted import CountingHalf
from training.judge.local.features import Array
from training.judge.local.judge import (
    MEASURING_ONLY,
    LocalJudge,
    cases_of,
    held_out,
    joined,
    joint_features,
    pairs_of,
    signs,
)
from training.judge.report.agreement import Agreement, agreement

HELD_OUT = 0.1
SEED = 0
FOLDS = 5
HARD_ADVICE = (
    "take verdicts on other items, or give --measuring-only for a judge that no training may use as its reward"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--verdicts", type=Path, required=True, metavar="FILE", help="judged responses")
    parser.add_argument("--items", type=Path, required=True, metavar="FILE", help="the HealthBench items they are on")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the judge goes; must not exist")
    parser.add_argument(
        "--measuring-only",
        action="store_true",
        help="learn from HealthBench Hard, too: the judge may measure, and grpo refuses it as the reward",
    )
    parser.add_argument("--epochs", type=float, default=3.0, help="passes of the reader over the verdicts (default 3)")


def run(arguments: argparse.Namespace) -> int:
    """Train as given; returns the exit status. Raises ClinAlignError on bad input."""
    require_extra("judge-train", "lightgbm", "datasets")
    out: Path = arguments.out
    if out.exists():
        raise ConfigError(f"{out} exists: name another folder, or remove it")
    judged = load_verdicts(arguments.verdicts, load_items(arguments.items))
    learnt_from = {one.item.key: one.item.hard for one in judged}
    if not arguments.measuring_only:
        refuse_hard(arguments.items, list(learnt_from.values()), HARD_ADVICE)
    if len(learnt_from) < 2 * FOLDS:
        raise ConfigError(f"{arguments.verdicts} has verdicts on fewer than {2 * FOLDS} items: too few to learn from")
    work = out.with_name(f"{out.name}.part")
    work.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    judge, held = trained(judged, work, arguments.epochs)
    about = {
        "verdicts": arguments.verdicts.name,
        "items": len(learnt_from),
        MEASURING_ONLY: any(learnt_from.values()),
        "count": sum(len(one.verdicts) for one in judged),
        "held_out": held.plain(),
        "licence": "as the verdicts it was trained on: see their licence before sharing it",
    }
    judge.save(work, about)
    shutil.rmtree(work / "checkpoints", ignore_errors=True)
    work.rename(out)
    seconds = time.perf_counter() - started
    print(f"{out}: trained in {seconds / 60:.0f} min; on held-out items: {held}", file=sys.stderr)
    return 0


def trained(judged: Sequence[Judged], work: Path, epochs: float) -> tuple[LocalJudge, Agreement]:
    """The judge and its agreement on the held-out tenth; `work` keeps the reader's checkpoints for a resumed run."""
    encoder = load_encoder()
    said("embedding sentences and criteria")
    cases = cases_of([(one.item.turns, one.response, one.item.rubric.criteria) for one in judged], encoder)
    met = [np.array([v.label is Label.MET for v in one.verdicts]) for one in judged]
    keys = [one.item.key for one in judged]
    apart = held_out(keys, max(HELD_OUT, FOLDS / len(set(keys))), SEED)
    is_held = np.array([one.item.key in apart for one in judged])
    learn, rest = np.flatnonzero(~is_held), np.flatnonzero(is_held)
    number = {key: place for place, key in enumerate(sorted({one.item.key for one in judged}))}
    items = [number[one.item.key] for one in judged]

    said("growing trees")
    counting = CountingHalf.learnt(*_only(learn, cases, met, items))

    said("training the reader")
    pairs = [pair for place in learn for pair in pairs_of(cases[place])]
    truths = np.concatenate([met[i] for i in learn])
    reader = fine_tuned(pairs, truths, work / "checkpoints", Training(epochs=epochs))

    truth = np.concatenate([met[i] for i in rest])
    held_cases = [cases[i] for i in rest]
    inputs = joint_features(
        counting.logits(held_cases),
        read(reader, [pair for case in held_cases for pair in pairs_of(case)]),
        signs(held_cases),
    )
    groups = np.concatenate([np.full(met[i].size, items[i]) for i in rest])
    joint, chance = fitted_joint(inputs, truth, groups)
    positive = inputs[:, 2] > 0
    met_from = best_thresholds(chance, positive)
    label = chance >= np.where(positive, met_from[1], met_from[0])
    said("growing trees on all items")
    judge = LocalJudge(reader, CountingHalf.learnt(cases, met, items), joint, met_from, encoder)
    return judge, agreement(truth, label, chance.astype(float), np.ones(truth.size, dtype=bool))


def _only(places: npt.NDArray[np.int64], *columns: Sequence[Any]) -> list[list[Any]]:
    return [[column[place] for place in places] for column in columns]


def fitted_joint(inputs: Array, truth: Array, groups: Array) -> tuple[Array, Array]:
    """Weights with the bias last, and the probabilities that cross-validation over items gives."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    def weights(rows: npt.NDArray[np.int64]) -> Array:
        fitted = LogisticRegression(C=1.0, max_iter=1_000).fit(inputs[rows], truth[rows])
        return np.append(fitted.coef_[0], fitted.intercept_[0]).astype(np.float32)

    chance = np.zeros(truth.size, dtype=np.float32)
    for learn, test in GroupKFold(FOLDS).split(inputs, groups=groups):
        chance[test] = joined(weights(learn), *inputs[test, :3].T)
    return weights(np.arange(truth.size)), chance


def best_thresholds(chance: Array, positive: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """From which probability a fault, and a wanted thing, is MET, for the best macro-F1 that is to be expected.

    Expected by the probabilities themselves, which are calibrated: the verdicts on a tenth of the items are too few
    for two thresholds, and a chance excess of faults among them would shift one by 0.1.
    """
    tried = np.arange(0.2, 0.81, 0.02)

    def sums(some: Array) -> npt.NDArray[np.float64]:
        """For each threshold the expected true positives, false positives, false negatives and true negatives."""
        above = some[None, :] >= tried[:, None]
        parts = (above * some, above * (1 - some), ~above * some, ~above * (1 - some))
        return np.stack([part.sum(axis=1) for part in parts])

    faults, wanted = sums(chance[~positive]), sums(chance[positive])
    hit, false, missed, right = faults[:, :, None] + wanted[:, None, :]
    macro = hit / (2 * hit + false + missed) + right / (2 * right + false + missed)
    fault, want = np.unravel_index(int(macro.argmax()), macro.shape)
    return float(tried[fault]), float(tried[want])


def said(what: str) -> None:
    """Tell what begins, on stderr."""
    print(f"· {what} …", file=sys.stderr, flush=True)
