"""The server's parts without a server: keys, the queue, what the command refuses before it loads anything."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from agent.cli import main
from agent.serve.command import MOST_TOKENS
from agent.serve.failures import invalid, named, reply_to, status_of
from agent.serve.gate import MOST_WAIT_S, Gate
from agent.serve.keys import Keys, read_keys
from agent.serve.listening import is_loopback
from agent.serve.wire import ONLY, ChatRequest
from agent.state import DRAFT_TOKENS
from principles.errors import BusyError, ConfigError, InputError, ModelError, WeightsError
from tests.served import free_port

KEY = "0123456789abcdef0123"


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    try:
        status = main(["serve", *options])
    except SystemExit as stopped:
        status = stopped.code  # type: ignore[assignment]
    out, err = capsys.readouterr()
    assert (status, out, "Traceback" in err) == (2, "", False)
    return err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104
def test_elsewhere_it_listens_with_keys_only(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give --api-keys" in refused(capsys, "--host", host)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--port", "0"), "from 1 to 65535"),
        (("--port", "x"), "from 1 to 65535"),
        (("--queue", "0"), "whole number from 1"),
        (("--max-body", "-1"), "whole number from 1"),
        (("--max-tokens", "601"), "from 1 to 600"),
        (("--api-keys", "nowhere.txt"), "cannot read nowhere.txt"),
        (("a question",), "unrecognized arguments"),
    ],
)
def test_options_that_cannot_be_used(options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in refused(capsys, *options)


def test_the_longest_draft_of_the_command_is_the_agents() -> None:
    assert MOST_TOKENS == DRAFT_TOKENS  # by a number of its own, the help needs no import of the agent


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "try another --port" in refused(capsys, "--port", str(taken.getsockname()[1]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no key"),
        (b"# only this\n\n", "holds no key"),
        (b"short\n", "line 1"),
        (f"{KEY}\n{KEY} two words\n".encode(), "line 2"),
        ("schl\u00fcssel-mit-umlaut\n".encode(), "line 1"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_file_of_keys_that_cannot_be_used(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=words) as error:
        read_keys(str(path))
    assert KEY not in str(error.value)


def test_keys_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# of the ward\n{KEY}\n\n  {KEY[::-1]}\n", encoding="utf-8")
    keys = read_keys(str(path))
    accepted = {
        given: keys.accept(given) for given in (f"Bearer {KEY}", f"bearer  {KEY[::-1]}", f"Basic {KEY}", KEY, "")
    }
    assert list(accepted.values()) == [True, True, False, False, False]
    assert KEY not in repr(vars(keys))


@pytest.mark.parametrize(
    "given", [f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer \xe4\xf6", "Bearer", "Bearer \udcff"]
)
def test_other_keys_are_not_accepted(given: str) -> None:
    assert not Keys([KEY]).accept(given)


def test_the_gate_serves_who_came_first_and_sends_away_who_is_too_many() -> None:
    async def scenes() -> None:
        gate = Gate(1, 2)
        one, two, three = gate.enter(), gate.enter(), gate.enter()
        with pytest.raises(BusyError) as busy:
            gate.enter()
        assert 1 <= busy.value.after_s <= MOST_WAIT_S
        assert await one.has_turn(1)
        assert not await two.has_turn(0.01)
        assert not await three.has_turn(0.01)
        assert not await two.has_turn(0.01)  # asks again, and does not lose its place by that
        one.leave()
        one.leave()
        assert await two.has_turn(1)
        assert not await three.has_turn(0.01)
        three.leave()  # goes away while it waits
        four = gate.enter()
        two.leave()
        assert await four.has_turn(1)
        four.leave()
        assert gate.inside == 0
        assert await gate.enter().has_turn(1)

    asyncio.run(scenes())


def test_a_place_that_is_left_in_the_moment_of_its_turn_is_not_lost() -> None:
    async def scenes() -> None:
        gate = Gate(1, 1)
        one, two = gate.enter(), gate.enter()
        assert await one.has_turn(1)
        assert not await two.has_turn(0.01)
        one.leave()
        two.leave()  # its turn has come, and it has not heard of it yet
        await asyncio.sleep(0)
        assert await gate.enter().has_turn(1)

    asyncio.run(scenes())


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (InputError("no"), 400, "false"),
        (BusyError("full", 7), 429, "true"),
        (ModelError("down", retryable=True), 503, "true"),
        (ModelError("odd"), 502, "false"),
        (WeightsError("gone", retryable=True), 503, "true"),
        (ConfigError("wrong"), 500, "false"),
        (RuntimeError("secret"), 500, "false"),
    ],
)
def test_errors_have_their_status(error: Exception, status: int, retry: str) -> None:
    reply = reply_to(error)
    assert (status_of(error), reply.status_code, reply.headers["x-should-retry"]) == (status, status, retry)
    assert (reply.headers.get("retry-after") == "7") is (status == 429)
    assert b"secret" not in reply.body


def test_places_are_named_as_openai_names_them() -> None:
    where = ("body", "messages", 3, "content", "list[Text]", 0, "type")
    assert named(where) == "messages[3].content[0].type"
    assert named(["\ud800" + "x" * 100]) == "?" + "x" * 59
    assert invalid([{"loc": ("body",), "type": "missing", "msg": "Field required"}]).param is None


def test_neutral_values_of_what_is_not_supported_are_taken() -> None:
    for name, (values, _) in ONLY.items():
        for value in values:
            given = {"model": "clinalign", "messages": [{"role": "user", "content": "Tea?"}], name: value}
            ChatRequest.model_validate(given).check()


def test_the_longest_draft_is_the_least_of_what_is_said() -> None:
    asked = ChatRequest.model_validate({"model": "clinalign", "messages": [{"role": "user", "content": "Tea?"}]})
    assert asked.draft_tokens(600) == 600
    both = asked.model_copy(update={"max_tokens": 50, "max_completion_tokens": 40})
    assert both.draft_tokens(600) == 40
    assert both.draft_tokens(30) == 30


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_stop(sent: int, tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | {"CLINALIGN_BASE_URL": "http://127.0.0.1:9/v1", "CLINALIGN_MODEL": "m"}
    command = [sys.executable, "-m", "agent", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                deadline = time.monotonic() + 120
                while True:
                    try:
                        assert client.get("/healthz").status_code == client.get("/v1/models").status_code == 200
                        break
                    except httpx.TransportError:
                        assert process.poll() is None
                        assert time.monotonic() < deadline
                        time.sleep(0.1)
            process.send_signal(sent)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert f"ClinAlign: http://127.0.0.1:{port}/v1" in err
    assert err.endswith("clinalign: stopped\n")
    assert "GET /v1/models 200" in err
    assert "healthz" not in err
    assert "Traceback" not in err
