"""What every run of the tests ends with: coverage by package, and each group that was skipped."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.needs import EVERYTHING

ROOT = Path(__file__).parents[1]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    plugin = config.pluginmanager.getplugin("_cov")
    controller = plugin.cov_controller if plugin else None
    if controller is not None:
        terminalreporter.section("lines covered, by package (what runs in processes of its own is not counted)")
        for line in _covered(controller.cov):
            terminalreporter.write_line(line)
    skipped = _skipped(terminalreporter)
    if skipped:
        terminalreporter.section("skipped here, and what would let it run")
    for reason, count in sorted(skipped.items()):
        terminalreporter.write_line(f"{count:4}  {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if EVERYTHING and session.exitstatus == pytest.ExitCode.OK and reporter and _skipped(reporter):
        # Where everything was asked for, what did not run has not passed.
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped(reporter: Any) -> Counter[str]:
    """Tests by the reason for which they were skipped; a module that was skipped as a whole counts as one."""
    reports = reporter.stats.get("skipped", [])
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)


def _covered(coverage: Any) -> Iterator[str]:
    """A line a package: its share of lines that ran, and how many there are."""
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name in coverage.get_data().measured_files():
        _, statements, _, missing, _ = coverage.analysis2(name)
        package = ".".join(Path(name).relative_to(ROOT).parts[:-1])
        counted[package][0] += len(statements) - len(missing)
        counted[package][1] += len(statements)
    for package, (ran, lines) in sorted(counted.items()):
        yield f"{package:32} {ran / lines if lines else 1:5.0%} of {lines}"
