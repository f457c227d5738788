"""The command line before any model is asked: what is refused, and how that is said."""

import io
import subprocess
import sys

import pytest

from agent.cli import main
from agent.llm.profiles import PROFILES
from tests.fakes import FixedRetriever

QUESTION = "Quokka tea?"


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch, fixed_classifier: None) -> None:
    monkeypatch.setattr("agent.resources.load_retriever", FixedRetriever)


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What stderr says when the command refuses; stdout stays empty for whoever reads it."""
    try:
        status = main(list(arguments))
    except SystemExit as stopped:  # argparse's own way
        status = stopped.code  # type: ignore[assignment]
    out, err = capfd.readouterr()
    assert status == 2
    assert out == ""
    assert "Traceback" not in err
    assert QUESTION not in err
    return err


def standard_input(monkeypatch: pytest.MonkeyPatch, given: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))


@pytest.mark.parametrize("question", ["", " ", "\n\t", "\u00a0\u2003"])
def test_an_empty_question_is_answered_with_an_example(capfd: pytest.CaptureFixture[str], question: str) -> None:
    err = refused(capfd, question)
    assert err.startswith("clinalign: the question is empty")
    assert 'python -m agent "' in err


@pytest.mark.parametrize("given", [b"", b" \n"])
def test_empty_standard_input(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: bytes) -> None:
    standard_input(monkeypatch, given)
    assert 'python -m agent "' in refused(capfd, "-")


def test_standard_input_that_is_not_utf8(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, b"caf\xe9 and warfarin?")
    err = refused(capfd, "-")
    assert "not UTF-8" in err
    assert "warfarin" not in err


def test_no_question_at_all_shows_the_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert "usage: python -m agent" in refused(capfd)


def test_an_unknown_profile_names_the_known_ones(capfd: pytest.CaptureFixture[str]) -> None:
    err = refused(capfd, QUESTION, "--model", "nope")
    assert "unknown model 'nope'" in err
    assert all(name in err for name in PROFILES)


@pytest.mark.parametrize("rounds", ["-1", "11", "x", "1.5", ""])
def test_impossible_rounds(capfd: pytest.CaptureFixture[str], rounds: str) -> None:
    assert "rounds" in refused(capfd, QUESTION, "--rounds", rounds)


@pytest.mark.parametrize(
    "url",
    [
        *("localhost:8000", "ftp://host/v1", "http://", "http://h:port/v1", "http://h:99999/v1", "8000"),
        *("http://[::1/v1", "http://a b/v1", "http://h/\nv1"),
    ],
)
def test_an_unusable_url_is_said_to_be_one(capfd: pytest.CaptureFixture[str], url: str) -> None:
    err = refused(capfd, QUESTION, "--base-url", url)
    assert "the model URL is not usable" in err
    assert "http://host:8000/v1" in err


@pytest.mark.parametrize("named", [(), ("--model", "m")], ids=["unnamed", "named"])
def test_nothing_listening(capfd: pytest.CaptureFixture[str], named: tuple[str, ...]) -> None:
    err = refused(capfd, QUESTION, "--base-url", "http://127.0.0.1:9/v1", *named)
    assert "CLINALIGN_BASE_URL" in err


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
@pytest.mark.parametrize("named", [(), ("--model", "m")], ids=["unnamed", "named"])
def test_a_key_that_no_header_can_hold(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key: str, named: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CLINALIGN_API_KEY", key)
    err = refused(capfd, QUESTION, "--base-url", "http://127.0.0.1:9/v1", *named)
    assert "CLINALIGN_API_KEY" in err
    assert key not in err


@pytest.mark.parametrize("named", [(), ("--model", "m")], ids=["unnamed", "named"])
def test_a_proxy_that_cannot_be_used(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://user:passw0rd@127.0.0.1:9")
    err = refused(capfd, QUESTION, "--base-url", "http://model.invalid/v1", *named)
    assert "proxy" in err.lower()
    assert "passw0rd" not in err


def test_help_says_how_to_name_an_endpoint(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    out, err = capfd.readouterr()
    assert stopped.value.code == 0
    assert "CLINALIGN_BASE_URL" in out
    assert all(name in " ".join(out.split()) for name in PROFILES)
    assert err == ""


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), ([" "], 2)], ids=["help", "empty"])
def test_help_and_refusals_do_not_wait_for_imports(arguments: list[str], status: int) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "agent", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "argparse" in done.stderr
    assert not any(f" {heavy}\n" in done.stderr for heavy in ("langgraph.graph", "langchain_core", "torch", "httpx"))
