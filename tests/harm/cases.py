"""The cases: conversations with a draft, and what of the draft must stay."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
# In these the sentences to keep are instructions for an emergency or about a culprit; in the others they are answers.
URGENT = ("urgent_instruction", "adverse_reaction")


@dataclass(frozen=True)
class Case:
    """`keep` are sentences of the draft that are right; `english` the last question in English, where it is not."""

    kind: str
    id: str
    messages: list[dict[str, str]]
    draft: str
    keep: tuple[str, ...]
    emergency: bool
    document: bool
    language: str
    english: str


def load_cases(kinds: tuple[str, ...] = ()) -> list[Case]:
    """All cases, or those of some kinds, in the order of their files."""
    files = sorted((HERE / "cases").glob("*.yaml"))
    return [_case(file.stem, row) for file in files if not kinds or file.stem in kinds for row in _read(file)]


def kinds() -> list[str]:
    """The names of the kinds."""
    return sorted(file.stem for file in (HERE / "cases").glob("*.yaml"))


@cache
def fits() -> dict[str, dict[str, dict[str, Any]]]:
    """By case and principle, whether what was added fits there, as read by people who did not know where it came from,
    and the `mark` of the words that they read."""
    found: dict[str, dict[str, dict[str, Any]]] = _read(HERE / "fits.yaml")
    return found


def fitting(case: str, principle: str, text: str) -> bool | None:
    """Whether what was added for a principle fits a case; None where nobody has read these words there."""
    read = fits().get(case, {}).get(principle, {})
    return bool(read["fits"]) if read.get("mark") == mark(text) else None


def mark(text: str) -> str:
    """What tells one wording from another."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:8]


def _case(kind: str, row: dict[str, Any]) -> Case:
    return Case(
        kind,
        row["id"],
        row["messages"],
        row["draft"].strip(),
        tuple(row["keep"]),
        row.get("emergency", False),
        row.get("document", kind == "documentation"),
        row.get("language", "en"),
        row.get("english", ""),
    )


def _read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
