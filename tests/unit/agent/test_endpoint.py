import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from agent.llm import endpoint as endpoint_module
from agent.llm.endpoint import Endpoint, resolve_endpoint, shown_url
from principles.errors import ConfigError, ModelError


class FakeApi:
    """Answers /v1/models with `status` and `body`; `key` is the authorization that came last."""

    def __init__(self) -> None:
        self.status = 200
        self.body: bytes = listing("served-model")
        self.key: str | None = None
        self.asked = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.key = self.headers["Authorization"]
                api.asked += 1
                self.send_response(api.status if self.path == "/v1/models" else 404)
                self.end_headers()
                self.wfile.write(api.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.address}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def listing(*names: str, **extra: object) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name, **extra} for name in names]}).encode()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE_URL", "MODEL", "API_KEY"):
        monkeypatch.delenv(f"CLINALIGN_{name}", raising=False)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    fake = FakeApi()
    monkeypatch.setenv("CLINALIGN_BASE_URL", fake.url)
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The profiles for which an embedded server would have been started."""
    names: list[str] = []

    class FakeServer:
        base_url, api_key, context_tokens = "http://127.0.0.1:1/v1", "random", 8192

        def __init__(self, model: str) -> None:
            self.model = model

    def fake_local_server(profile: object, report: object, adapter: object = None) -> FakeServer:
        names.append(profile.name)  # type: ignore[attr-defined]
        return FakeServer(names[-1])

    monkeypatch.setattr(endpoint_module, "local_server", fake_local_server)
    return names


def test_the_only_model_of_the_server_is_taken(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_API_KEY", "s3cret")
    endpoint = resolve_endpoint()
    assert endpoint == Endpoint(api.url, "served-model", "s3cret", None, local=False)
    assert api.key == "Bearer s3cret"


@pytest.mark.parametrize(
    "extra",
    [
        {"max_model_len": 4096},
        {"meta": {"n_ctx": 4096}},
        {"context_length": 4096},
        {"max_context_length": 4096},
        {"context_window": 4096},
    ],
    ids=["vllm", "llama.cpp", "gateways", "mistral", "groq"],
)
def test_the_context_size_is_read_from_the_listing(api: FakeApi, extra: dict[str, object]) -> None:
    api.body = listing("served-model", **extra)
    assert resolve_endpoint().context_tokens == 4096


def test_an_adapter_has_its_base_models_context(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """As vLLM lists them."""
    monkeypatch.setenv("CLINALIGN_MODEL", "mine")
    entries = [{"id": "base", "max_model_len": 4096, "parent": None}, {"id": "mine", "parent": "base"}]
    api.body = json.dumps({"data": entries}).encode()
    assert resolve_endpoint().context_tokens == 4096


def test_several_models_ask_for_a_choice_and_show_ten(api: FakeApi) -> None:
    api.body = listing(*(f"model-{number:02}" for number in range(12)))
    with pytest.raises(ConfigError, match=r"12 models: set CLINALIGN_MODEL to one of model-00, .*model-09, …$"):
        resolve_endpoint()


def test_no_model_at_all(api: FakeApi) -> None:
    api.body = listing()
    with pytest.raises(ModelError, match="serves no model"):
        resolve_endpoint()


def test_a_named_model_is_taken_from_several(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_MODEL", "b")
    api.body = listing("a", "b", max_model_len=100)
    assert (resolve_endpoint().model, resolve_endpoint().context_tokens) == ("b", 100)


def test_a_named_model_needs_no_listing(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_MODEL", "b")
    api.status = 404
    assert resolve_endpoint() == Endpoint(api.url, "b", "")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"", r"refused the key \(HTTP 401\): set CLINALIGN_API_KEY"),
        (500, b"Traceback", "answered HTTP 500"),
        (200, b"<html>", "not a list of models"),
        (200, b'{"data": [1]}', "not a list of models"),
        (200, b'{"data": null}', "not a list of models"),
        (200, b"[]", "not a list of models"),
    ],
)
def test_a_listing_of_no_use_is_said(api: FakeApi, status: int, body: bytes, said: str) -> None:
    api.status, api.body = status, body
    with pytest.raises(ModelError, match=said):
        resolve_endpoint()


def test_nothing_listening(api: FakeApi) -> None:
    api.server.shutdown()
    api.server.server_close()
    with pytest.raises(ModelError, match=f"no model server answers at {api.url}"):
        resolve_endpoint()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "http://h:port/v1", "8000"])
def test_a_bad_url_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(ConfigError, match="CLINALIGN_BASE_URL"):
        resolve_endpoint(base_url=url)


def test_credentials_are_never_shown(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_API_KEY", "s3cret")
    url = f"http://user:passw0rd@{api.address}/v1/"
    endpoint = resolve_endpoint(base_url=url)
    assert endpoint.base_url == url.rstrip("/")
    assert shown_url(f"{url}?key=s3cret#x") == api.url
    shown = [repr(endpoint)]
    for status, body in ((401, b""), (500, b""), (200, b"x"), (200, listing("a", "b")), (200, listing())):
        api.status, api.body = status, body
        with pytest.raises((ModelError, ConfigError)) as caught:
            resolve_endpoint(base_url=url)
        shown.append(str(caught.value))
    assert not any(secret in text for text in shown for secret in ("passw0rd", "user", "s3cret"))


def test_without_an_url_the_default_profile_is_started(started: list[str]) -> None:
    endpoint = resolve_endpoint()
    assert started == ["qwen2.5-coder-1.5b"]
    assert endpoint == Endpoint("http://127.0.0.1:1/v1", "qwen2.5-coder-1.5b", "random", 8192, local=True)


def test_the_model_variable_alone_names_a_profile(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_MODEL", "qwen2.5-coder-0.5b")
    resolve_endpoint()
    assert started == ["qwen2.5-coder-0.5b"]
    monkeypatch.setenv("CLINALIGN_MODEL", "gpt")
    with pytest.raises(ConfigError, match="unknown model 'gpt'"):
        resolve_endpoint()


def test_a_profile_in_the_call_wins_over_the_environment(
    api: FakeApi, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINALIGN_MODEL", "something-remote")
    resolve_endpoint(profile="qwen2.5-coder-0.5b")
    assert started == ["qwen2.5-coder-0.5b"]
    assert api.asked == 0


def test_an_url_in_the_call_wins_over_the_environment(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINALIGN_BASE_URL", "http://127.0.0.1:1/v1")
    assert resolve_endpoint(base_url=api.url).model == "served-model"
