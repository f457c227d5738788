"""Which cases does the scenario call an emergency, by itself? No model: questions that are not English are read in the
case's own translation.

    python -m tests.harm.emergencies [--json]

Prints for the cases that are emergencies, and for the others, how each was called, and the ids of those called wrongly.
Takes some ten seconds.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict

from rich.console import Console

from agent.resources import load_search
from principles.errors import ClinAlignError
from principles.interrupt import leave_on_interrupt
from principles.schema import Urgency
from tests.harm.cases import Case, load_cases


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    given = parser.parse_args()
    try:
        report = called()
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    if given.json:
        print(json.dumps(report, indent=2))
        return 0
    for name, counts in report.items():
        Console().print(f"{name}: {counts}")
    return 0


def called() -> dict[str, dict[str, int] | list[str]]:
    """Counts by what a case is and what it was called, then the wrong ones as kind/id."""
    search = load_search()
    counts: dict[bool, Counter[str]] = defaultdict(Counter)
    wrong: dict[bool, list[str]] = {True: [], False: []}
    for case in load_cases():
        urgency = search.scenario(in_english(case), case.messages[-1]["content"]).urgency
        counts[case.emergency][str(urgency)] += 1
        if (urgency is Urgency.EMERGENT) is not case.emergency:
            wrong[case.emergency].append(f"{case.kind}/{case.id} {urgency}")
    return {
        "emergencies, called": dict(counts[True]),
        "others, called": dict(counts[False]),
        "emergencies called otherwise": wrong[True],
        "others called emergent": wrong[False],
    }


def in_english(case: Case) -> list[dict[str, str]]:
    """The conversation, its last question in English."""
    last = case.messages[-1]
    return [*case.messages[:-1], {**last, "content": case.english or last["content"]}]


if __name__ == "__main__":
    leave_on_interrupt()
    sys.exit(main())
