"""API keys: who may ask. Only their digests are kept in memory."""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from principles.errors import ConfigError

LEAST_CHARACTERS = 16


class Keys:
    """The keys that are accepted."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def accept(self, authorization: str) -> bool:
        """Whether an Authorization header holds one of the keys. How long that takes tells nothing of them."""
        scheme, _, given = authorization.partition(" ")
        digest = _digest(given.strip())
        same = [hmac.compare_digest(digest, known) for known in self._digests]
        return any(same) and scheme.lower() == "bearer"


def read_keys(path: str) -> Keys:
    """The keys of a file, one a line; blank lines and those that begin with # are passed over. Raises ConfigError."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"--api-keys: cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"--api-keys: {path} is not UTF-8 text") from None
    found = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    keys = [(number, key) for number, key in found if key and not key.startswith("#")]
    for number, key in keys:
        if len(key) < LEAST_CHARACTERS or not (key.isascii() and key.isprintable()) or " " in key:
            raise ConfigError(
                f"--api-keys: line {number} of {path} is no usable key: {LEAST_CHARACTERS} or more letters, digits and "
                "signs without a blank, as `openssl rand -hex 24` makes them"
            )
    if not keys:
        raise ConfigError(f"--api-keys: {path} holds no key: write one a line")
    return Keys(key for _, key in keys)


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
