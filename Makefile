# Every target first makes the environment, when it is missing or older than the lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
KERNELS := .venv/.kernels
PEERS := .venv-peers/bin
PEERS_READY := .venv-peers/.ready
TORCH := torch==2.13.0
UV := $(BIN)/uv pip
LOCK := $(UV) compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

IMPORTED := embedded.demo, embedded.up, service.app, service.gthread, store.reconciler, worker.tasks, celery.apps.worker, \
	celery.bin.worker, celery.concurrency.prefork, celery.worker.consumer, kombu.transport.redis

.DEFAULT_GOAL := help
.PHONY: help setup peers up demo backup restore fsck test test-services test-gpu test-peers schema sites damage simulate planted faults mutations lint format bench docs lock clean

help: ## Explain the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: $(KERNELS) ## Create .venv from the lock

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. steepest needs Python 3.11 or later: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "steepest needs Python 3.11 or later; $(PYTHON) is " + sys.version.split()[0] + ". Say which one to use: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) lacks venv or pip. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/uv || { echo "Making .venv"; $(PYTHON) -m venv --clear .venv; }
	@test -x $(BIN)/uv || { awk '/^uv==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements.lock > .venv/uv.lock && $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement .venv/uv.lock; }
	@$(UV) sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import $(IMPORTED)' 2>/dev/null || true  # compiled once here, not by each process at the first start
	@touch $@

$(KERNELS): $(READY) $(wildcard steepest/trainer/engines/*.py steepest/trainer/engines/kernels/*.py)
	@echo "Compiling the trainer's kernels"
	@$(BIN)/python -c 'import steepest; steepest.warm_up()' || echo "They do not work here; all else does" >&2
	@touch $@

peers: $(PEERS_READY) ## Create .venv-peers, with what the trainer is tested and measured against

$(PEERS_READY): $(READY) requirements-peers.lock
	@test -x $(PEERS)/pip || { echo "Making .venv-peers"; $(PYTHON) -m venv --clear .venv-peers; }
	@$(UV) sync --quiet --python $(PEERS)/python --require-hashes requirements-peers.lock
	@$(PEERS)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	@$(UV) install --quiet --python $(PEERS)/python --no-deps --no-build-isolation --editable .
	@touch $@

up: $(KERNELS) ## Serve on this machine until Ctrl-C: API, workers, reconciler, broker, database
	@$(BIN)/python -m embedded up

demo: $(KERNELS) ## Train on real digits over HTTP; weights and loss curve land in demo/
	@$(BIN)/python -m embedded demo

backup: $(READY) ## Copy the home's database while it is at work: make backup FILE=copy.db
	@$(BIN)/python -m embedded backup "$(or $(FILE),$(error Say where to: make backup FILE=copy.db))"

restore: $(READY) ## Put a copy back, while nothing serves: make restore FILE=copy.db
	@$(BIN)/python -m embedded restore "$(or $(FILE),$(error Say what: make restore FILE=copy.db))"

fsck: $(READY) ## Read all that is stored, and say what is damaged
	@$(BIN)/python -m store.admin fsck

test: $(KERNELS) ## Run the whole suite on the embedded default
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-services: $(KERNELS) ## Run the store, API and integration suites on real PostgreSQL and Redis
	@$(BIN)/python -m tests.services

sites: $(KERNELS) ## Cut the lives of jobs at every fault site, in every way: make sites, or SHARE=3/20 for every 20th from the 3rd
	@STEEPEST_SITES=$(or $(SHARE),all) $(BIN)/pytest -q --numprocesses auto --show-capture=no tests/integration/life

damage: $(KERNELS) ## Damage stored states and weights in 2,000 ways, and see that none is served or used
	@STEEPEST_DAMAGES=2000 $(BIN)/python -m pytest -q --show-capture=no tests/integration/test_damage.py

simulate: $(KERNELS) ## Simulate the life of jobs under a virtual clock: make simulate SEEDS=1000, or SEED=17
	@$(BIN)/python -m tests.simulation $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED)) $(if $(KEEP),--keep $(KEEP))

planted: $(KERNELS) ## Plant bugs, one at a time, and see that the simulation, the fault sites or the model catches each
	@$(BIN)/python -m tests.planted $(NAMES)

faults: $(KERNELS) ## Kill, freeze and starve a real stack, and judge what clients saw: make faults SECONDS=180 SEED=1 STACK=sqlite
	@$(BIN)/python -m tests.faults $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(if $(STACK),--stack $(STACK))

schema: $(KERNELS) ## Call every operation of the API as its OpenAPI document allows, and compare the answers
	@$(BIN)/python -m tests.schema

test-gpu: $(READY) ## Run the trainer on this machine's GPU, against NumPy
	@$(UV) install --quiet --python $(BIN)/python --no-build-isolation --editable '.[gpu]'
	@$(BIN)/pytest tests/gpu

test-peers: $(PEERS_READY) ## Run the tests of the trainer against PyTorch
	@$(PEERS)/python -m pytest --confcutdir=tests/peers tests/peers

mutations: $(READY) ## Feed 50,000 mutated files of every format to the service's and the worker's code
	@$(BIN)/python -m tests.unit.data.formats.mutations $(ARGS)

lint: $(READY) ## Check format, style, types, floors and the compose file
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: $(READY) ## Put the code in its format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(KERNELS) $(PEERS_READY) ## Measure the trainer and the service on this machine
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(READY) ## Write the pages that come from the code
	@$(BIN)/python -m docs.pieces

lock: ## Resolve the dependencies anew
	@$(LOCK) --extra data --extra fast --extra onnx --extra sklearn --group server --group embedded --group dev --output-file requirements.lock
	@$(LOCK) --extra data --extra fast --extra onnx --group image --output-file requirements-server.lock
	@$(LOCK) --extra fast --group peers --output-file requirements-peers.lock

clean: ## Remove the environments, the demo and the caches (the home .steepest stays)
	@rm -rf .venv .venv-peers demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .schemathesis .benchmarks
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
