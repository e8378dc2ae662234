# `make run` and `make test` are the whole set-up: a private virtual environment in .venv, packages from the hash-locked files in
# requirements/, the project in editable mode. Stamp files in .venv keep that from being repeated.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet --quiet
HASHED := install --require-hashes --requirement
# No isolation: the build backend is in the hash-locked files as well.
EDITABLE := install --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run outage test test-browser test-chat load-chat test-pool test-driver coverage check format lint types imports bench bench-chat bench-pool bench-smoke api-snapshot docs build lock clean

help:
	@echo "make run           the chat: ask about Python, break a part of it, and see what you still get (ARGS: options of yaoki up)"
	@echo "make outage        an example in the terminal: a server fails and comes back, and the caller keeps its answers"
	@echo "make test          every test but those in a browser"
	@echo "make test-browser  the tests in a browser; they need Chromium"
	@echo "make test-chat     the chat under every fault, killed parts and three times its load (five minutes)"
	@echo "make load-chat     the last of these for a whole minute, with figures"
	@echo "make test-pool     many processes on one repo pool, killed and forced out; its commands and its watch; every kind of work and damage (four minutes)"
	@echo "make test-driver   the unit tests without generated code (YAOKI_COMPILE=0)"
	@echo "make coverage      every test, and the lines that none of them ran"
	@echo "make check         format, lint, types, import contracts"
	@echo "make format        rewrite files as 'make check' wants them"
	@echo "make bench         measure Yaoki beside its peers"
	@echo "make bench-chat    the chat: what is found and refused, earlier answers, what its pipelines cost"
	@echo "make bench-pool    the repo pool beside git itself: leases, dirty slots, recovery, many processes, many slots"
	@echo "make bench-smoke   that it can be measured, quickly and without the peers"
	@echo "make api-snapshot  accept the present public names and signatures as intended"
	@echo "make docs          the documentation's site, in site/"
	@echo "make build         wheel and source archive in dist/"
	@echo "make lock          compile requirements/*.txt anew (UPGRADE=1: newest versions)"
	@echo "make clean         remove everything that make made"

# --- environments -----------------------------------------------------------------------------------------------------------

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "python3 is missing; on Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "python3-venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/.made
	@echo "installing Yaoki and what its services need"
	@$(PIP) $(HASHED) requirements/run.txt --only-binary :all:
	@$(PIP) $(EDITABLE)
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/.made
	@command -v git >/dev/null 2>&1 || { echo "git is missing; on Debian: apt-get install git"; exit 1; }
	@echo "installing what tests and checks need"
	@$(PIP) $(HASHED) requirements/dev.txt
	@$(PIP) $(EDITABLE)
	@touch $@ $(VENV)/.run

$(VENV)/.bench: requirements/bench.txt | $(VENV)/.run
	@echo "installing the peers"
	@$(PIP) $(HASHED) requirements/bench.txt
	@touch $@

$(VENV)/.docs: requirements/docs.txt | $(VENV)/.run
	@echo "installing what the documentation's site needs"
	@$(PIP) $(HASHED) requirements/docs.txt
	@touch $@

$(VENV)/.lock: requirements/lock.txt | $(VENV)/.made
	@$(PIP) $(HASHED) requirements/lock.txt
	@touch $@

# --- use --------------------------------------------------------------------------------------------------------------------

run: $(VENV)/.run
	@$(PY) -m yaoki up $(ARGS)

outage: $(VENV)/.run
	@$(PY) examples/outage.py

test: $(VENV)/.dev
	@# On all cores; more than four would only build the chat's index more often.
	$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test-browser: $(VENV)/.dev
	$(PY) -m pytest -m browser tests/systems

test-chat: $(VENV)/.dev
	$(PY) -m pytest -m faults tests/systems/chat

load-chat: $(VENV)/.dev
	YAOKI_LOAD_SECONDS=60 $(PY) -m pytest -m faults -s tests/systems/chat/faults/test_load.py

test-pool: $(VENV)/.dev
	$(PY) -m pytest -m pool tests/systems/repopool

test-driver: $(VENV)/.dev
	YAOKI_COMPILE=0 $(PY) -m pytest $(wildcard tests/unit tests/models tests/issues)

coverage: $(VENV)/.dev
	$(PY) -m coverage run -m pytest
	$(PY) -m coverage report

# --- checks -----------------------------------------------------------------------------------------------------------------

check: lint types imports

format: $(VENV)/.dev
	$(PY) -m ruff format
	$(PY) -m ruff check --fix

lint: $(VENV)/.dev
	$(PY) -m ruff format --check
	$(PY) -m ruff check

types: $(VENV)/.dev
	$(PY) -m mypy
	$(PY) -m basedpyright
	@# It looks for the package in the environment whose python comes first.
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" basedpyright --verifytypes yaoki.core --ignoreexternal
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" basedpyright --verifytypes yaoki.testing --ignoreexternal

imports: $(VENV)/.dev
	$(VENV)/bin/lint-imports

# --- figures and releases ---------------------------------------------------------------------------------------------------

bench: $(VENV)/.bench
	$(PY) -m bench

# One thread for each product of matrices, as the services run.
bench-chat: export OPENBLAS_NUM_THREADS = 1
bench-chat: $(VENV)/.dev
	$(PY) -m bench.chat_retrieval $(ARGS)
	$(PY) -m bench.chat_vector
	$(PY) -m bench.chat_cache
	$(PY) -m bench.chat_chain

bench-pool: $(VENV)/.dev
	$(PY) -m bench.pool $(ARGS)

api-snapshot: $(VENV)/.dev
	$(PY) -m tests.unit.house.public_api
	git diff --stat tests/api.txt

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "the documentation's first page: site/index.html"

bench-smoke: $(VENV)/.dev
	$(PY) -m bench --quick

lock: $(VENV)/.lock
	$(VENV)/bin/uv pip compile $(LOCK) requirements/lock.in --output-file requirements/lock.txt
	$(VENV)/bin/uv pip compile $(LOCK) pyproject.toml requirements/build.in --extra dev --output-file requirements/dev.txt
	$(VENV)/bin/uv pip compile $(LOCK) pyproject.toml requirements/build.in --extra all --constraint requirements/dev.txt --output-file requirements/run.txt
	$(VENV)/bin/uv pip compile $(LOCK) pyproject.toml --extra docs --constraint requirements/dev.txt --output-file requirements/docs.txt
	$(VENV)/bin/uv pip compile $(LOCK) pyproject.toml --extra bench --constraint requirements/dev.txt --output-file requirements/bench.txt

LOCK = --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

build: $(VENV)/.dev
	@rm -rf dist
	$(PY) -m build --no-isolation

clean:
	rm -rf $(VENV) dist build site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	find src tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} +
