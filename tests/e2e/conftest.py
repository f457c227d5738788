"""The real thing: real weights, real server, real encoder. One engine serves all tests of the session."""

import json

import pytest

from tests.needs import DATA

OWN_QUESTIONS = (
    "Can I take ibuprofen for my back while I am on warfarin?",
    "My toddler has had diarrhoea since yesterday and hardly drinks. What should I do?",
    "What does a TSH of 6.8 with a normal free T4 mean?",
    "I missed my sertraline yesterday. Should I take two today?",
    "How long may a cold last before I should see somebody?",
    "Is turmeric a cure for arthritis?",
)


def _spread(lines: list[str], count: int) -> list[str]:
    return lines[:: max(1, len(lines) // count)][:count]


@pytest.fixture(scope="session")
def patient_questions() -> list[str]:
    """Six real patients' questions (K-QA), spread over the file; six of our own where it is absent."""
    path = DATA / "queries_unlabeled.jsonl"
    if not path.exists():
        return list(OWN_QUESTIONS)
    return [json.loads(line)["question"] for line in _spread(path.read_text(encoding="utf-8").splitlines(), 6)]
