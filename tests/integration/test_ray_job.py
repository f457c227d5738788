"""The synthesis as a Ray Data job with two local workers, each with an engine of its own."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.integration.test_synthesize import QUESTIONS, RubricEndpoint, records, run

needs.require("Ray")
pytestmark = pytest.mark.slow


@pytest.fixture
def engines() -> Iterator[tuple[RubricEndpoint, RubricEndpoint]]:
    """Neither answers before both were asked: one worker cannot do all while the other is loading."""
    ready = threading.Event()
    both = RubricEndpoint(ready=ready), RubricEndpoint(ready=ready)

    def watch() -> None:
        while not ready.is_set():
            if all(one.prompts for one in both):
                ready.set()
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    yield both
    ready.set()
    for one in both:
        one.close()


def test_two_workers_share_the_questions(engines: tuple[RubricEndpoint, RubricEndpoint], tmp_path: Path) -> None:
    path, out = tmp_path / "q.jsonl", tmp_path / "out.jsonl"
    texts = [f"{text} Case {case}." for case in range(2) for text in QUESTIONS]
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in texts), encoding="utf-8")
    named = [part for engine in engines for part in ("--engine", engine.url)]

    done = run(path, out, "--model", "writer", *named)
    assert done.returncode == 0, done.stderr
    found = records(out)
    assert sorted(record["prompt"][0]["content"] for record in found) == sorted(texts)
    assert all(engine.prompts for engine in engines), "an engine was not used"
    asked = [record for record in found if record["principles"]]
    assert sum(len(engine.prompts) for engine in engines) == len(asked)
    assert all(len(record["rubrics"]) == 8 for record in asked)
