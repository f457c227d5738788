"""vLLM really installed, really serving: minutes and gigabytes, so only on CLINALIGN_TEST=everything."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from agent.llm.endpoint import resolve_endpoint
from tests import needs
from training.tuning.policy import TINY_CONTEXT, tiny_config, tiny_tokenizer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    needs.vllm,
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Qwen3 of a few thousand weights; its tokenizer has seen no text, so it speaks bytes."""
    from transformers import Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("tiny-qwen3")
    tokenizer = tiny_tokenizer([])
    config = tiny_config(len(tokenizer))
    config.eos_token_id = tokenizer.eos_token_id
    Qwen3ForCausalLM(config).bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass
class Served:
    process: subprocess.Popen[str]
    client: httpx.Client
    exports: dict[str, str]


@pytest.fixture(scope="module")
def served(checkpoint: Path) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLINALIGN_API")}
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.llm.serve_vllm", str(checkpoint), "--port", str(port)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(3)]
    exports = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    headers = {"Authorization": f"Bearer {exports['CLINALIGN_API_KEY']}"}
    with httpx.Client(base_url=exports["CLINALIGN_BASE_URL"], headers=headers, timeout=120, trust_env=False) as client:
        yield Served(process, client, exports)
    process.kill()
    process.wait()


def ask(served: Served, text: str, **options: object) -> dict[str, object]:
    body = {"model": served.exports["CLINALIGN_MODEL"], "messages": [{"role": "user", "content": text}], **options}
    response = served.client.post("/chat/completions", json=body)
    response.raise_for_status()
    answer: dict[str, object] = response.json()
    return answer


def test_the_exports_lead_the_agent_to_it(served: Served, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in served.exports.items():
        monkeypatch.setenv(name, value)
    endpoint = resolve_endpoint()
    assert (endpoint.model, endpoint.context_tokens, endpoint.local) == (checkpoint.name, TINY_CONTEXT, False)


def test_strangers_are_refused(served: Served) -> None:
    assert httpx.get(served.exports["CLINALIGN_BASE_URL"] + "/models", trust_env=False).status_code == 401


def test_logprobs_of_twenty_tokens(served: Served) -> None:
    answer = ask(served, "Yes or no?", max_tokens=1, temperature=0, logprobs=True, top_logprobs=20)
    assert len(answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 20  # type: ignore[index]


def test_a_shared_prefix_is_cached(served: Served) -> None:
    def hits() -> float:
        text = served.client.get(served.exports["CLINALIGN_BASE_URL"].removesuffix("/v1") + "/metrics").text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("vllm:prefix_cache_hits"))

    ask(served, "The same beginning. " * 40 + "One?", max_tokens=1)
    before = hits()
    ask(served, "The same beginning. " * 40 + "Two?", max_tokens=1)
    assert hits() - before > 500


def test_json_follows_the_schema(served: Served) -> None:
    schema = {
        "type": "object",
        "properties": {"verdict": {"type": "string", "enum": ["yes", "no"]}},
        "required": ["verdict"],
        "additionalProperties": False,
    }
    asked = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}}
    answer = ask(served, "Yes or no?", max_tokens=60, temperature=0, response_format=asked)
    content = answer["choices"][0]["message"]["content"]  # type: ignore[index]
    assert json.loads(content)["verdict"] in ("yes", "no")


def test_ctrl_c_leaves_nothing_behind(served: Served) -> None:
    """The last test of the module: it ends the server."""
    family = psutil.Process(served.process.pid).children(recursive=True)
    assert len(family) >= 2
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(60) == 130
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
