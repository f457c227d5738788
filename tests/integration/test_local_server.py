"""The embedded server on real weights (fetched into the user's cache if they are not there)."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from agent.llm.named import profile_named
from agent.llm.server import LocalServer
from agent.llm.weights import ensure_weights
from principles.errors import ServerError

ROOT = Path(__file__).parents[2]
PROFILE = profile_named("qwen2.5-coder-1.5b")
MEMORY_BAR = 4 << 30


@pytest.fixture(scope="module")
def weights() -> Path:
    return ensure_weights(PROFILE)


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[LocalServer]:
    running = LocalServer(weights, PROFILE.name)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: LocalServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.api_key}"}
    with httpx.Client(base_url=server.base_url, headers=headers, timeout=120, trust_env=False) as client:
        yield client


def ask(client: httpx.Client, text: str, **options: object) -> dict[str, object]:
    messages = [{"role": "user", "content": text}]
    response = client.post("/chat/completions", json={"model": PROFILE.name, "messages": messages, **options})
    response.raise_for_status()
    answer: dict[str, object] = response.json()
    return answer


def test_it_answers_with_logprobs_and_keeps_the_prefix(client: httpx.Client) -> None:
    prefix = "A person reports a mild cold with a runny nose since yesterday. " * 10
    options = {"max_tokens": 1, "logprobs": True, "top_logprobs": 20, "temperature": 0}
    ask(client, prefix + "Is that about a nose? Reply Yes or No.", **options)
    answer = ask(client, prefix + "Is that about a broken leg? Reply Yes or No.", **options)
    likeliest = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]  # type: ignore[index]
    assert len(likeliest) == 20
    assert {"Yes", "No"} <= {entry["token"] for entry in likeliest}
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] > 100  # type: ignore[index]


def test_it_serves_one_model_under_the_profile_name(client: httpx.Client, server: LocalServer) -> None:
    (entry,) = client.get("/models").json()["data"]
    assert entry["id"] == PROFILE.name
    assert entry["meta"]["n_ctx"] == server.context_tokens


def test_strangers_on_this_machine_are_refused(server: LocalServer) -> None:
    with httpx.Client(trust_env=False) as stranger:
        assert stranger.post(f"{server.base_url}/chat/completions", json={}).status_code == 401
        for path in ("/slots", "/props", "/metrics"):
            assert stranger.get(server.base_url.removesuffix("/v1") + path).status_code in (401, 404, 501)


def test_the_key_is_not_on_the_command_line(server: LocalServer) -> None:
    engine = psutil.Process(server.pid)
    assert server.api_key not in " ".join(engine.cmdline())
    assert server.api_key not in str(engine.environ())


def test_a_long_prompt_fits_in_memory(client: httpx.Client, server: LocalServer) -> None:
    """The bar is for engine and caller together; the caller with an encoder loaded takes about a gigabyte."""
    engine = psutil.Process(server.pid)
    ask(client, "word " * (server.context_tokens // 8), max_tokens=1)
    assert engine.memory_info().rss < MEMORY_BAR - (1 << 30)


def test_a_taken_port_is_refused_while_another_server_runs(server: LocalServer, weights: Path) -> None:
    port = int(server.base_url.split(":")[2].split("/")[0])
    with pytest.raises(ServerError, match=f"port {port} on 127.0.0.1 is taken"):
        LocalServer(weights, PROFILE.name, port)


STREAM = """
import signal, sys, httpx
signal.signal(signal.SIGINT, signal.default_int_handler)
from agent.llm.endpoint import resolve_endpoint
endpoint = resolve_endpoint()
message = {"role": "user", "content": "Write a long essay about the sea."}
body = {"model": endpoint.model, "messages": [message], "max_tokens": 2000, "stream": True}
headers = {"Authorization": "Bearer " + endpoint.api_key}
url = endpoint.base_url + "/chat/completions"
with httpx.stream("POST", url, json=body, headers=headers, timeout=120, trust_env=False) as reply:
    for number, line in enumerate(reply.iter_lines()):
        if number == 4:
            print(endpoint.base_url, flush=True)
            if sys.argv[1] == "raise":
                raise RuntimeError
"""


@pytest.mark.parametrize("end", ["raise", "SIGINT", "SIGTERM", "SIGKILL"])
def test_ending_in_the_middle_of_an_answer_is_quick_and_leaves_nothing(weights: Path, end: str) -> None:
    environment = {**os.environ, "CLINALIGN_BASE_URL": "", "CLINALIGN_MODEL": "", "CLINALIGN_PORT": ""}
    process = subprocess.Popen(
        [sys.executable, "-c", STREAM, end],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    engines = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    if end != "raise":
        process.send_signal(getattr(signal, end))
    process.communicate(timeout=30)
    gone, alive = psutil.wait_procs(engines, timeout=10)
    assert url
    assert gone
    assert not alive
    assert process.returncode == {"raise": 1, "SIGINT": -2, "SIGTERM": -15, "SIGKILL": -9}[end]
    assert time.monotonic() - started < 10
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(url.split(":")[2].split("/")[0]))) != 0
