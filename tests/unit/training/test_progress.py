"""Long work says how far it is, in a log too."""

import pytest

from training.common import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end(
    clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    with progress.bar("training", 10, before=2) as done:
        for step in range(8):
            clock[0] += 12
            done(1, f"reward {step}")
    assert capfd.readouterr().err.splitlines() == [
        "training: 5 of 10, 5.0 a minute, reward 2, left 0:01:00",
        "training: 8 of 10, 5.0 a minute, reward 5, left 0:00:24",
        "training: 10 of 10, 5.0 a minute, reward 7, left 0:00:00",
    ]


def test_what_is_quick_is_counted_by_the_second(clock: list[float], capfd: pytest.CaptureFixture[str]) -> None:
    with progress.bar("grading", 4) as done:
        clock[0] += 2
        done(4)
    assert capfd.readouterr().err == "grading: 4 of 4, 2.0 a second, left 0:00:00\n"


def test_what_was_done_before_says_nothing_of_the_speed(clock: list[float], capfd: pytest.CaptureFixture[str]) -> None:
    with progress.bar("training", 5, before=5) as done:
        done(0, "reward 0.1")
    assert capfd.readouterr().err == "training: 5 of 5, reward 0.1, left 0:00:00\n"
