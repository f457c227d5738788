"""`python -m agent serve`: the agent for other programs, by OpenAI's API and by two calls of its own."""

import argparse
import contextlib
import logging
import signal
import sys

from agent.serve.keys import read_keys
from agent.serve.listening import is_loopback, port, require_free
from principles.errors import ConfigError
from principles.logs import NAME

EPILOG = """
OpenAI's clients are pointed at http://HOST:PORT/v1 and ask the model "clinalign" (docs/serving.md). Without --api-keys
it listens on this machine alone. The model is chosen as for `python -m agent`. Ctrl-C, or SIGTERM, lets the answers at
work come to their end; a second one does not. Exit status: 0 stopped, 2 an error that the message explains.
"""
# How long answers at work may take to come to their end.
GRACE_S = 120
MOST_TOKENS = 600


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m agent serve", description=__doc__, epilog=EPILOG)
    made.add_argument(
        "--port", type=port, default=8080, metavar="N", help="the port to listen on (default %(default)s)"
    )
    made.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    made.add_argument("--api-keys", metavar="FILE", help="a file with one key a line; who asks has to send one of them")
    made.add_argument(
        "--max-body", type=_whole, default=1_000_000, metavar="BYTES", help="largest request (default %(default)s)"
    )
    made.add_argument(
        "--max-tokens",
        type=_whole,
        default=MOST_TOKENS,
        metavar="N",
        help=f"longest draft, whatever is asked for (default and most {MOST_TOKENS})",
    )
    made.add_argument(
        "--queue",
        type=_whole,
        default=32,
        metavar="N",
        help="how many may wait beside those whose answers are being made; others are sent away (default %(default)s)",
    )
    made.add_argument("--model", metavar="NAME", help="a profile to run here, or the model's name with --base-url")
    made.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible endpoint of the model behind the agent")
    return made


def serve(arguments: list[str]) -> int:
    """Serve until Ctrl-C or SIGTERM; returns the exit status. Raises ConfigError."""
    chosen = parser().parse_args(arguments)
    keys = read_keys(chosen.api_keys) if chosen.api_keys else None
    if keys is None and not is_loopback(chosen.host):
        raise ConfigError(
            f"whoever reaches {chosen.host} could ask: give --api-keys FILE with one key a line, or leave --host out"
        )
    if chosen.max_tokens > MOST_TOKENS:
        raise ConfigError(f"--max-tokens is {chosen.max_tokens}: it must be from 1 to {MOST_TOKENS}")
    require_free(chosen.host, chosen.port)
    # Seconds of imports: not before it is known that there is a port to serve on.
    import uvicorn

    from agent.resources import Resources
    from agent.serve.app import Limits, build_app
    from agent.service import Service

    _log_to_stderr()
    service = Service(Resources(profile=chosen.model, base_url=chosen.base_url))
    app = build_app(service, keys, chosen.host, Limits(chosen.max_body, chosen.max_tokens, chosen.queue))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            chosen.host,
            chosen.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, signal.default_int_handler)  # what uvicorn hands on once it has come to its end
    service.prepare()
    shown = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    print(f"ClinAlign: http://{shown}:{chosen.port}/v1 (Ctrl-C stops it)", file=sys.stderr)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    print("clinalign: stopped", file=sys.stderr)
    return 0


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    log = logging.getLogger(NAME)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def _whole(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= 10**9:
        raise argparse.ArgumentTypeError("it must be a whole number from 1")
    return int(given)
