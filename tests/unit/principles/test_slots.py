"""Which medicine a question is about."""

import pytest

from principles.rubric import fill_slots


@pytest.mark.parametrize(
    ("said", "medicine"),
    [
        ("I take metformin, lisinopril and atorvastatin. I want to stop my sertraline.", "sertraline"),
        ("Can I stop my sertraline? I take metformin and lisinopril.", "sertraline"),
        ("I'm on metformin, lisinopril and statins. Thinking about coming off citalopram", "citalopram"),
        ("Metformin and lisinopril, it's the citalopram I'd like to quit", "citalopram"),
        ("I take warfarin and amiodarone, can I add ibuprofen?", "warfarin, amiodarone and ibuprofen"),
        ("I'm on warfarin. Is ibuprofen safe?", "ibuprofen"),
        ("I take metformin and lisinopril.", "metformin and lisinopril"),
        ("May I mix ibuprofen and naproxen?", "ibuprofen and naproxen"),
    ],
)
def test_the_medicine_asked_about(said: str, medicine: str) -> None:
    assert fill_slots([{"role": "user", "content": said}])["medicine"] == medicine
