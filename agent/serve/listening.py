"""Where a server of this project listens: the port, and who can reach it there."""

import argparse
import ipaddress
import os
import socket

from principles.errors import ConfigError

# By these names alone a program of this machine calls it: a web page elsewhere may give its own name this address.
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def port(given: str) -> int:
    """A port as an option of a command; for argparse."""
    if not given.isdecimal() or not 1 <= int(given) <= 65535:
        raise argparse.ArgumentTypeError("it must be a number from 1 to 65535")
    return int(given)


def require_free(host: str, port: int) -> None:
    """Raises ConfigError where nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        # Python's own text repeats the address, and errors of name resolution have negative numbers.
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigError(f"cannot listen on {host}:{port}: {why}; try another --port") from None


def is_loopback(host: str) -> bool:
    """Whether this machine alone reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
