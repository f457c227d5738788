"""Serve a checkpoint or a hub model with vLLM on this machine, for the agent to use.

`python -m agent.llm.serve_vllm MODEL [--adapter FOLDER] [--port 8000] [-- further vLLM options]`, which is
`make serve-vllm`.
"""

import argparse
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from agent.llm.vllm_env import has_gpu, vllm_python
from agent.llm.vllm_lora import CONFIG, Lora, checked_lora
from principles.errors import ClinAlignError, ConfigError, ServerError

POLL_SECONDS = 0.5
STOP_SECONDS = 20.0
# Without it small models fill the answer's room with blanks instead of closing the JSON.
STRUCTURED = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})


def checked_model(text: str) -> str:
    """`text` if it can be a model: a Hugging Face folder, or a name on the hub. Raises ConfigError."""
    path = Path(text).expanduser()
    if text and path.is_dir():
        if not (path / "config.json").is_file():
            hint = (
                ": it is an adapter, so name its base model, and it with --adapter" if (path / CONFIG).is_file() else ""
            )
            raise ConfigError(f"{text} holds no config.json, so it is not a Hugging Face model folder{hint}")
        return str(path.resolve())
    named = re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", text, re.ASCII)
    if not named or ("/" in text and Path(path.parts[0]).exists()):
        raise ConfigError(f"there is no folder {text}, and it is not a name on the hub either (owner/name)")
    return text


def weights_dtype(model: str) -> str | None:
    """The type of number that a model folder's weights are in, None where it does not say."""
    try:
        config = json.loads((Path(model) / "config.json").read_text(encoding="utf-8"))
        found = config.get("dtype") or config.get("torch_dtype")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def server_options(model: str, port: int, gpu: bool, extra: list[str], lora: Lora | None = None) -> list[str]:
    """vLLM's options; those the user adds come last, and win."""
    options = ["--model", model, "--served-model-name", served_name(model)]
    options += ["--host", "127.0.0.1", "--port", str(port)]
    options += ["--enable-prefix-caching", "--structured-outputs-config", STRUCTURED]
    options += ["--max-model-len", "auto"]  # the longest that fits in memory, instead of refusing to start
    options += ["--disable-uvicorn-access-log"]
    options += lora.options() if lora else []
    if not gpu:
        options += ["--enforce-eager"]  # compiling costs 50 s of start and gains nothing here
    if weights_dtype(model) == "float32":
        options += ["--dtype", "float32"]  # by itself vLLM rounds them, and a small adapter's change with them
    elif not gpu:
        options += ["--dtype", "bfloat16"]
    return options + extra


def served_name(model: str) -> str:
    """The name that the endpoint serves a model under: that of its folder, or the hub's."""
    return Path(model).name if Path(model).is_dir() else model


def serve(model: str, port: int, extra: list[str], adapter: Path | None = None) -> None:
    """Install vLLM if need be, serve until Ctrl-C, and leave no process behind. Raises ClinAlignError."""
    model = checked_model(model)
    lora = checked_lora(adapter, served_name(model)) if adapter else None
    _require_free(port)
    gpu = has_gpu()
    python = vllm_python(gpu)
    key = os.environ.get("CLINALIGN_API_KEY") or secrets.token_urlsafe(24)
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", **os.environ, "VLLM_API_KEY": key}
    child = Path(__file__).with_name("vllm_child.py")
    process = subprocess.Popen(
        [str(python), "-P", str(child), *server_options(model, port, gpu, extra, lora)],
        stdin=subprocess.PIPE,
        stdout=sys.stderr,
        env=environment,
        start_new_session=True,
    )
    try:
        _await_ready(process, port)
        print(f"export CLINALIGN_BASE_URL=http://127.0.0.1:{port}/v1")
        print(f"export CLINALIGN_MODEL={lora.name if lora else served_name(model)}")
        print(f"export CLINALIGN_API_KEY={key}", flush=True)
        raise ServerError(f"vLLM ended by itself (exit {process.wait()}): its own words are above")
    finally:
        _stop(process)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left counts as free
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise ServerError(f"port {port} cannot be used ({error}): choose another with --port") from None


def _await_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Return once vLLM answers. There is no limit: a large model from the hub takes its time."""
    with httpx.Client(trust_env=False) as client:
        while process.poll() is None:
            try:
                if client.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(POLL_SECONDS)
    raise ServerError(f"vLLM did not start (exit {process.returncode}): its own words are above")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End vLLM and the engine processes it started: politely first, as Ctrl-C would."""
    for sent in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
            process.wait(STOP_SECONDS)
        except (ProcessLookupError, subprocess.TimeoutExpired, KeyboardInterrupt):  # Ctrl-C again: no more waiting
            continue


def main() -> None:
    """The command; what stands after -- goes to vLLM."""
    arguments = sys.argv[1:]
    extra: list[str] = []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, extra = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(
        prog="python -m agent.llm.serve_vllm",
        description="Serve a model with vLLM on 127.0.0.1 until Ctrl-C, and print what to export for the agent.",
        epilog="Options of vLLM itself may follow after --, as in: -- --tensor-parallel-size 2",
    )
    parser.add_argument("model", help="a Hugging Face model folder, or a name on the hub")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument("--adapter", type=Path, metavar="FOLDER", help="a LoRA as PEFT saves it, trained on the model")
    options = parser.parse_args(arguments)
    try:
        serve(options.model, options.port, extra, options.adapter)
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nclinalign: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
