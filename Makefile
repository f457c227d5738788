# Everything that a person does with this project. `make help` lists it.
# Each target sets up what it needs: a virtual environment in .venv, model weights in the user's cache.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# PyTorch's own index has the CPU build; pip prefers it to the CUDA build of the same version on PyPI. The
# index is asked once and briefly, so that a machine that cannot reach it loses a second, not minutes.
TORCH := torch==2.13.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.PHONY: help setup dev ask chat serve test lint format bench train-tiny serve-vllm clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ask: setup ## answer a health question: make ask Q="..."
	@$(if $(Q),,echo 'say what to ask: make ask Q="Can I take ibuprofen with warfarin?"' >&2; exit 2)
	@printf '%s' "$$Q" | $(BIN)/python -m agent -
override Q := $(value Q)
export Q

chat: setup ## talk with the agent in the browser
	@$(BIN)/python -m ui

serve: setup ## serve the agent to other programs by OpenAI's API: make serve PORT=8080
	@$(BIN)/python -m agent serve --port "$(or $(PORT),8080)"

# What it ends with names each group of tests that was skipped, and what would let it run. CLINALIGN_TEST=everything
# runs the slowest too (vLLM, hostile texts on the real model) and takes a skipped test for a failure.
test: dev ## run all tests, those with the real model too
	@$(BIN)/python -m pytest --durations=20 --cov --cov-report=

lint: dev ## ruff, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: dev ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: dev ## measure speed and size on this machine and write docs/bench.md (COLD=--cold: from nothing, too)
	@$(BIN)/python -m tests.bench $(COLD)

train-tiny: dev ## train the tiny recipe with GRPO (minutes on a CPU) and export it to models/tiny
	@$(BIN)/python -m training grpo --recipe training/grpo/recipes/tiny_cpu.yaml
	@$(BIN)/python -m training export runs/grpo-tiny_cpu models/tiny

serve-vllm: setup ## serve a model with vLLM: make serve-vllm MODEL=folder-or-hub-name [ADAPTER=folder]
	@$(if $(MODEL),,echo 'say what to serve: make serve-vllm MODEL=Qwen/Qwen3-4B-Instruct-2507' >&2; exit 2)
	@$(BIN)/python -m agent.llm.serve_vllm "$$MODEL" $(if $(ADAPTER),--adapter "$$ADAPTER")
override MODEL := $(value MODEL)
override ADAPTER := $(value ADAPTER)
export MODEL ADAPTER

setup: $(VENV)/.installed ## install the agent into .venv

dev: $(VENV)/.installed-dev ## install what tests and lint need, too

$(VENV)/.torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@echo "· making .venv (once, some minutes) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --retries 0 --extra-index-url $(TORCH_INDEX) "$(TORCH)"
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "· installing the agent …" >&2
	@$(PIP) install --quiet --constraint constraints.txt --editable ".[serve]"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "· installing what tests and lint need …" >&2
	@$(PIP) install --quiet --constraint constraints.txt --editable ".[dev,mcp,postgres,ray,serve,sheet,train]"
	@touch $@

clean: ## remove .venv and what tools left behind; the weights in the cache stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
