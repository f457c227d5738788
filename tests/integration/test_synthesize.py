"""Rubrics with the real library, encoder and index; a killed run that goes on; criteria from an HTTP endpoint."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

TOPICS = ("cough", "sore throat", "knee pain", "rash", "headache", "ear pain", "back pain", "fever", "cramps", "itch")
QUESTIONS = [f"What can I take for {topic}, and how {end}?" for topic in TOPICS for end in ("long", "often", "soon")]
COMMAND = """
import argparse, sys
from principles.errors import ClinAlignError
from training.synthesis.command import add_arguments, run
parser = argparse.ArgumentParser()
add_arguments(parser)
try:
    sys.exit(run(parser.parse_args()))
except ClinAlignError as error:
    print(f"clinalign: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
"""


class RubricEndpoint:
    """An OpenAI-compatible server that writes `count` criteria whatever it is asked; `prompts` keeps the questions."""

    def __init__(self, count: int = 8, delay: float = 0.0, ready: threading.Event | None = None) -> None:
        """Each answer waits for `ready`, if it is given, and then takes `delay` seconds."""
        self.prompts: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send({"object": "list", "data": [{"id": "writer"}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with endpoint._lock:
                    endpoint.prompts.append(body["messages"][-1]["content"])
                    endpoint.at_once += 1
                    endpoint.most_at_once = max(endpoint.most_at_once, endpoint.at_once)
                if ready is not None:
                    ready.wait(50)
                time.sleep(delay)
                with endpoint._lock:
                    endpoint.at_once -= 1
                message = {"role": "assistant", "content": json.dumps({"criteria": _criteria(count)})}
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                self._send(
                    {"id": "1", "object": "chat.completion", "created": 1, "model": "writer", "choices": [choice]}
                )

            def _send(self, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _criteria(count: int) -> list[dict[str, Any]]:
    things = (
        "paracetamol",
        "a pharmacist",
        "a rash",
        "pregnancy",
        "alcohol",
        "sleep",
        "an allergy test",
        "the kidneys",
    )
    return [
        {"principle": 1, "criterion": f"Does the answer mention {thing}?", "points": -4 if n == 1 else 5}
        for n, thing in enumerate(things[:count])
    ]


@pytest.fixture
def endpoint() -> Iterator[RubricEndpoint]:
    server = RubricEndpoint(delay=0.3)
    yield server
    server.close()


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in QUESTIONS), encoding="utf-8")
    return path


def command(questions: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-c", COMMAND, "--questions", str(questions), "--out", str(out), *more]


def run(*arguments: Any, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=550, env=environment(**variables), check=False
    )


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLINALIGN_")}
    cache = {"CLINALIGN_CACHE": os.environ["CLINALIGN_CACHE"]} if "CLINALIGN_CACHE" in os.environ else {}
    return kept | cache | variables


def records(out: Path) -> list[dict[str, Any]]:
    paths = (out, out.with_name(f"{out.name}.refused.jsonl"))
    return [json.loads(line) for path in paths if path.exists() for line in path.read_text().splitlines()]


def lines_of(paths: Sequence[Path]) -> int:
    return sum(path.read_bytes().count(b"\n") for path in paths if path.exists())


def test_a_killed_run_goes_on_with_nothing_lost_or_doubled(questions: Path, tmp_path: Path) -> None:
    out, calm = tmp_path / "killed.jsonl", tmp_path / "calm.jsonl"
    files = (out, out.with_name(f"{out.name}.refused.jsonl"))
    process = subprocess.Popen(command(questions, out), env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while lines_of(files) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = lines_of(files)
    assert 3 <= done < len(QUESTIONS), "the run was not cut in the middle"

    assert run(questions, out).returncode == 0
    assert run(questions, calm).returncode == 0
    assert len(records(out)) == len(QUESTIONS)
    assert sorted(map(json.dumps, records(out))) == sorted(map(json.dumps, records(calm)))

    refused = run(questions, out, "--writer", "model", "--base-url", "http://127.0.0.1:9/v1", "--model", "m")
    assert refused.returncode == 2
    assert "begun with other settings" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_templates_say_what_they_were_made_from(questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert run(questions, out).returncode == 0
    found = records(out)
    assert any(record["rubrics"] for record in found)
    for record in found:
        assert record["writer"] == "templates"
        assert all(entry["principle_id"] in record["principles"] for entry in record["rubrics"])
        assert all(entry["criterion"].endswith("?") and "{" not in entry["criterion"] for entry in record["rubrics"])
    for record in found:
        if "refused" not in record:
            assert 5 <= len(record["rubrics"]) <= 15


def test_a_model_at_an_endpoint_writes_side_by_side(questions: Path, tmp_path: Path, endpoint: RubricEndpoint) -> None:
    out = tmp_path / "out.jsonl"
    done = run(questions, out, "--limit", "9", CLINALIGN_BASE_URL=endpoint.url, CLINALIGN_CONCURRENCY="3")
    assert done.returncode == 0, done.stderr
    assert endpoint.most_at_once == 3
    found = [record for record in records(out) if record["principles"]]
    assert len(found) == len(endpoint.prompts) > 0
    for record in found:
        assert record["writer"] == "model"
        assert len(record["rubrics"]) == 8
        assert any(re.search(re.escape(record["prompt"][0]["content"]), prompt) for prompt in endpoint.prompts)
    settings = json.loads((tmp_path / "out.jsonl.settings.json").read_text())
    assert settings["model"] == "writer"


def test_no_question_text_reaches_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "my zebrafish rash?"}\n{"question": "zebrafish', encoding="utf-8")
    done = run(path, tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert "line 2: it is not JSON" in done.stderr
    assert "zebrafish" not in done.stderr + done.stdout
