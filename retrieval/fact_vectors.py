"""What is known of the knowledge cards: the vectors of what each says, is asked by and is got wrong; its words.

Embedding thousands of cards takes minutes on two cores, and finding the medicines in them seconds, so that what is
known of the bundled cards and encoder comes with the package (`python -m retrieval embed-facts` makes it anew); that
of others is found once and kept in the user's cache.
"""

import hashlib
import io
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from principles.facts import Fact
from principles.files import cache_dir, write_atomic
from principles.library import Library
from retrieval.encoder import Encoder, Vectors
from retrieval.fact_words import card_tokens
from retrieval.progress import shown

BUNDLED = "facts.npz"
BATCH = 256
# Components of unit vectors of some hundred dimensions seldom leave ±0.4: in steps of this, eight bits hold them.
STEP = 1 / 300
# Between the words of a card; names of medicines hold spaces.
SEPARATOR = "\t"


@dataclass(frozen=True)
class FactVectors:
    """Unit vectors: `says` and `asked` (cards, dimension), `wrong` (wrong forms of all cards in turn, dimension);
    those of card `at` begin at `starts[at]`. `words` are the words that each card is found by."""

    says: Vectors
    asked: Vectors
    wrong: Vectors
    starts: npt.NDArray[np.intp]
    words: tuple[tuple[str, ...], ...]


def fact_vectors(facts: Library, encoder: Encoder) -> FactVectors:
    """Of the cards of a shelf: as they come with the package, else from the cache, else embedded now."""
    cards = cards_of(facts)
    known = _identity(facts, encoder)
    kept = cache_dir("facts") / f"{known}.npz"
    read = _read(Path(str(files("retrieval").joinpath(BUNDLED))), known) or _read(kept, known)
    if read is None:
        write_atomic(kept, embedded(facts, encoder))
        read = _read(kept, known)
        assert read is not None
    rows, words = read
    starts = np.cumsum([0, *(len(card.wrong_forms) for card in cards)])[:-1]
    return FactVectors(rows[: len(cards)], rows[len(cards) : 2 * len(cards)], rows[2 * len(cards) :], starts, words)


def embedded(facts: Library, encoder: Encoder) -> bytes:
    """The vectors of a shelf, embedded now, as the package and the cache hold them: eight bits a component."""
    cards = cards_of(facts)
    texts = [card.statement for card in cards] + [" ".join(card.facets) for card in cards]
    texts += [form for card in cards for form in card.wrong_forms]
    batches = shown(range(0, len(texts), BATCH), "Reading the knowledge cards")
    rows = np.concatenate([encoder.encode(texts[start : start + BATCH]) for start in batches])
    words = "\n".join(SEPARATOR.join(card_tokens(card)) for card in cards)
    arrays = {
        "rows": np.clip(np.rint(rows / STEP), -127, 127).astype(np.int8),
        "words": np.frombuffer(words.encode(), dtype=np.uint8),
        "identity": np.array(_identity(facts, encoder)),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def cards_of(facts: Library) -> tuple[Fact, ...]:
    """The cards of a shelf, in its order."""
    return facts.principles  # type: ignore[return-value]


def _identity(facts: Library, encoder: Encoder) -> str:
    return hashlib.sha256("\n".join([facts.digest, encoder.name, encoder.revision]).encode()).hexdigest()[:32]


def _read(path: Path, identity: str) -> tuple[Vectors, tuple[tuple[str, ...], ...]] | None:
    """The rows, of unit length again, and the words; None where they are of other cards or cannot be read."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            if str(arrays["identity"]) != identity:
                return None
            rows = arrays["rows"].astype(np.float32)
            said = arrays["words"].tobytes().decode()
    except (OSError, ValueError, EOFError, KeyError):
        return None
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return unit, tuple(tuple(words.split(SEPARATOR)) for words in said.split("\n"))
