"""The whole way: train the tiny recipe, export it, serve it with vLLM, ask the agent that runs on it.

Minutes and gigabytes (vLLM is installed into the user's cache), so only on CLINALIGN_TEST=everything.
"""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    needs.vllm,
]
ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "training" / "grpo" / "recipes" / "tiny_cpu.yaml"


def training(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """`python -m training …`, as a person runs it."""
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    trained = training("grpo", "--recipe", RECIPE, "--out", folder / "run", "--steps", 5, "--gold-every", 5)
    assert trained.returncode == 0, trained.stderr
    made = training("export", folder / "run", folder / "tiny-clinalign")
    assert made.returncode == 0, made.stderr
    assert "held out, gold" in (folder / "tiny-clinalign" / "README.md").read_text()
    return folder / "tiny-clinalign"


@pytest.fixture(scope="module")
def served(exported: Path) -> Iterator[dict[str, str]]:
    """What `python -m agent.llm.serve_vllm` says to export for the agent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.llm.serve_vllm", str(exported), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(3)]
    yield dict(line.removeprefix("export ").split("=", 1) for line in lines)
    process.send_signal(signal.SIGINT)
    process.wait(60)


def test_the_agent_answers_with_the_trained_checkpoint(
    served: dict[str, str], exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in served.items():
        monkeypatch.setenv(name, value)
    assert served["CLINALIGN_MODEL"] == exported.name
    from agent import agent

    result = agent.invoke({"messages": [{"role": "user", "content": "How do I treat a small burn?"}]})
    assert result["answer"].strip()
    assert result["draft"].strip()


def test_bad_input_is_one_line_and_exit_2(tmp_path: Path) -> None:
    refused = training("grpo", "--recipe", RECIPE, "--steps", "0", "--out", tmp_path / "run")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(r"clinalign: .*steps: .*\n", refused.stderr)
