"""Laboratory values, doses, units, dates and ages as they are written: what slots and guard make of them.

`python -m tests.unit.agent.test_health_data` prints the share that is read right (docs/engines.md).
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agent.guard import _other_doses, new_facts
from principles.rubric import fill_slots

DATA = yaml.safe_load(Path(__file__).with_name("health_data.yaml").read_text(encoding="utf-8"))


def slot(name: str, text: str) -> str:
    return fill_slots([{"role": "user", "content": text}])[name]


def cases() -> Iterator[tuple[str, str, object, object]]:
    """Kind, text, what is true of it, what is made of it."""
    for kind, name in (("measures", "measure"), ("persons", "person")):
        for text, true in DATA[kind]:
            yield kind, text, str(true), slot(name, text)
    for kind in ("same", "other"):
        for given, said in DATA[kind]:
            yield kind, f"{given} -> {said}", kind == "same", not new_facts(said, given)


CASES = list(cases())


def test_they_are_many_different_ones() -> None:
    assert len({(kind, text) for kind, text, _, _ in CASES}) == len(CASES) >= 80


@pytest.mark.parametrize(("kind", "text", "true", "made"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_it_is_read_as_it_is_meant(kind: str, text: str, true: object, made: object) -> None:
    assert made == true


@pytest.mark.parametrize("piece", ["1", "1-", "(1-2 ", "1,111", "5 mg   "])
def test_endless_figures_take_no_longer_than_they_are(piece: str) -> None:
    text = piece * 2_000
    started = time.perf_counter()
    _other_doses(text, text, "en")
    assert time.perf_counter() - started < 10


def main() -> None:
    """The share read right, by kind."""
    for kind in DATA:
        right = [true == made for one, _, true, made in CASES if one == kind]
        print(f"{kind}: {sum(right)} of {len(right)}")
    print(f"all: {sum(true == made for _, _, true, made in CASES)} of {len(CASES)}")
    for kind, text, true, made in CASES:
        if true != made:
            print(f"  {kind}: {text}: {made!r} instead of {true!r}")


if __name__ == "__main__":
    main()
