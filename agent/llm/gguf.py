"""The head of a GGUF file: what kind of file it is, without reading its vocabulary or its weights.

The package `gguf` reads a model's whole vocabulary first, which takes many seconds; here what is not asked for is
passed over.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from principles.errors import ConfigError

# The format's value types that are numbers: how struct reads them.
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
VERSIONS = (2, 3)
LONGEST_STRING = 1 << 20

Value = str | int | float | bool


def head_of(path: Path, *wanted: str) -> dict[str, Value]:
    """Those of the `wanted` keys that the file has, reading no further than it must. Arrays are never given.

    Raises ConfigError where the file cannot be read or is no GGUF file.
    """
    found: dict[str, Value] = {}
    try:
        if not path.is_file():
            raise ConfigError(f"{path}: there is no such file")
        with path.open("rb") as file:
            for key, value in _pairs(file, os.fstat(file.fileno()).st_size):
                if key in wanted and value is not None:
                    found[key] = value
                if len(found) == len(wanted):
                    break
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, struct.error):  # UnicodeDecodeError is a ValueError
        raise ConfigError(f"{path}: is not a GGUF file, or it is damaged") from None
    return found


def _pairs(file: BinaryIO, size: int) -> Iterator[tuple[str, Value | None]]:
    magic, version = _read(file, "4sI")
    if magic != b"GGUF" or version not in VERSIONS:
        raise ValueError
    _, count = _read(file, "QQ")
    for _ in range(count):
        key = _string(file)
        (kind,) = _read(file, "I")
        if kind == ARRAY:
            _pass_over(file, size)
            yield key, None
        else:
            yield key, _string(file) if kind == STRING else _number(file, kind)


def _pass_over(file: BinaryIO, size: int) -> None:
    """Go on behind an array. Each of its parts takes bytes of the file, so that a false count soon meets its end."""
    kind, count = _read(file, "IQ")
    if kind == STRING:
        for _ in range(count):
            (length,) = _read(file, "Q")
            _skip(file, length, size)
    elif kind in NUMBERS:
        _skip(file, count * struct.calcsize(NUMBERS[kind]), size)
    else:
        raise ValueError


def _skip(file: BinaryIO, length: int, size: int) -> None:
    if file.tell() + length > size:
        raise ValueError
    file.seek(length, os.SEEK_CUR)


def _string(file: BinaryIO) -> str:
    (length,) = _read(file, "Q")
    if length > LONGEST_STRING:
        raise ValueError
    text = file.read(length)
    if len(text) < length:
        raise ValueError
    return text.decode()


def _number(file: BinaryIO, kind: int) -> Value:
    if kind not in NUMBERS:
        raise ValueError
    value: Value = _read(file, NUMBERS[kind])[0]
    return value


def _read(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))
