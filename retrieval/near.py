"""Principles that say nearly the same."""

from principles.library import Library
from retrieval.encoder import Encoder


def near_pairs(library: Library, encoder: Encoder, above: float) -> list[tuple[float, str, str]]:
    """(cosine of the statements, id, id) of each pair above that cosine, the nearest first."""
    statements = encoder.encode([principle.statement for principle in library.principles])
    pairs = []
    for first, statement in enumerate(statements[:-1]):
        cosines = statements[first + 1 :] @ statement
        for offset in (cosines > above).nonzero()[0].tolist():
            second = library.principles[first + 1 + offset]
            pairs.append((float(cosines[offset]), library.principles[first].id, second.id))
    return sorted(pairs, reverse=True)
