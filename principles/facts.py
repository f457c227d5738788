"""Knowledge cards: facts about medicines, complaints, tests and myths, in the principles' own schema.

A card is a principle whose criterion asks for a fault, namely that an answer gets the fact wrong, and whose advice says
it right; so search, critique and edits need no second way. Cards are a shelf beside the library: the folder that
CLINALIGN_FACTS names, or the bundled one, a YAML file an area.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from principles.errors import LibraryError
from principles.files import cache_dir, write_atomic
from principles.library import Library, library_of, parsed_yaml
from principles.schema import Dimension, Expertise, Principle, Source, Task, Text

BUNDLED = Path(__file__).with_name("facts")
POINTS, POINTS_IF_CRITICAL = -7, -9
FORMAT = 1


class Fact(Principle):
    """One checkable fact. `criterion` asks whether an answer gets it wrong, `wanted` whether it says it.

    `names` are the words by which a question names the matter, `wrong_forms` sentences that get it wrong as a model
    writes them, `colleague` is the advice to a health professional, and `review_by` the year in which to look again.
    """

    kind: Literal["fact"] = "fact"
    dimension: Dimension = "task"
    values: tuple[str, ...] = tuple(str(task) for task in Task)
    rationale: Text = "A wrong fact in an answer is acted upon."
    advice: Text
    facets: tuple[Text, ...] = Field(min_length=3)
    sources: tuple[Source, ...] = Field(min_length=1)
    names: tuple[Text, ...] = Field(min_length=1)
    wanted: Text
    wrong_forms: tuple[Text, ...] = Field(min_length=2)
    colleague: Text
    review_by: int = Field(ge=2020, le=2100)


def said_to(expertise: Expertise, principle: Principle) -> Principle:
    """A card as it is said to who asks, a patient or a colleague; a principle of the library as it is."""
    if isinstance(principle, Fact) and expertise is Expertise.HEALTH_PROFESSIONAL:
        return principle.model_copy(update={"advice": principle.colleague})
    return principle


def load_facts(folder: Path | None = None) -> Library:
    """The cards of a folder: the one given, else that of CLINALIGN_FACTS, else the bundled ones.

    Raises LibraryError for a folder that cannot be read or any card that does not fit the schema.
    """
    named = os.environ.get("CLINALIGN_FACTS")
    return _load(folder or (Path(named).expanduser() if named else BUNDLED))


@cache
def _load(folder: Path) -> Library:
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise LibraryError(f"{folder}: holds no .yaml file of cards: check CLINALIGN_FACTS, or unset it")
    try:
        texts = [path.read_text(encoding="utf-8") for path in paths]
    except (OSError, UnicodeDecodeError) as error:
        raise LibraryError(f"{folder}: cannot be read ({type(error).__name__}): check CLINALIGN_FACTS") from None
    return library_of(_entries(paths, texts), str(folder), Fact)


def _entries(paths: list[Path], texts: list[str]) -> Iterator[tuple[str, Any]]:
    """Cards as the schema has them. YAML takes seconds for thousands of cards, so that they are kept as JSON."""
    digest = hashlib.sha256("\0".join([str(FORMAT), *texts]).encode()).hexdigest()
    kept = cache_dir("facts") / f"{digest[:32]}.json"
    try:
        return ((str(place), entry) for place, entry in json.loads(kept.read_bytes()))
    except (OSError, ValueError):
        found = [
            (f"{path.name}, card {number}", _as_principle(card))
            for path, text in zip(paths, texts, strict=True)
            for number, card in enumerate(_cards(path, text), 1)
        ]
        write_atomic(kept, json.dumps(found, ensure_ascii=False))
        return iter(found)


def _cards(path: Path, text: str) -> list[Any]:
    cards = parsed_yaml(text, path)
    if not isinstance(cards, list):
        raise LibraryError(f"{path}: holds no list of cards")
    return cards


def _as_principle(card: Any) -> Any:
    """A card's `criterion` is what a good answer says and `fault` how it goes wrong; a principle has one criterion."""
    if not isinstance(card, dict):
        return card
    renamed = {{"criterion": "wanted", "fault": "criterion"}.get(key, key): value for key, value in card.items()}
    points = POINTS_IF_CRITICAL if card.get("safety_critical") else POINTS
    return {"points": points, **renamed}
