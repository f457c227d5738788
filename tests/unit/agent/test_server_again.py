"""An embedded server that died is started again for the next question, within one agent."""

from typing import Any

import pytest

from agent.llm import server
from agent.resources import Resources


class Starting:
    """Stands in for the server process: each one has a port of its own."""

    started = 0

    def __init__(self, weights: Any, model: str, port: int, adapter: Any = None) -> None:
        type(self).started += 1
        self.model, self.api_key, self.context_tokens = model, "key", 8192
        self.base_url = f"http://127.0.0.1:{9000 + self.started}/v1"
        self.alive = True
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    running: dict[str, Any] = {}
    for name in ("CLINALIGN_BASE_URL", "CLINALIGN_MODEL", "CLINALIGN_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("agent.llm.endpoint.local_server", server.local_server)
    monkeypatch.setattr(server, "_servers", running)
    monkeypatch.setattr(server, "LocalServer", Starting)
    monkeypatch.setattr(server, "ensure_weights", lambda profile, report: None)
    return running


def test_a_server_that_died_is_started_again_and_one_that_lives_is_not(servers: dict[str, Any]) -> None:
    resources = Resources()
    first: Any = resources.model()
    assert resources.model() is first
    (one,) = servers.values()
    one.alive = False
    second: Any = resources.model()
    (other,) = servers.values()
    assert (first.openai_api_base, second.openai_api_base) == (one.base_url, other.base_url)
    assert one.base_url != other.base_url
    assert one.stopped
    assert resources.model() is second
