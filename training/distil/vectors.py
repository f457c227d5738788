"""Vectors that are kept: an interrupted run goes on with those it has, more rubrics cost only what is new in them."""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from retrieval.encoder import Encoder, Vectors, unit_rows
from training.common.journal import write_whole
from training.common.progress import bar

# Texts between two writes to the disk, some seconds of work; and those that are embedded at once.
CHUNK = 256
BATCH = 64
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class KeptVectors:
    """An `Encoder` whose vectors of what was `read` lie in a folder, in half precision: cosines move by some 1e-4."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        """For the one process that writes there. What cannot be read is passed over and made again."""
        self._encoder = encoder
        self._folder = folder
        identity = f"{encoder.name}\n{encoder.revision}\n{encoder.dimension}".encode()
        self._prefix = f"vectors-{hashlib.sha256(identity).hexdigest()[:8]}"
        self._place: dict[bytes, tuple[int, int]] = {}
        self._blocks: list[np.ndarray] = []
        for path in sorted(folder.glob(f"{self._prefix}-*.npz")):
            with suppress(*DAMAGED), np.load(path, allow_pickle=False) as kept:
                self._add(kept["digests"], kept["vectors"])
        self.name, self.revision, self.dimension = encoder.name, encoder.revision, encoder.dimension

    def read(self, texts: Sequence[str], label: str) -> None:
        """Embed those that are not kept yet, with a bar. Raises ConfigError where the disk fails."""
        todo = {_digest(text): text for text in texts}
        new = sorted((item for item in todo.items() if item[0] not in self._place), key=lambda item: -len(item[1]))
        with bar(label, len(todo), len(todo) - len(new)) as done:
            for start in range(0, len(new), CHUNK):
                chunk = new[start : start + CHUNK]
                parts = []
                for at in range(0, len(chunk), BATCH):
                    parts.append(self._encoder.encode([text for _, text in chunk[at : at + BATCH]]))
                    done(len(parts[-1]))
                digests = np.frombuffer(b"".join(digest for digest, _ in chunk), dtype=np.uint8).reshape(-1, 16)
                self._keep(digests, np.concatenate(parts).astype(np.float16))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder`; what was not read before is embedded and not kept."""
        places = [self._place.get(_digest(text)) for text in texts]
        new = [text for text, place in zip(texts, places, strict=True) if place is None]
        if len(new) == len(texts):
            return self._encoder.encode(texts)
        fresh = iter(self._encoder.encode(new) if new else ())
        rows = [next(fresh) if place is None else self._blocks[place[0]][place[1]] for place in places]
        return unit_rows(np.stack(rows))

    def _keep(self, digests: np.ndarray, vectors: np.ndarray) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, digests=digests, vectors=vectors)
        path = self._folder / f"{self._prefix}-{hashlib.sha256(digests.tobytes()).hexdigest()[:12]}.npz"
        write_whole(path, buffer.getvalue())
        self._add(digests, vectors)

    def _add(self, digests: np.ndarray, vectors: np.ndarray) -> None:
        if digests.shape != (len(vectors), 16) or vectors.shape[1:] != (self._encoder.dimension,):
            raise ValueError("not the vectors of this encoder")
        self._place |= {bytes(digest): (len(self._blocks), row) for row, digest in enumerate(digests)}
        self._blocks.append(vectors)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:16]
