import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.llm import cores, server
from agent.llm.named import profile_named
from agent.llm.progress import Progress
from agent.llm.server import LocalServer, chosen_port, local_server
from principles.errors import ConfigError, ServerError

PROFILE = profile_named("qwen2.5-coder-1.5b")


class FakeServer:
    def __init__(self, weights: Path, model: str, port: int, adapter: object) -> None:
        time.sleep(0.05)
        self.alive = True
        self.port = port

    def stop(self) -> None:
        self.alive = False


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_servers", {})
    monkeypatch.setattr(server, "LocalServer", FakeServer)
    monkeypatch.setattr(server, "ensure_weights", lambda profile, report: Path("weights"))
    monkeypatch.delenv("CLINALIGN_PORT", raising=False)


@pytest.mark.usefixtures("faked")
def test_all_threads_share_one_server() -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(local_server(PROFILE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


@pytest.mark.usefixtures("faked")
def test_a_server_that_died_is_started_again() -> None:
    seen: list[Progress] = []
    first = local_server(PROFILE, seen.append)
    first.stop()
    second = local_server(PROFILE, seen.append)
    assert second is not first
    assert seen == [Progress("loading qwen2.5-coder-1.5b")] * 2


@pytest.mark.usefixtures("faked")
def test_the_named_port_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_PORT", "8123")
    assert local_server(PROFILE).port == 8123  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["x", "-1", "65536", "80.5", "²"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CLINALIGN_PORT", text)
    with pytest.raises(ConfigError, match="CLINALIGN_PORT"):
        chosen_port()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} on 127.0.0.1 is taken: set CLINALIGN_PORT"):
            LocalServer(tmp_path / "none.gguf", "any", port)


def test_a_file_that_is_no_model_gives_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ServerError, match=r"model server for any did not start: .*bad GGUF version"):
        LocalServer(tmp_path / "bad.gguf", "any")


def test_a_start_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "START_SECONDS", 0.5)
    os.mkfifo(tmp_path / "never.gguf")  # to open it waits for a writer, so that the engine is ready never
    with pytest.raises(ServerError, match=r"for any was not ready within 0\.5 s"):
        LocalServer(tmp_path / "never.gguf", "any")


def test_the_engine_ends_with_its_starter() -> None:
    """However the starter dies, the system closes the pipe; nothing else may keep the engine alive."""
    engine = Path(server.__file__).with_name("engine.py")
    process = subprocess.Popen([sys.executable, "-P", engine], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) != 0


def test_cores_are_counted_once_per_sibling_and_within_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4, 5}, raising=False)
    monkeypatch.setattr(cores, "_siblings", lambda cpu: f"{cpu // 2}")
    monkeypatch.setattr(cores, "_quota", lambda: 2**31)
    assert cores.usable_cores() == 3
    monkeypatch.setattr(cores, "_quota", lambda: 2)
    assert cores.usable_cores() == 2
    monkeypatch.setattr(cores, "_quota", lambda: 0)
    assert cores.usable_cores() == 1


def test_cores_where_affinity_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.usable_cores() == 1
