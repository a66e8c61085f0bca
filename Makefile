# `make` needs Python >= 3.11; everything else is installed into .venv.

NEW_ENOUGH := import sys; print(sys.executable if sys.version_info >= (3, 11) else "")
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11, \
            $(shell $(name) -c '$(NEW_ENOUGH)' 2>/dev/null)))
VENV   := .venv
BIN    := $(VENV)/bin
FUZZ   ?= 200000
READY  := $(VENV)/.installed-from-pyproject

.DEFAULT_GOAL := all
.PHONY: all setup check show test lint bench fuzz kernels clean help

all: check show  ## set up .venv, check the notes in derivations/, show the softmax derivation (the default)

setup: $(READY)  ## set up .venv with the package and its development tools

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python >= 3.11 found; name one with make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

check: $(READY)  ## check every note in derivations/
	@$(BIN)/derive check derivations

show: $(READY)  ## show the softmax derivation, step by step
	@$(BIN)/derive show derivations/softmax.md

test: $(READY)  ## run the tests
	@$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(READY)  ## run ruff and mypy (strict)
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(READY)  ## measure the judge, the reader, the steps and the kernels
	@$(BIN)/python -m tests.benchmarks

fuzz: $(READY)  ## throw random claims at the judge and mutated notes at the reader, in depth (FUZZ=cases)
	@$(BIN)/python -m tests.fuzz_judge $(FUZZ)
	@$(BIN)/python -m pytest --fuzz -m fuzz tests || test $$? -eq 5

kernels: $(READY)  ## write derive/kernels/ anew from derivations/
	@$(BIN)/python -m derive.codegen

clean:  ## remove .venv and everything that was generated but is not committed
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
