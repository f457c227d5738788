"""What a spreadsheet carries unseen: the drafts that it was made from, so that what was changed can be told.

Each draft is one row of a hidden sheet: the number of its question, the SHA-256 of its line, and the line, packed and
cut into pieces that fit a cell.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

PIECE = 30_000
# Of one line, unpacked: more than any conversation has, less than the memory of any machine.
MOST_BYTES = 64_000_000


def kept_rows(records: Iterable[Mapping[str, Any]]) -> Iterator[list[str | int]]:
    """The rows, for questions numbered from 1."""
    for number, record in enumerate(records, 1):
        line = json.dumps(record, ensure_ascii=False).encode()
        packed = base64.b64encode(zlib.compress(line, 9)).decode()
        pieces = [packed[start : start + PIECE] for start in range(0, len(packed), PIECE)]
        yield [number, hashlib.sha256(line).hexdigest(), *pieces]


def records_in(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """The drafts, by the number of their question from 1. ValueError where the rows are not as they were written."""
    found: dict[int, dict[str, Any]] = {}
    for number, digest, *pieces in rows:
        packed = "".join(piece for piece in pieces if isinstance(piece, str))
        reader = zlib.decompressobj()
        try:
            line = reader.decompress(base64.b64decode(packed, validate=True), MOST_BYTES)
        except zlib.error:
            raise ValueError("damaged") from None
        if hashlib.sha256(line).hexdigest() != digest:
            raise ValueError("changed")
        found[int(number)] = json.loads(line)
    if sorted(found) != list(range(1, len(found) + 1)) or not found:
        raise ValueError("rows are missing")
    return [found[number] for number in sorted(found)]
