"""The bench runs both ways and holds the overhead to its bar."""

import argparse
from typing import Any

import pytest

from tests import needs
from tests.unit.training.tiny_run import RECIPE, SHORT

needs.require("training")


@pytest.mark.parametrize(("ours", "status"), [(1.05, 0), (1.2, 1)])
def test_the_status_tells_whether_the_bar_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ours: float, status: int
) -> None:
    from training.grpo import bench as grpo_bench

    def steps(recipe: Any, corpus: Any, tokenizer: Any, reward: Any) -> list[tuple[float, float]]:
        return [(9.0, 1.0 if reward is grpo_bench._constant else ours)] * 3

    monkeypatch.setattr(grpo_bench, "_steps", steps)
    parser = argparse.ArgumentParser()
    grpo_bench.add_arguments(parser)
    options = [text for name, value in SHORT.items() for text in (f"--{name.replace('_', '-')}", value)]
    assert grpo_bench.run(parser.parse_args(["--recipe", str(RECIPE), *options])) == status
    assert f"{ours - 1:+.1%}" in capsys.readouterr().out
