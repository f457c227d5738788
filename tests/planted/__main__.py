"""Do the knowledge cards know what is wrong in a draft, and does the search find the card that does?

    python -m tests.planted [--split tune|test] [--fit] [--json]

Prints which share of the planted errors some card corrects (as read by language models), and how often the search
finds such a card by the question alone and by the question with the false sentence, whatever it takes for likely; then
which errors the agent finds by itself, and which right sentences it takes for wrong; and the same of short flat
replies. Takes some three minutes.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import track
from rich.table import Table

from agent.claims import load_claim_critic
from principles.errors import ClinAlignError, ConfigError
from principles.interrupt import leave_on_interrupt
from retrieval.encoder import load_encoder
from retrieval.facts import FactSearch, load_fact_search
from tests.planted import found
from tests.planted.cases import Case, load_cases, load_flat

PLACES = (1, 3, 6)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.planted", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", choices=("tune", "test"), default="test", help="which cases (default: test)")
    parser.add_argument(
        "--fit", action="store_true", help="print the weights that join what was read, learnt from the tune cases"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    given = parser.parse_args()
    try:
        encoder = load_encoder()
        if (critic := load_claim_critic(encoder)) is None:
            raise ConfigError("the reader of claims has learnt for the bundled encoder alone: unset CLINALIGN_ENCODER")
        if given.fit:
            print(json.dumps(found.fitted(found.read(load_cases("tune"), critic)), indent=2))
            return 0
        cases = load_cases(given.split)
        report = measured(cases, load_fact_search(encoder)) | found.measured(found.read(cases, critic))
        report |= found.flat_measured(load_flat(given.split), critic)
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(report, indent=2)) if given.json else Console().print(_shown(report))
    return 0


def measured(cases: Sequence[Case], search: FactSearch) -> dict[str, float]:
    """`cases`, the share with a card, and of these the shares whose card is among the first 1, 3 and 6 found."""
    known = [case for case in cases if case.corrected_by]
    found: dict[str, float] = {"cases": len(cases), "share with a card": len(known) / len(cases)}
    ranks: dict[str, list[int]] = {"by the question": [], "by question and sentence": []}
    for case in track(known, "searching", console=Console(stderr=True)):
        ranks["by the question"].append(_rank(search, case.question, case))
        ranks["by question and sentence"].append(_rank(search, f"{case.question} {case.draft[case.wrong]}", case))
    for way, places in ranks.items():
        found |= {f"{way}, first {most}": sum(at < most for at in places) / len(known) for most in PLACES}
    return found


def _rank(search: FactSearch, asked: str, case: Case) -> int:
    """The place of the first card that corrects; past all places where none is found."""
    ids = [one.fact.id for one in search.search(asked, max(PLACES), likely=0.0)]
    return next((place for place, key in enumerate(ids) if key in case.corrected_by), max(PLACES))


def _shown(report: dict[str, float]) -> Table:
    made = Table("measure", "value")
    for name, value in report.items():
        made.add_row(name, f"{value:.2f}" if isinstance(value, float) else str(value))
    return made


if __name__ == "__main__":
    leave_on_interrupt()
    sys.exit(main())
