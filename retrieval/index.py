"""The FAISS index over a library: rows for each facet, the statement and the centre of a principle; the best wins.

The centre is the mean of all that a principle says, so that what it asks of an answer counts beside the
questions it foresees.

FAISS itself loads a damaged file without a word, so a sidecar says what the index is (SHA-256, dimension,
encoder, library) and nothing that disagrees is searched: it is refused, or built again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import faiss
import numpy as np
from filelock import FileLock

from principles.errors import IndexFileError
from principles.files import cache_dir, write_atomic
from principles.library import Library
from principles.logs import logger
from principles.rubric import without_slots
from principles.schema import Principle
from retrieval.ann import make_index
from retrieval.encoder import Encoder, Vectors
from retrieval.progress import shown

FORMAT = 1
BATCH = 128

_log = logger("retrieval")


@dataclass(frozen=True)
class Sidecar:
    """What an index file is. `rows` holds the number of rows of each principle, in the library's order."""

    format: int
    kind: str
    sha256: str
    dimension: int
    encoder: str
    revision: str
    library: str
    count: int
    rows: list[int] = field(repr=False)


class PrincipleIndex:
    """Search by meaning; safe to share between threads.

    Rows lie in the library's order, `rows[i]` of them for principle i, its centre last.
    """

    def __init__(self, index: faiss.Index, rows: Sequence[int]) -> None:
        self._index = index
        self._owners = np.repeat(np.arange(len(rows)), rows)
        self._centres = np.cumsum(rows) - 1
        self._most_rows = max(rows)

    @property
    def dimension(self) -> int:
        """How many numbers a row has."""
        return int(self._index.d)

    def search(self, vectors: Vectors, k: int) -> list[tuple[int, float]]:
        """The `k` best principles for any of the query vectors, float32 (n, dimension) or (dimension,).

        Gives (position in the library, cosine of the best row), best first. ValueError for vectors of
        another dimension or with values that are not finite: FAISS would answer those with rubbish.
        """
        queries = np.atleast_2d(np.ascontiguousarray(vectors, dtype=np.float32))
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise ValueError(f"query vectors have shape {np.shape(vectors)}, this index needs (n, {self.dimension})")
        if not np.isfinite(queries).all():
            raise ValueError("query vectors hold values that are not finite")
        similarities, rows = self._index.search(queries, min(self._index.ntotal, k * self._most_rows))
        best: dict[int, float] = {}
        found = rows >= 0  # FAISS fills up with -1 where it finds too few
        for owner, similarity in zip(self._owners[rows[found]].tolist(), similarities[found].tolist(), strict=True):
            best[owner] = max(similarity, best.get(owner, similarity))
        return sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))[:k]

    def centres(self, positions: Sequence[int]) -> Vectors:
        """The centres of these principles, unit vectors, float32 (len(positions), dimension)."""
        vectors = np.empty((len(positions), self.dimension), dtype=np.float32)
        for place, row in enumerate(self._centres[list(positions)].tolist()):
            vectors[place] = self._index.reconstruct(row)
        return vectors


def row_counts(library: Library) -> list[int]:
    """How many rows each principle has: its facets, its statement and its centre."""
    return [len(principle.facets) + 2 for principle in library.principles]


def embed_rows(library: Library, encoder: Encoder) -> Vectors:
    """All rows of a library, unit vectors, float32 (rows, dimension)."""
    principles = library.principles
    rows = np.empty((sum(row_counts(library)), encoder.dimension), dtype=np.float32)
    filled = 0
    for start in shown(range(0, len(principles), BATCH), "Reading the principle library"):
        batch = principles[start : start + BATCH]
        vectors = encoder.encode([text for principle in batch for text in _texts(principle)])
        for principle in batch:
            own, vectors = np.split(vectors, [len(_texts(principle))])
            searched = len(principle.facets) + 1
            rows[filled : filled + searched] = own[:searched]
            rows[filled + searched] = own.mean(axis=0) / np.linalg.norm(own.mean(axis=0))
            filled += searched + 1
    return rows


def _texts(principle: Principle) -> list[str]:
    criterion, advice = without_slots(principle.criterion), without_slots(principle.advice)
    besides = [criterion, advice, principle.applies_when]
    return [*principle.facets, principle.statement, *(text for text in besides if text)]


def build_index(library: Library, encoder: Encoder, path: Path) -> PrincipleIndex:
    """Embed the library, build its index, and save it at `path` with the sidecar beside it (`.json`)."""
    index, kind = make_index(embed_rows(library, encoder))
    payload = faiss.serialize_index(index).tobytes()
    sidecar = Sidecar(
        format=FORMAT,
        kind=kind,
        sha256=hashlib.sha256(payload).hexdigest(),
        dimension=encoder.dimension,
        encoder=encoder.name,
        revision=encoder.revision,
        library=library.digest,
        count=index.ntotal,
        rows=row_counts(library),
    )
    try:
        # The sidecar comes last: after a crash in between, its SHA-256 does not fit the index and both are refused.
        write_atomic(path, payload)
        write_atomic(path.with_suffix(".json"), json.dumps(asdict(sidecar)))
    except OSError as error:
        _log.warning("the index cannot be saved (%s): it will be built again at the next start", error.strerror)
    return PrincipleIndex(index, sidecar.rows)


def load_index(path: Path, library: Library, encoder: Encoder) -> PrincipleIndex:
    """Read a saved index; IndexFileError unless everything in its sidecar fits the file, library and encoder."""
    try:
        payload = path.read_bytes()
        sidecar = Sidecar(**json.loads(path.with_suffix(".json").read_bytes()))
    except OSError as error:
        raise IndexFileError(f"{error.filename}: cannot be read ({error.strerror}): build the index again") from None
    except (ValueError, TypeError):
        raise IndexFileError(f"{path.with_suffix('.json')}: is not an index sidecar: build the index again") from None
    expected = {
        "format": FORMAT,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "dimension": encoder.dimension,
        "encoder": encoder.name,
        "revision": encoder.revision,
        "library": library.digest,
        "rows": row_counts(library),
    }
    wrong = [name for name, value in expected.items() if getattr(sidecar, name) != value]
    if wrong:
        raise IndexFileError(f"{path}: its {', '.join(wrong)} is not what is expected: build the index again")
    try:
        # From the very bytes that were hashed: the file may be replaced meanwhile.
        index = faiss.deserialize_index(np.frombuffer(payload, dtype=np.uint8))
    except RuntimeError:
        raise IndexFileError(f"{path}: FAISS cannot read it: build the index again") from None
    if (index.d, index.ntotal) != (sidecar.dimension, sidecar.count) or sidecar.count != sum(sidecar.rows):
        raise IndexFileError(f"{path}: holds other rows than its sidecar says: build the index again")
    return PrincipleIndex(index, sidecar.rows)


def open_index(library: Library, encoder: Encoder) -> PrincipleIndex:
    """The saved index of this library and encoder, built first where there is none or it does not fit."""
    identity = "\n".join([str(FORMAT), library.digest, encoder.name, encoder.revision])
    path = cache_dir("index") / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.faiss"
    with FileLock(path.with_suffix(".lock")):  # a second process waits for the first one's build, then loads it
        try:
            return load_index(path, library, encoder)
        except IndexFileError as error:
            _log.info("building the index: %s", error)
            return build_index(library, encoder, path)
