"""Which model answers: the endpoint that the caller or the environment names, or the embedded one."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from agent.llm.adapter import VARIABLE, Adapter, read_adapter
from agent.llm.named import called, profile_named
from agent.llm.profiles import DEFAULT_PROFILE
from agent.llm.progress import Report, no_report
from agent.llm.server import answering_name, local_server
from principles.errors import ConfigError, ModelError, cause_of

LISTING_SECONDS = 10.0
NAMES_SHOWN = 10
_CONTEXT_KEYS = ("max_model_len", "context_length", "max_context_length", "context_window")


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint and one model on it; `context_tokens` is None where it does not say.

    `local` marks the embedded server: slower than others, and never behind the user's proxy. `alive` tells whether that
    still runs; of others nothing is known, and they count as alive.
    The URL and the key stay out of the repr: both may hold a secret.
    """

    base_url: str = field(repr=False)
    model: str
    api_key: str = field(repr=False)
    context_tokens: int | None = None
    local: bool = False
    alive: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)


def resolve_endpoint(
    profile: str | None = None,
    base_url: str | None = None,
    report: Report = no_report,
    adapter: Path | None = None,
) -> Endpoint:
    """The endpoint to use, starting the embedded server if none is named.

    `named_endpoint` says which is named. An endpoint for which no model is named must serve exactly one. `adapter` is a
    LoRA for the embedded model: whoever answers names one (`named_adapter`), a judge does not.
    Raises ConfigError, ModelError, WeightsError or ServerError.
    """
    url, model = named_endpoint(profile, base_url)
    own = _own_adapter(url, adapter)
    if url:
        return _remote(url, model, os.environ.get("CLINALIGN_API_KEY", ""))
    server = local_server(profile_named(model or DEFAULT_PROFILE), report, own)
    known = (server.base_url, server.model, server.api_key, server.context_tokens)
    return Endpoint(*known, local=True, alive=lambda: server.alive)


def named_endpoint(profile: str | None, base_url: str | None) -> tuple[str | None, str | None]:
    """URL and model that the call or the environment names.

    `base_url` wins over CLINALIGN_BASE_URL, and `profile` over both it and CLINALIGN_MODEL: a name given
    in the call is a profile to run here, or the model's name where `base_url` is given too.
    """
    url = base_url or (None if profile else os.environ.get("CLINALIGN_BASE_URL"))
    return url, profile or os.environ.get("CLINALIGN_MODEL")


def embedded_name(profile: str | None = None, base_url: str | None = None, adapter: Path | None = None) -> str | None:
    """The name under which the embedded model would answer, its adapter's in it; None where an endpoint is named.

    Raises ConfigError where `adapter` cannot be used.
    """
    url, model = named_endpoint(profile, base_url)
    own = _own_adapter(url, adapter)
    return None if url else answering_name(called(model or DEFAULT_PROFILE), own)


def _own_adapter(url: str | None, adapter: Path | None) -> Adapter | None:
    if url and adapter:
        raise ConfigError(
            f"{adapter}: an adapter is for the model that runs here, and {shown_url(url)} is to answer: load it "
            f"there, or leave out the adapter (--adapter, {VARIABLE}) or the endpoint (--base-url, CLINALIGN_BASE_URL)"
        )
    return read_adapter(adapter) if adapter else None


def _remote(text: str, model: str | None, api_key: str) -> Endpoint:
    url = _checked(text)
    if not (api_key.isascii() and api_key.isprintable()):
        raise ConfigError("CLINALIGN_API_KEY holds characters that no HTTP header can carry: copy the key again")
    try:
        contexts = _served(url, api_key)
    except ModelError:
        if not model:
            raise
        contexts = {}  # some gateways list no models, and a name was given
    if not model:
        model = _only(contexts, _shown(url))
    return Endpoint(str(url), model, api_key, contexts.get(model))


def shown_url(text: str) -> str:
    """An endpoint's address without credentials and query, the same however it was written. Raises ConfigError."""
    return _shown(_checked(text))


def _checked(text: str) -> httpx.URL:
    text = text.strip().rstrip("/")
    try:
        url = httpx.URL("" if re.search(r"\s", text) else text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or not 0 < (url.port or 80) <= 65535:
        raise ConfigError("the model URL is not usable: it must look like http://host:8000/v1 (CLINALIGN_BASE_URL)")
    return url


def _shown(url: httpx.URL) -> str:
    return str(url.copy_with(username=None, password=None, query=None, fragment=None)).rstrip("/")


def _served(url: httpx.URL, api_key: str) -> dict[str, int | None]:
    """The endpoint's models and their context sizes in tokens."""
    shown = _shown(url)
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        response = httpx.get(f"{url}/models", headers=headers, timeout=LISTING_SECONDS)
    except ValueError:
        raise ConfigError(
            "the proxy of the environment cannot be used: correct or unset ALL_PROXY, HTTP_PROXY"
        ) from None
    except httpx.TransportError as error:
        raise ModelError(
            f"no model server answers at {shown} ({type(error).__name__}): start one, or correct CLINALIGN_BASE_URL",
            retryable=True,
            cause=cause_of(error),
        ) from None
    if response.status_code in (401, 403):
        raise ModelError(f"{shown} refused the key (HTTP {response.status_code}): set CLINALIGN_API_KEY")
    if response.status_code != 200:
        raise ModelError(
            f"{shown}/models answered HTTP {response.status_code}: check the URL, it often ends in /v1",
            retryable=response.status_code >= 500,
        )
    try:
        contexts = {str(entry["id"]): (_context(entry), entry.get("parent")) for entry in response.json()["data"]}
        # vLLM lists an adapter under its base model, and gives the size of the latter alone.
        return {name: size or contexts.get(str(base), (None,))[0] for name, (size, base) in contexts.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{shown}/models is not a list of models: is it an OpenAI-compatible server?") from None


def _context(entry: dict[str, object]) -> int | None:
    """vLLM and SGLang call it max_model_len, llama.cpp meta.n_ctx, gateways by other names; many do not say."""
    meta = entry.get("meta")
    sizes = [entry.get(key) for key in _CONTEXT_KEYS] + [meta.get("n_ctx") if isinstance(meta, dict) else None]
    return next((size for size in sizes if isinstance(size, int) and size > 0), None)


def _only(contexts: dict[str, int | None], shown: str) -> str:
    names = list(contexts)
    if len(names) == 1:
        return names[0]
    if not names:
        raise ModelError(f"{shown} serves no model: load one there")
    more = ", …" if len(names) > NAMES_SHOWN else ""
    raise ConfigError(
        f"{shown} serves {len(names)} models: set CLINALIGN_MODEL to one of {', '.join(names[:NAMES_SHOWN])}{more}"
    )
