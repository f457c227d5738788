"""What a visitor may set for an answer, and which model endpoints the page may call on their word."""

import os
import re
from urllib.parse import urlsplit

import httpx

from agent import Context
from principles.errors import ConfigError

HOSTS = "CLINALIGN_ALLOWED_HOSTS"
MOST_ROUNDS, MOST_PRINCIPLES, MOST_TEMPERATURE = 3, 20, 1.5
Host = tuple[str, int | None]


def allowed_hosts() -> frozenset[Host]:
    """(host, port) of each entry of CLINALIGN_ALLOWED_HOSTS; a port of None allows all ports of the host.

    Not even this machine itself is allowed unless it is listed. Raises ConfigError on an entry that is no host.
    """
    return frozenset(_host(entry.strip()) for entry in os.environ.get(HOSTS, "").split(",") if entry.strip())


def _host(entry: str) -> Host:
    wrong = ConfigError(f"{HOSTS} must list hosts as host or host:port, with commas between: {entry!r} is neither")
    try:
        parts = urlsplit(f"//{entry}")
        name, port = parts.hostname, parts.port
        if not name or parts.netloc != entry or "@" in entry or re.search(r"\s", entry):
            raise wrong
        return httpx.URL(f"http://{entry}").host, port
    except (ValueError, httpx.InvalidURL):
        raise wrong from None


def checked_endpoint(url: str, allowed: frozenset[Host]) -> str | None:
    """The URL of a model endpoint in the form that is called, or None where none is given.

    Raises ConfigError where its host is not allowed; nothing is fetched or looked up here.
    """
    url = url.strip().rstrip("/")
    if not url:
        return None
    try:
        parsed = httpx.URL("" if re.search(r"\s", url) else url)
        port = parsed.port or {"http": 80, "https": 443}.get(parsed.scheme)
    except httpx.InvalidURL:
        parsed, port = httpx.URL(""), None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        raise ConfigError("the model endpoint must look like http://host:8000/v1, without a name or password in it")
    if not {(parsed.host, port), (parsed.host, None)} & allowed:
        raise ConfigError(
            "this model endpoint is not allowed: the page calls only the hosts that its operator has listed "
            f"in {HOSTS}. Leave the field empty for the usual model"
        )
    return str(parsed)


def chosen(rounds: float, top_k: float, revise: str, temperature: float) -> Context:
    """The settings of a run. Raises ConfigError where one is out of its range."""
    bounds = [
        ("rounds of revision", rounds, 0, MOST_ROUNDS),
        ("principles", top_k, 1, MOST_PRINCIPLES),
        ("temperature", temperature, 0, MOST_TEMPERATURE),
    ]
    for name, value, least, most in bounds:
        if not isinstance(value, int | float) or not least <= value <= most:
            raise ConfigError(f"{name}: choose a number from {least} to {most}")
    if revise not in ("edits", "rewrite"):
        raise ConfigError('way of revising: choose "edits" or "rewrite"')
    return Context(int(rounds), int(top_k), revise, float(temperature))  # type: ignore[arg-type]
