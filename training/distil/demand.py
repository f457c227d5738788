"""What physicians ask of answers to which questions, learnt for a distilled library from the rubrics behind it.

The search needs it beyond likeness: no question names what a good answer to it does.
"""

from collections.abc import Sequence

from principles.library import Library
from retrieval.coverage import Item
from retrieval.demand import Demand
from retrieval.encoder import Encoder
from retrieval.index import PrincipleIndex, embed_rows, row_counts
from retrieval.retriever import Retriever
from training.distil.criteria import Criteria

# From fewer questions nothing is learnt that likeness does not tell.
ENOUGH = 100


def items_of(criteria: Criteria) -> list[Item]:
    """The criteria as `retrieval` measures them, in the words under which their vectors are kept."""
    asked: list[list[tuple[str, float]]] = [[] for _ in criteria.items]
    for one in criteria.wordings:
        for place in one.places:
            asked[place.item].append((one.text, place.points))
    return [Item(item.key, item.turns, tuple(own)) for item, own in zip(criteria.items, asked, strict=True)]


def taught(library: Library, encoder: Encoder, items: Sequence[Item]) -> tuple[Retriever, Demand | None]:
    """The search in a library that is not in use, its index in memory only, and what the items teach it; None where
    they are too few."""
    from retrieval.ann import make_index
    from retrieval.learn import learn

    index = PrincipleIndex(make_index(embed_rows(library, encoder))[0], row_counts(library))
    plain = Retriever(library, index, encoder)
    if len(items) < ENOUGH:
        return plain, None
    demand = learn(plain, items)
    return Retriever(library, index, encoder, demand), demand
