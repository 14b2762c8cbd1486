# Everything a clone needs: each target makes its own .venv first and installs what it lacks.
# Only python3 (3.11 or newer) has to be there; nothing needs root.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PINS := pyproject.toml constraints.txt
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-quick test-long coverage test-node lint format bench docs docs-pages clean

help:
	@echo "make demo        the whole line: play, record, score, train, measure, deploy, play again"
	@echo "make test        all tests but the long ones"
	@echo "make test-quick  the tests that need no more than a moment"
	@echo "make test-long   the tests that take minutes"
	@echo "make coverage    the same as make test, and which lines they reach"
	@echo "make test-node   bundles in Node, with 1.7 GB of packages from npm"
	@echo "make lint        ruff, mypy and the floors of the house"
	@echo "make bench       the measurements, beside their peers"
	@echo "make docs        the documentation, into site/"
	@echo "make setup       the .venv with everything, and the commit hooks"
	@echo "make clean       remove the .venv and what was built"

# The base install captures; the demonstration plays and trains; everything else needs the tools.
$(VENV)/.base: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Understudy needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing understudy into $(VENV)"
	@$(PIP) install -q -c constraints.txt hatchling
	@$(PIP) install -q -c constraints.txt --no-build-isolation -e .
	@touch $@

$(VENV)/.line: $(VENV)/.base
	@echo "installing what games and models need into $(VENV)"
	@$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[games,llm]'
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo "installing the tools for tests, checks and documentation into $(VENV)"
	@$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

setup: $(VENV)/.dev
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(BIN)/pre-commit install; fi

demo: $(VENV)/.line
	@$(BIN)/understudy demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

coverage: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --cov --cov-report=term

test-quick: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not long and not slow"

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -m long --timeout 7200

test-node: $(VENV)/.dev
	$(BIN)/python tests/node_bundle/check.py

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.dev
	$(BIN)/python -m bench

# The reference is written from the code, then the site is built from it.
docs-pages: $(VENV)/.dev
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/pocket_tasks.py

docs: docs-pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "site/index.html"

clean:
	rm -rf $(VENV) site tests/node/node_modules tests/node_bundle/node_modules .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
