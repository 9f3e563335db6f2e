# Every target first makes the environment, when it is missing or older than the lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup up demo test test-services lint format bench lock clean

help: ## Explain the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: $(READY) ## Create .venv from the lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "steepest needs Python 3.11 or later; $(PYTHON) is " + sys.version.split()[0] + ". Say which to use: make PYTHON=python3.12")'
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[^ ]*' requirements.lock)"; }
	@$(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

up: $(READY) ## Serve on this machine until Ctrl-C: API, worker, reconciler, broker, database
	@$(BIN)/python -m embedded up

demo: $(READY) ## Train on real digits over HTTP; weights and loss curve land in demo/
	@$(BIN)/python -m embedded demo

test: $(READY) ## Run the whole suite on the embedded default
	@$(BIN)/pytest

test-services: $(READY) ## Run the store, API and integration suites on real PostgreSQL and Redis
	@$(BIN)/python tests/services.py

lint: $(READY) ## Check format, style, types, floors, migrations and the compose file
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: $(READY) ## Put the code in its format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## Measure the trainer and the service on this machine
	@$(BIN)/python -m benchmarks

lock: ## Resolve the dependencies anew
	@$(BIN)/uv pip compile pyproject.toml --quiet --extra data --group server --group embedded --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --output-file requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --quiet --extra data --group server --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --output-file requirements-server.lock

clean: ## Remove the environment, the demo and the caches (the home .steepest stays)
	@rm -rf .venv demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
