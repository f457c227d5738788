"""The embedded model server: llama.cpp on verified weights, on loopback, once per process.

It speaks the OpenAI HTTP API under a random key, since other users of the machine reach loopback too.
`engine.py` says why it is a child process.
"""

import atexit
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from agent.llm.adapter import Adapter, require_fit
from agent.llm.cores import usable_cores
from agent.llm.profiles import Profile
from agent.llm.progress import Progress, Report, no_report
from agent.llm.weights import ensure_weights
from principles.errors import ConfigError, ServerError
from principles.interrupt import at_exit

CONTEXT_TOKENS = 8192
START_SECONDS = 300.0


# Every server process from its very start, so that none is missed when this process leaves while one loads.
_processes: set[subprocess.Popen[bytes]] = set()


class LocalServer:
    """A running server for one GGUF file, with an adapter or without.

    `base_url` ends in /v1, `api_key` must be sent as a bearer token, `model` is the name it serves, and
    `context_tokens` bounds prompt and answer together. Port 0 takes any free port.
    Raises ServerError if it cannot be started, and ConfigError where the adapter is for another model.
    """

    def __init__(
        self,
        weights: Path,
        model: str,
        port: int = 0,
        context_tokens: int = CONTEXT_TOKENS,
        adapter: Adapter | None = None,
    ) -> None:
        if adapter:
            require_fit(adapter, weights, model)
        self.model = model = answering_name(model, adapter)
        self.context_tokens = context_tokens
        self.api_key = secrets.token_urlsafe(32)
        settings: dict[str, str | int] = {
            "weights": str(weights),
            "model": model,
            "api_key": self.api_key,
            "port": port,
            "context_tokens": context_tokens,
            "threads": usable_cores(),
            "adapter": str(adapter.path) if adapter else "",
        }
        with tempfile.TemporaryFile() as complaints:
            # -P: the folder of the script must not shadow modules. A session of its own: Ctrl-C in the
            # terminal is for this process, which then stops the server.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("engine.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,
            )
            _processes.add(self._process)
            started = time.monotonic()
            try:
                answer = self._handshake(settings)
            except BaseException:
                self.stop()
                raise
            if not answer:
                self.stop()
                if time.monotonic() - started >= START_SECONDS:
                    raise ServerError(f"the local model server for {model} was not ready within {START_SECONDS:g} s")
                complaints.seek(0)
                raise ServerError(_start_failure(complaints.read().decode(errors="replace"), port, model))
        self.base_url = f"{json.loads(answer)['address']}/v1"

    def _handshake(self, settings: dict[str, str | int]) -> bytes:
        """The line that says where the server listens; empty if it ended or took too long."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        too_long = threading.Timer(START_SECONDS, self._process.kill)
        too_long.daemon = True
        too_long.start()
        try:
            self._process.stdin.write(json.dumps(settings).encode() + b"\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()
        except BrokenPipeError:
            return b""
        finally:
            too_long.cancel()

    @property
    def pid(self) -> int:
        """The process, for those that watch its memory."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server at once, also in the middle of a request. May be called again."""
        self._process.kill()
        self._process.wait()
        _processes.discard(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _start_failure(complaints: str, port: int, model: str) -> str:
    if "couldn't bind" in complaints:
        return f"port {port} on 127.0.0.1 is taken: set CLINALIGN_PORT to another, or unset it for any free port"
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    errors = [line for line in lines if " E " in line]  # as llama.cpp marks them; the first is the cause
    reason = errors[0].split(" E ", 1)[1].strip() if errors else (lines or [""])[-1]
    return f"the local model server for {model} did not start: {reason or 'too little memory?'}"


def chosen_port() -> int:
    """`CLINALIGN_PORT`, or 0 for any free one. Raises ConfigError if it is no port."""
    text = os.environ.get("CLINALIGN_PORT", "").strip() or "0"
    if not text.isdecimal() or int(text) > 65535:
        raise ConfigError(f"CLINALIGN_PORT is {text!r}: it must be a port number from 0 to 65535")
    return int(text)


_servers: dict[str, LocalServer] = {}
_lock = threading.Lock()


def answering_name(model: str, adapter: Adapter | None) -> str:
    """The name of what answers: that of the model, and its adapter's."""
    return f"{model}+{adapter.label}" if adapter else model


def local_server(profile: Profile, report: Report = no_report, adapter: Adapter | None = None) -> LocalServer:
    """The server of `profile` with `adapter`, started on the first call and shared by all threads of the process.

    One that died is started again. Raises WeightsError, ServerError or ConfigError.
    """
    name = answering_name(profile.name, adapter)
    with _lock:
        server = _servers.get(name)
        if server is None or not server.alive:
            if server is not None:
                server.stop()  # what is left of one that died: its pipes
            weights = ensure_weights(profile, report)
            report(Progress(f"loading {name}"))
            server = _servers[name] = LocalServer(weights, profile.name, chosen_port(), adapter=adapter)
        return server


@atexit.register
def stop_all() -> None:
    """Stop every local server of this process; runs by itself when the process ends."""
    _servers.clear()
    for process in list(_processes):
        process.kill()


at_exit.append(stop_all)
