"""Serve the page: talk with the agent and see each answer reviewed, browse the principles, review rubrics."""

import argparse
import os
import socket
import sys
import threading

from principles.errors import ClinAlignError
from principles.interrupt import leave

EPILOG = """
The model is chosen as for `python -m agent`: CLINALIGN_BASE_URL and CLINALIGN_MODEL, or else a small Qwen model
that is fetched once and run on this machine. There is no login: with a --host other than 127.0.0.1, whoever
reaches this machine can ask, and can take part in the rubric reviews. Reviews, and the conversations that visitors
choose to keep, are in the database that CLINALIGN_DATABASE names, or else in a file of your data folder. Visitors may
choose a model endpoint on the hosts that CLINALIGN_ALLOWED_HOSTS lists (host or host:port, with commas between).
Exit status: 0 stopped with Ctrl-C, 2 an error that the message explains.
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ui", description=__doc__, epilog=EPILOG)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=7860, metavar="N", help="the port to listen on (default 7860)")
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="offer ask, grade and search_principles as MCP tools too, on this machine only",
    )
    chosen = parser.parse_args(arguments)
    try:
        socket.create_server((chosen.host, chosen.port)).close()
    except OSError as error:
        # Python's own text repeats the address, and errors of name resolution have negative numbers.
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        print(f"clinalign: cannot listen on {chosen.host}:{chosen.port}: {why}; try another --port", file=sys.stderr)
        return 2
    try:
        # Seconds of imports: not before it is known that there is a port to serve on.
        from ui.app import launch
        from ui.common.service import Service

        service = Service()
        address = launch(service, chosen.host, chosen.port, chosen.mcp)
        print(f"ClinAlign: {address} (Ctrl-C stops it)", file=sys.stderr)
        service.prepare()
        threading.Event().wait()
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nclinalign: stopped", file=sys.stderr)
    return 0


def _port(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= 65535:
        raise argparse.ArgumentTypeError("it must be a number from 1 to 65535")
    return int(given)


if __name__ == "__main__":
    leave(main())
