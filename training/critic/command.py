"""`python -m training critic learn | measure | facts | claims`: which principles belong to a question, and which cards;
which sentences a card contradicts.

`learn` makes agent/critic/belonging.npz anew from training/critic/labels, for the bundled library and encoder (some
minutes). `measure` says how right it is on the blind questions, by both readers' labels, and on each hand's questions
when that hand is left out of the learning. `facts` fits the weights of the search for knowledge cards. `claims` teaches
the reader that finds wrong facts in an answer and writes agent/claims.npz (an hour and a half; an interrupted
run goes on), with `--further` from the one that is there, by short sentences; `python -m tests.planted` measures it.
"""

import argparse
import json
import sys
from importlib.resources import files
from pathlib import Path

from principles.files import write_atomic


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("what", choices=("learn", "measure", "facts", "claims"), help="learn anew, or measure")
    parser.add_argument("--out", type=Path, metavar="NPZ", help="where to write what was learnt (default: the package)")
    parser.add_argument(
        "--further", action="store_true", help="with claims: go on from the reader that is there (half an hour)"
    )
    parser.add_argument(
        "--left-out", action="store_true", help="with measure: also by leaving out each hand in turn (minutes)"
    )


def run(given: argparse.Namespace) -> int:
    """Learn or measure as `given`; returns the exit status."""
    # Seconds of imports: not before they are wanted.
    import numpy as np

    from agent.claims import LEARNT as CLAIMS
    from agent.critic.belonging import LEARNT
    from agent.resources import load_search
    from agent.select import least_belonging
    from retrieval.encoder import load_encoder
    from retrieval.facts import load_fact_search
    from training.critic import claims, facts, labels, learn, measure

    if given.what == "facts":
        print(json.dumps(facts.calibrated(load_fact_search(load_encoder())), indent=2))
        return 0
    if given.what == "claims":
        path = given.out or Path(str(files("agent").joinpath(CLAIMS)))
        drawn = claims.Claims(load_fact_search(load_encoder()))
        pairs = drawn.draw_further() if given.further else drawn.draw()
        write_atomic(path, claims.learnt(pairs, given.further))
        print(f"{path}: learnt from {len(pairs)} pairs of a sentence and a card", file=sys.stderr)
        return 0
    search = load_search()
    principles = search.retriever.library.principles
    if given.what == "learn":
        labelled = labels.to_learn(principles)
        learnt = learn.learn(search, labelled, learn.read(search, labelled))
        path = given.out or Path(str(files("agent.critic").joinpath(LEARNT)))
        write_atomic(path, learnt.written())
        print(f"{path}: learnt from {len(labelled.turns)} questions for {len(principles)} principles", file=sys.stderr)
        return 0
    least = np.array([least_belonging(one) for one in principles])
    faults = np.array([one.points < 0 for one in principles])
    critical = np.array([one.safety_critical for one in principles]) & ~faults
    kinds = {"safety-critical advice": critical, "other advice": ~faults & ~critical, "faults": faults}
    readers = labels.blind(principles)
    found = measure.chances(search, readers[0])
    report = {
        "readers": measure.agreement(readers),
        **{f"blind, reader {at}": measure.figures(found, one, least, kinds) for at, one in enumerate(readers, 1)},
    }
    if given.left_out:
        labelled = labels.to_learn(principles)
        left_out = learn.chances_left_out(search, labelled)
        report["learnt from, each hand left out"] = measure.figures(left_out, labelled, least, kinds)
    print(json.dumps(report, indent=2))
    return 0
