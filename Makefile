# Two commands matter: `make run` sets Lumina up and starts it, `make test` sets up what the tests need and runs them.
# Both leave the command at .venv/bin/lumina. Settings are read from the environment: LUMINA_HOME, LUMINA_PORT, …

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install -qq --progress-bar off
LOCKED := $(PIP) --require-hashes --no-deps -r
PACKAGES := sdk lumina-core hub
PYTEST_ARGS ?= -n 2 --dist loadfile

.DELETE_ON_ERROR:
.PHONY: help run setup test check format lint types contracts docs-fresh pytest lock docs bench soak clean

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make run      set up what is missing and start Lumina (LUMINA_HOME, LUMINA_PORT)
run: setup
	@exec $(BIN)/lumina up

## make setup    everything `make run` does short of starting: .venv, the three packages, the embedding model
setup: .venv/.ready-run
	@exec $(BIN)/lumina setup

## make test     set up what the tests need, then make check
test: .venv/.ready-dev check

## make check    what the gate runs: format, lint, types, import contracts, generated pages, tests
check: format lint types contracts docs-fresh pytest

format: .venv/.ready-dev
	$(BIN)/ruff format --check .

lint: .venv/.ready-dev
	$(BIN)/ruff check .

types: .venv/.ready-dev
	$(BIN)/mypy $(PACKAGES:%=%/src)

contracts: .venv/.ready-dev
	$(BIN)/lint-imports

docs-fresh: .venv/.ready-dev
	$(BIN)/python -m lumina_hub.reference --check docs/reference
	$(BIN)/python -m lumina_hub.cli.reference --check docs/reference

## make docs     write the generated pages of docs/reference anew
docs: .venv/.ready-dev
	$(BIN)/python -m lumina_hub.reference docs/reference
	$(BIN)/python -m lumina_hub.cli.reference docs/reference

pytest: .venv/.ready-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

## make lock     write the lock files anew (asks the package index)
lock: .venv/.ready-dev
	sh requirements/lock.sh

## make bench    the benchmarks, each beside what a user would pick instead (long)
bench: .venv/.ready-dev
	for script in bench/*.py; do $(BIN)/python -m bench.$$(basename $$script .py) || exit 1; done

## make soak     the fault tests, repeated (long)
soak: .venv/.ready-dev
	LUMINA_SOAK=1 $(BIN)/python -m pytest -m processes $(PYTEST_ARGS)

## make clean    remove .venv and every cache; data directories are left alone
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# An environment is made once. Its stamps are newer than the locks they were installed from, so a second run costs nothing.
.venv/bin/python:
	@sh requirements/venv.sh $(PYTHON)

.venv/.ready-run: .venv/bin/python requirements/run.lock requirements/model.lock requirements/build.lock $(PACKAGES:%=%/pyproject.toml)
	@echo "Installing what Lumina runs on (once; most of it is downloading) …"
	@$(LOCKED) requirements/run.lock
	@$(LOCKED) requirements/model.lock
	@$(LOCKED) requirements/build.lock
	@$(PIP) --no-deps --no-build-isolation $(PACKAGES:%=-e ./%)
	@touch $@

.venv/.ready-dev: .venv/.ready-run requirements/dev.lock
	@echo "Installing what the tests need (once) …"
	@$(LOCKED) requirements/dev.lock
	@touch $@
