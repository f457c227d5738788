"""What a visitor may set, and which endpoints the page calls on their word."""

import pytest

from principles.errors import ConfigError
from ui.chat.settings import HOSTS, allowed_hosts, checked_endpoint, chosen


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOSTS, "models.example:8000, GPU.example ,[::1]:9000")


def test_the_list_is_hosts_and_ports(listed: None) -> None:
    assert allowed_hosts() == {("models.example", 8000), ("gpu.example", None), ("::1", 9000)}


def test_nothing_is_allowed_unless_it_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOSTS, raising=False)
    assert allowed_hosts() == frozenset()
    for url in ("http://127.0.0.1:8000/v1", "http://localhost/v1", "http://models.example/v1"):
        with pytest.raises(ConfigError, match="not allowed"):
            checked_endpoint(url, allowed_hosts())


@pytest.mark.parametrize("entry", ["http://models:8000", "a b", "user@models", "models:port", "models/v1", ":80"])
def test_an_entry_that_is_no_host_is_refused(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOSTS, f"models,{entry}")
    with pytest.raises(ConfigError, match=HOSTS):
        allowed_hosts()


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("", None),
        ("  ", None),
        ("http://models.example:8000/v1/", "http://models.example:8000/v1"),
        ("http://MODELS.example:8000/v1", "http://models.example:8000/v1"),
        ("https://gpu.example/v1", "https://gpu.example/v1"),
        ("http://gpu.example:1234/v1", "http://gpu.example:1234/v1"),
        ("http://[::1]:9000/v1", "http://[::1]:9000/v1"),
    ],
)
def test_a_listed_host_is_called(url: str, called: str | None, listed: None) -> None:
    assert checked_endpoint(url, allowed_hosts()) == called


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example/v1",
        "http://models.example:8001/v1",
        "http://models.example.evil:8000/v1",
        "http://evil/models.example:8000",
        "http://evil#@models.example:8000/v1",
        "http://models.example:8000@evil/v1",
        "http://user:word@models.example:8000/v1",
        "http://models.example:8000/v1?x=1",
        "http://models.example:8000\\@evil/v1",
        "http://models.example:8000 .evil/v1",
        "ftp://gpu.example/v1",
        "file:///etc/passwd",
        "//gpu.example/v1",
        "gpu.example",
        "https://",
        "http://[::1/v1",
        "http://169.254.169.254/latest",
        "http://2130706433/v1",
    ],
)
def test_any_other_address_is_refused_and_not_quoted(url: str, listed: None) -> None:
    with pytest.raises(ConfigError, match="model endpoint") as refused:
        checked_endpoint(url, allowed_hosts())
    assert url not in str(refused.value)


def test_settings_become_the_context_of_the_run() -> None:
    context = chosen(2, 9, "rewrite", 0.7)
    assert (context.max_rounds, context.top_k, context.revise, context.temperature) == (2, 9, "rewrite", 0.7)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((4, 6, "edits", 0), "rounds"),
        ((-1, 6, "edits", 0), "rounds"),
        (("many", 6, "edits", 0), "rounds"),
        ((1, 0, "edits", 0), "principles"),
        ((1, 21, "edits", 0), "principles"),
        ((1, 6, "sing", 0), "way of revising"),
        ((1, 6, "edits", 1.6), "temperature"),
        ((1, 6, "edits", None), "temperature"),
        ((1, 6, "edits", float("nan")), "temperature"),
    ],
)
def test_a_setting_out_of_range_is_named(given: tuple, said: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match=said):
        chosen(*given)
