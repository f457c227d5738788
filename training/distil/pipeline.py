"""The steps from rubrics to a library; each keeps what it has done in the folder it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.llm.client import Model
from principles.errors import ModelError
from principles.library import Library, library_of
from principles.schema import Source
from retrieval.coverage import THRESHOLD, without_common
from retrieval.encoder import Encoder, Vectors
from retrieval.retriever import pieces
from training.common.options import FAILURES_IN_A_ROW
from training.common.pool import in_threads
from training.common.progress import bar
from training.distil.criteria import Criteria
from training.distil.demand import items_of, taught
from training.distil.kept import Before, keep_ids
from training.distil.making import Made, make, merged
from training.distil.members import Group, grouped, left_over
from training.distil.scenarios import read_scenarios
from training.distil.vectors import KeptVectors
from training.distil.writer import SHOWN, Material, ModelWriter, Words, by_rule


@dataclass(frozen=True)
class Apart:
    """A criterion that no principle covers, everywhere it stands; `nearest` is the principle most like it."""

    wording: str
    rows: tuple[tuple[str, str], ...]
    nearest: str
    cosine: float


@dataclass(frozen=True)
class Distilled:
    """A library and where it comes from; `demand` is the file for the search, `merged` tells how many groups joined
    another."""

    made: tuple[Made, ...]
    library: Library
    apart: tuple[Apart, ...]
    demand: bytes | None
    merged: int

    @property
    def unwritten(self) -> int:
        """Of how many principles the most central criterion stands as statement."""
        return sum(one.by == "rule" for one in self.made)


@dataclass(frozen=True)
class Writing:
    """The model that words principles; `name` tells its replies from another's, `local` marks the embedded engine."""

    model: Model
    name: str
    local: bool


def distil(
    criteria: Criteria,
    encoder: Encoder,
    folder: Path,
    *,
    count: int | None,
    source: Source,
    before: Before,
    writing: Writing | None = None,
) -> Distilled:
    """A library of the criteria; `folder` keeps what takes long. Raises ClinAlignError."""
    kept = KeptVectors(encoder, folder)
    kept.read([one.text for one in criteria.wordings], "reading the criteria")
    items = items_of(criteria)
    kept.read([piece for item in items for piece in pieces(item.question)], "embedding the questions")
    scenarios = read_scenarios(criteria.items, kept, folder)
    vectors = kept.encode([one.text for one in criteria.wordings])
    groups = grouped(criteria, vectors, scenarios, count)
    words = _words(criteria, groups, kept, vectors, folder, writing)
    single = merged(groups, kept.encode([one.statement for one in words]))
    made = [make(criteria, group, words[at], source) for at, group in single]
    made = keep_ids(made, before, kept)
    library = library_of(((one.principle.id, one.principle.model_dump(mode="json")) for one in made), "the library")
    apart = [
        _apart(criteria, at, made[near].principle.id, cosine)
        for at, near, cosine in left_over(vectors, [group for _, group in single])
    ]
    _, demand = taught(library, kept, items)
    written = demand.written(library, encoder) if demand else None
    return Distilled(tuple(made), library, tuple(apart), written, len(groups) - len(single))


def _words(
    criteria: Criteria,
    groups: Sequence[Group],
    encoder: Encoder,
    vectors: Vectors,
    folder: Path,
    writing: Writing | None,
) -> list[Words]:
    materials = [
        Material(tuple(criteria.wordings[at].text for at in group.members[:SHOWN]), group.points > 0, group.terms)
        for group in groups
    ]
    if writing is None:
        return [by_rule(one) for one in materials]
    apart = without_common(vectors)

    def same(statement: str, criterion: str) -> bool:
        first, second = apart(encoder.encode([statement, criterion]))
        return bool(first @ second >= THRESHOLD)

    writer = ModelWriter(writing.model, writing.name, folder, same)
    _write(writer, materials, writing.local)
    return [writer.kept(one) or by_rule(one) for one in materials]


def _write(writer: ModelWriter, materials: Sequence[Material], local: bool) -> None:
    """Have all words written that are not kept yet. Raises ModelError, with what is kept, where some cannot be."""
    todo = [one for one in materials if writer.kept(one) is None]
    failures: list[str] = []
    in_a_row = 0
    with bar("writing the principles", len(materials), len(materials) - len(todo)) as done:
        for material, words in in_threads(writer.attempt, todo, local):
            if isinstance(words, ModelError):
                failures.append(str(words))
                in_a_row += 1
                if in_a_row == FAILURES_IN_A_ROW:
                    break
                continue
            in_a_row = 0
            writer.keep(material, words)
            done(1)
    if failures:
        written = sum(writer.kept(one) is not None for one in materials)
        raise ModelError(
            f"{failures[-1]}; {written} of {len(materials)} principles are written and kept: "
            "give the same command again"
        )


def _apart(criteria: Criteria, at: int, nearest: str, cosine: float) -> Apart:
    one = criteria.wordings[at]
    rows = tuple((criteria.items[place.item].key, place.criterion) for place in one.places)
    return Apart(one.digest, rows, nearest, round(cosine, 3))
