"""Libraries that only some commands need."""

from importlib.util import find_spec

from principles.errors import ConfigError


def require_extra(what: str, *libraries: str, extra: str = "train") -> None:
    """Raises ConfigError where `what` needs libraries of the optional `extra` that are not installed."""
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        raise ConfigError(f'{what} needs {", ".join(missing)}: pip install "clinalign[{extra}]"')
