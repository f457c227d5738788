"""One family of errors: importable from `agent`, each saying whether to ask again and what lies behind it."""

import pickle

import httpx
import openai
import pytest

import agent
from agent.llm.client import model_error
from principles import errors

REQUEST = httpx.Request("POST", "http://model.invalid/v1/chat/completions")
QUOTED = "quokka"


def status(kind: type[openai.APIStatusError], code: int) -> openai.APIStatusError:
    return kind(QUOTED, response=httpx.Response(code, request=REQUEST), body=QUOTED)


@pytest.mark.parametrize(
    ("failure", "retryable", "cause"),
    [
        (openai.APITimeoutError(REQUEST), True, "openai.APITimeoutError"),
        (openai.APIConnectionError(message=QUOTED, request=REQUEST), True, "openai.APIConnectionError"),
        (status(openai.RateLimitError, 429), True, "openai.RateLimitError, HTTP 429"),
        (status(openai.InternalServerError, 503), True, "openai.InternalServerError, HTTP 503"),
        (status(openai.AuthenticationError, 401), False, "openai.AuthenticationError, HTTP 401"),
        (status(openai.BadRequestError, 400), False, "openai.BadRequestError, HTTP 400"),
        (status(openai.NotFoundError, 404), False, "openai.NotFoundError, HTTP 404"),
        (httpx.RemoteProtocolError(QUOTED), True, "httpx.RemoteProtocolError"),
        (ConnectionResetError(QUOTED), True, "ConnectionResetError"),
        (ValueError(QUOTED), False, "ValueError"),
    ],
)
def test_a_failed_call_says_whether_to_ask_again_and_why_without_its_words(
    failure: Exception, retryable: bool, cause: str
) -> None:
    error = model_error(failure)
    assert isinstance(error, agent.ModelError)
    assert (error.retryable, error.cause) == (retryable, cause)
    assert QUOTED not in f"{error}{error.cause}"
    assert model_error(error) is error


def test_all_errors_are_one_family_that_the_agent_gives() -> None:
    for name in ("Config", "IndexFile", "Input", "Library", "Model", "Server", "Weights"):
        kind = getattr(agent, f"{name}Error")
        assert kind is getattr(errors, f"{name}Error")
        assert issubclass(kind, agent.ClinAlignError)
        assert name + "Error" in agent.__all__
        made = kind("said", retryable=True, cause="why")
        assert (str(made), made.exit_code) == ("said", 2)
        again = pickle.loads(pickle.dumps(made))
        assert (str(again), again.retryable, again.cause) == ("said", True, "why")
    assert (errors.InputError("no").retryable, errors.InputError("no").cause) == (False, "")
