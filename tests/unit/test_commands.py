"""What all commands have in common: help that does not wait for imports, and Ctrl-C without a traceback."""

import runpy
import subprocess
import sys

import pytest

import principles.interrupt
from training.__main__ import COMMANDS

HEAVY = ("torch", "transformers", "sklearn", "scipy", "lightgbm", "langchain_core", "httpx", "matplotlib", "datasets")
EVERY_COMMANDS_HELP = f"""
import sys
from training.__main__ import main
for name in {tuple(COMMANDS)!r}:
    try:
        main([name, "--help"])
    except SystemExit as stopped:
        assert stopped.code == 0
    loaded = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]
    assert not loaded, f"{{name}} --help loads {{loaded}}"
"""


def test_the_help_of_training_does_not_wait_for_imports() -> None:
    done = subprocess.run([sys.executable, "-c", EVERY_COMMANDS_HELP], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("usage: python -m training") == len(COMMANDS)


# `ui` and `agent.llm.serve_vllm` have a server to stop, and catch KeyboardInterrupt themselves.
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("command", ["agent", "principles", "agent.scenario", "retrieval", "training"])
def test_ctrl_c_ends_a_command_at_once(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[str] = []
    monkeypatch.setattr(principles.interrupt, "leave_on_interrupt", lambda: called.append(command))
    monkeypatch.setattr(sys, "argv", [command, "--help"])
    with pytest.raises(SystemExit):
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    assert called == [command]
    assert "usage" in capsys.readouterr().out
