"""The child process that holds the local model; `server.py` starts it and is the only one to speak to it.

It is a process of its own because llama.cpp inside the caller's cannot be stopped: loading holds the
interpreter lock and swallows Ctrl-C, and leaving during a request hangs for as long as the request
takes, or ends in a segmentation fault. As a child it may be killed at any moment.

Contract: one JSON line of settings on stdin (not arguments, which every local user can read), one
JSON line on stdout once the server listens, and then life for as long as stdin stays open. The system
closes stdin however the caller dies, so none is left behind. Run as a script, so that it loads none of
the project.
"""

import json
import os
import sys

import xllamacpp

CACHED_PROMPTS_MIB = 512


def parameters(settings: dict[str, str | int]) -> xllamacpp.CommonParams:
    """What llama.cpp is started with, from the settings that `LocalServer` sends."""
    params = xllamacpp.CommonParams()
    params.model.path = settings["weights"]
    params.model_alias = {settings["model"]}
    params.api_keys = [settings["api_key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = settings["port"]
    params.n_ctx = settings["context_tokens"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    # One slot: calls that share a prefix then find it cached; spread over slots they take three times as long.
    params.n_parallel = 1
    params.cache_prompt = True
    params.cache_ram_mib = CACHED_PROMPTS_MIB  # the default of 8 GiB would break the memory bound
    params.fit_params = False
    params.ui = False
    params.endpoint_slots = False  # it shows prompts
    if settings["adapter"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(settings["adapter"], 1.0)]
    params.verbosity = 1  # errors only; their reader is gone once the server is up
    return params


def main() -> None:
    """Read the settings from standard input, serve, tell the address, and end with whoever started it."""
    settings = json.loads(sys.stdin.readline())
    answer = os.fdopen(os.dup(1), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    server = xllamacpp.Server(parameters(settings))
    os.dup2(silence, 2)
    answer.write(json.dumps({"address": server.listening_address}) + "\n")
    answer.close()
    sys.stdin.read()
    os._exit(0)  # an orderly end would wait for requests that nobody reads any more


if __name__ == "__main__":
    main()
