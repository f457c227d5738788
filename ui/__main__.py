"""Serve the page: talk with the agent and see each answer reviewed, browse the principles, review rubrics."""

import argparse
import sys
import threading

from agent.serve.listening import port, require_free
from principles.errors import ClinAlignError
from principles.interrupt import leave

EPILOG = """
The model is chosen as for `python -m agent`: CLINALIGN_BASE_URL and CLINALIGN_MODEL, or else a small Qwen model
that is fetched once and run on this machine, with the LoRA that CLINALIGN_ADAPTER names (a GGUF file) added to it.
There is no login: with a --host other than 127.0.0.1, whoever
reaches this machine can ask, and can take part in the rubric reviews. Reviews, and the conversations that visitors
choose to keep, are in the database that CLINALIGN_DATABASE names, or else in a file of your data folder. Visitors may
choose a model endpoint on the hosts that CLINALIGN_ALLOWED_HOSTS lists (host or host:port, with commas between).
Exit status: 0 stopped with Ctrl-C, 2 an error that the message explains.
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ui", description=__doc__, epilog=EPILOG)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=port, default=7860, metavar="N", help="the port to listen on (default 7860)")
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="offer ask, grade and search_principles as MCP tools too, on this machine only",
    )
    chosen = parser.parse_args(arguments)
    try:
        require_free(chosen.host, chosen.port)
        # Seconds of imports: not before it is known that there is a port to serve on.
        from agent.service import Service
        from ui.app import launch

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


if __name__ == "__main__":
    leave(main())
