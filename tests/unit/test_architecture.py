"""The arrows of the house: who may import whom, that there is no circle, and that rooms and files keep their size."""

import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import (
    HOUSES,
    PAGE,
    ROOT,
    Arrows,
    between_packages,
    circle,
    drawn,
    forbidden,
    import_seconds,
    imports,
    packages_of,
    rooms_of,
    shown_in,
)

# What a module may hold at the most, data apart, and the middle one.
MOST_LINES, MEDIAN_LINES = 300, 110
HEAVY = {"torch", "transformers", "langgraph", "gradio", "faiss", "sqlalchemy"}
PATHS = [path for house in HOUSES for path in sorted((ROOT / house).rglob("*.py"))]


@pytest.fixture(scope="module")
def arrows() -> Arrows:
    return imports(*HOUSES)


def test_no_import_goes_up(arrows: Arrows) -> None:
    assert forbidden(arrows) == []


def test_there_is_no_circle_of_modules_or_rooms(arrows: Arrows) -> None:
    assert circle(arrows) == []
    assert circle(between_packages(arrows, rooms_of(*HOUSES))) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("principles.library", "retrieval.encoder"),
        ("retrieval.retriever", "agent.scenario.classifier"),
        ("agent.scenario.learn", "agent.llm.client"),
        ("agent.nodes", "ui.chat.tab"),
        ("agent.rubric", "training.judge.registry"),
        ("ui.review.store", "training.common.items"),
        ("training.grpo.reward", "ui.common.html"),
        ("training.common.settings", "training.healthbench.answers"),
        ("training.judge.registry", "training.grpo.command"),
    ],
)
def test_an_import_that_goes_up_is_named(importer: str, imported: str) -> None:
    assert forbidden({importer: {imported}, imported: set()}) == [f"{importer} imports {imported}"]


def test_a_circle_is_named_though_its_imports_wait_for_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = tmp_path / "madehouse"
    (house / "room").mkdir(parents=True)
    (house / "__init__.py").write_text("")
    (house / "room" / "__init__.py").write_text("")
    (house / "above.py").write_text("from madehouse.room import inner\n")
    (house / "room" / "inner.py").write_text("def later():\n    from madehouse import above\n    return above\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = imports("madehouse")
    names = {"madehouse.above", "madehouse.room.inner"}
    assert set(circle(found)) == names
    assert set(circle(between_packages(found, packages_of("madehouse", root=tmp_path)))) == {
        "madehouse",
        "madehouse.room",
    }
    sys.modules.pop("madehouse", None)


def test_no_file_repeats_its_folder() -> None:
    assert [str(path.relative_to(ROOT)) for path in PATHS if path.parent.name in path.stem.split("_")] == []


def test_modules_are_small() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PATHS if path.name != "__init__.py"}
    assert [str(path.relative_to(ROOT)) for path, count in lines.items() if count > MOST_LINES] == []
    assert statistics.median(lines.values()) <= MEDIAN_LINES


def test_each_package_says_what_goes_in_and_out() -> None:
    said = {path: path.read_text(encoding="utf-8").startswith('"""') for path in PATHS if path.name == "__init__.py"}
    assert [str(path.relative_to(ROOT)) for path, told in said.items() if not told] == []


def test_the_page_shows_the_house_as_it_is() -> None:
    assert shown_in(PAGE.read_text(encoding="utf-8")) == drawn(), "run: python -m tests.architecture --write"


def test_an_import_of_a_package_loads_nothing_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    times = ", ".join(f"{package} {1000 * import_seconds(package):.0f}" for package in packages_of(*HOUSES))
    with capsys.disabled():  # to be seen in every run: what grows is found before it hurts
        print(f"\nmilliseconds to import: {times}")
    code = f"import sys, {', '.join(packages_of(*HOUSES))}; print(*sorted({HEAVY} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert loaded.split() == []
