"""The house as its imports show it: `python -m tests.architecture [--write]`.

Prints a picture of the packages and who imports whom, and for each package its size and how long its import takes on
this machine. `--write` puts the picture into docs/architecture.md. tests/unit/test_architecture.py holds the arrows.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
from rich.console import Console
from rich.progress import track
from rich.table import Table

from principles.files import write_atomic

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- picture -->", "<!-- /picture -->"
HOUSES = ("ui", "training", "agent", "retrieval", "principles")
# Who may import whom, from the ground up. The scenario is a floor of its own between retrieval and the rest of agent.
MAY_IMPORT = {
    "principles": (),
    "retrieval": ("principles",),
    "agent.scenario": ("retrieval", "principles"),
    "agent": ("agent.scenario", "retrieval", "principles"),
    "training": ("agent", "retrieval", "principles"),
    "ui": ("training.common.questions", "training.reviews", "agent", "retrieval", "principles"),
}
# The same within training: what all use is below all, and judges are below what asks them.
ASKING = ("training.healthbench", "training.ablation", "training.synthesis", "training.grpo")
ROOMS_APART = {"training.common": ("training.judge", *ASKING), "training.judge": ASKING}
REPEATS = 3
Arrows = dict[str, set[str]]
"""Each module or package, and those that it imports. Imports in functions and for types alone count too."""


def imports(*houses: str) -> Arrows:
    """The imports of each module of these top-level packages, as far as they stay among them."""
    graph = grimp.build_graph(*houses, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in sorted(graph.modules)}


def forbidden(arrows: Arrows) -> list[str]:
    """Each import that goes up, or across where it may not: "importer imports imported"."""
    return [
        f"{importer} imports {imported}"
        for importer, found in arrows.items()
        for imported in sorted(found)
        if not _may(importer, imported)
    ]


def _may(importer: str, imported: str) -> bool:
    for room, others in ROOMS_APART.items():
        if within(importer, room) and any(within(imported, other) for other in others):
            return False
    floor, other = _floor(importer), _floor(imported)
    return floor == other or any(within(imported, allowed) for allowed in MAY_IMPORT[floor])


def _floor(module: str) -> str:
    return next((name for name in ("agent.scenario",) if within(module, name)), module.split(".")[0])


def within(module: str, package: str) -> bool:
    """Whether a module is that package or in it."""
    return module == package or module.startswith(f"{package}.")


def circle(arrows: Arrows) -> list[str]:
    """A circle of imports, its first name again at its end; empty where there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def between_packages(arrows: Arrows, packages: Iterable[str]) -> Arrows:
    """The arrows between packages; a module is in the innermost one that it is within."""
    by_length = sorted(packages, key=len, reverse=True)

    def room(module: str) -> str:
        return next(package for package in by_length if within(module, package))

    found: Arrows = {package: set() for package in sorted(by_length)}
    for importer, imported in arrows.items():
        found[room(importer)] |= {room(one) for one in imported} - {room(importer)}
    return found


def packages_of(*houses: str, root: Path = ROOT) -> list[str]:
    """All packages below these. Those that hold the prompts of one package count as that."""
    found = [path.parent for house in houses for path in sorted((root / house).rglob("__init__.py"))]
    names = [".".join(path.relative_to(root).parts) for path in found]
    return [name for name in names if not name.endswith(".prompts") or name == "agent.prompts"]


def rooms_of(*houses: str) -> list[str]:
    """The top-level packages and those right below: what lies deeper (`training.judge.local`) is one room with it."""
    return [name for name in packages_of(*houses) if name.count(".") < 2]


def picture(arrows: Arrows) -> str:
    """The packages as a Mermaid flowchart. An arrow that others imply is left out."""
    lines = ["```mermaid", "flowchart TD"]
    for house in HOUSES:
        rooms = [room for room in arrows if within(room, house)]
        lines += [f"  subgraph {house}_[{house}]", *(f"    {_id(room)}[{room}]" for room in rooms), "  end"]
    lines += [
        f"  {_id(room)} --> {_id(other)}" for room, found in arrows.items() for other in sorted(_nearest(found, arrows))
    ]
    return "\n".join([*lines, "```"])


def _nearest(found: set[str], arrows: Arrows) -> set[str]:
    """Those of `found` that cannot be reached through another of them."""
    return {one for one in found if not any(one in _reached(other, arrows) for other in found - {one})}


def _reached(room: str, arrows: Arrows) -> set[str]:
    return arrows[room].union(*(_reached(other, arrows) for other in arrows[room]))


def _id(room: str) -> str:
    return room.replace(".", "_")


def drawn() -> str:
    """The picture of the repository."""
    return picture(between_packages(imports(*HOUSES), rooms_of(*HOUSES)))


def shown_in(page: str) -> str:
    """What a page has between the marks of the picture. Raises ValueError where it has none."""
    return page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip()


def modules_of(package: str, packages: Iterable[str]) -> dict[str, Path]:
    """The modules of a package by name, those of packages within it apart."""
    inner = [name for name in packages if name != package and within(name, package)]
    paths = (ROOT / package.replace(".", "/")).rglob("*.py")
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    return {name: path for name, path in found.items() if not any(within(name, other) for other in inner)}


def import_seconds(*modules: str) -> float:
    """How long it takes to import these in a fresh interpreter, the median of three."""
    code = f"import time; start = time.perf_counter(); import {', '.join(modules)}; print(time.perf_counter() - start)"

    def once() -> float:
        return float(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout)

    return statistics.median(once() for _ in range(REPEATS))


def row_of(package: str) -> tuple[str, ...]:
    """Package, modules, lines, lines of the median module; seconds to import it, and to import all its modules."""
    modules = modules_of(package, packages_of(*HOUSES))
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in modules.values()]
    every = [name for name in modules if not name.endswith("__main__")]
    seconds = import_seconds(package), import_seconds(*every)
    return package, str(len(lines)), str(sum(lines)), f"{statistics.median(lines):.0f}", *(f"{s:.3f}" for s in seconds)


def main(arguments: list[str] | None = None) -> int:
    """Print picture and table; returns the exit status: 1 where an arrow is forbidden or there is a circle."""
    parser = argparse.ArgumentParser(prog="python -m tests.architecture", description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the picture into docs/architecture.md")
    given = parser.parse_args(arguments)
    found = imports(*HOUSES)
    faults = forbidden(found)
    for arrows in (found, between_packages(found, rooms_of(*HOUSES))):
        if turn := circle(arrows):
            faults.append("a circle: " + " → ".join(turn))
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    made = drawn()
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page[: page.index(BEGIN)], page[page.index(END) :]
        write_atomic(PAGE, f"{before}{BEGIN}\n{made}\n{rest}")
    print(made)
    table = Table("package", "modules", "lines", "median", "import, s", "with all modules, s")
    for package in track(packages_of(*HOUSES), "importing", console=Console(stderr=True), transient=True):
        table.add_row(*row_of(package))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
