"""Unit tests never reach a model, a network or the user's cache, even by accident."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FixedClassifier
from tests.unit.training.judged_runs import FakeJudge, installed
from tests.unit.training.tiny_run import grpo


@pytest.fixture(autouse=True)
def sealed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    limits = ("CONCURRENCY", "REQUESTS_PER_MINUTE", "TOKENS_PER_MINUTE")
    for name in ("BASE_URL", "MODEL", "API_KEY", "ADAPTER", "PORT", "PRINCIPLES", "ENCODER", *limits):
        monkeypatch.delenv(f"CLINALIGN_{name}", raising=False)
    monkeypatch.setenv("CLINALIGN_CACHE", str(tmp_path / "cache"))
    connect = socket.socket.connect
    refused: list[str] = []

    def loopback_only(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            refused.append(str(address[0]))
            raise AssertionError("a unit test tried to reach the network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", loopback_only)

    def no_engine(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a unit test tried to start the real model server")

    monkeypatch.setattr("agent.llm.endpoint.local_server", no_engine)
    yield
    # What it raised may have been taken for a failure of the endpoint, and told in other words.
    assert not refused, f"the test tried to reach {', '.join(refused)}"


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> FakeJudge:
    """The judge of whatever command asks for one."""
    return installed(FakeJudge(), monkeypatch)


@pytest.fixture
def fixed_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent takes every question for a layperson's about a medicine."""
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: FixedClassifier())


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run of four steps with checkpoints at two and four. Tests that change it take a copy."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert grpo(out=out) == 0
    return out
