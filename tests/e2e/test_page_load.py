"""Ten people at once, in short; `python -m tests.load_page` is the whole of it, with the figures that are asked for."""

import asyncio

from tests.load_page import STOPPED_S, measure


def test_ten_people_get_their_own_answers_and_a_closed_page_ends_its_work() -> None:
    measured = asyncio.run(measure(people=10, questions=20))
    assert measured.faults == []
    assert len(measured.waits) == 20
    assert measured.stopped <= STOPPED_S
