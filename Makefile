.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
SOURCES := app jobs localcluster embedded migrations tests benchmarks wsgi.py

.PHONY: help
help: ## Show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: up
up: .venv/.stamp-embedded ## Start Storeyard on this machine; the first time this builds Medusa
	@$(BIN)/python -m embedded up

.PHONY: down
down: .venv/.stamp-embedded ## Stop it; the stores and their data stay
	@$(BIN)/python -m embedded down

.PHONY: status
status: .venv/.stamp-embedded ## Show what runs
	@$(BIN)/python -m embedded status

.PHONY: logs
logs: .venv/.stamp-embedded ## Follow the logs; PART=worker-1 those of one part
	@$(BIN)/python -m embedded logs $(PART)

.venv/.stamp: requirements-dev.txt pyproject.toml
	@scripts/make-venv dev
	@touch $@ .venv/.stamp-embedded

# Nothing is taken away from a developer's environment, and one that is up to date has all this needs.
.venv/.stamp-embedded: requirements-embedded.txt pyproject.toml
	@scripts/make-venv embedded
	@touch $@

.PHONY: setup
setup: .venv/.stamp ## Make the virtual environment from the locked requirements

.PHONY: test
test: setup ## Run all tests that need nothing running (PostgreSQL and Valkey come from their wheels)
	$(BIN)/pytest -n auto -q -m "not cluster and not node and not faults and not local" tests
	$(BIN)/pytest -n auto -q docker/storefront

.PHONY: test-local
test-local: setup ## Build Medusa, run the pocket cluster, and test stores on it
	$(BIN)/pytest -q -m local tests

.PHONY: test-cluster
test-cluster: setup ## Run the contract and end-to-end tests on the cluster of STOREYARD_TEST_KUBECONFIG
	@test -n "$(STOREYARD_TEST_KUBECONFIG)" || { echo "STOREYARD_TEST_KUBECONFIG is not set: the kubeconfig of a cluster for tests" >&2; exit 2; }
	$(BIN)/pytest -q -m "(cluster or node) and not faults" tests

.PHONY: test-faults
test-faults: setup ## Kill, freeze and lie: needs the API server of STOREYARD_TEST_KUBECONFIG (nodes may be fake)
	@test -n "$(STOREYARD_TEST_KUBECONFIG)" || { echo "STOREYARD_TEST_KUBECONFIG is not set: the kubeconfig of a cluster for tests" >&2; exit 2; }
	$(BIN)/pytest -q tests/faults

.PHONY: lint
lint: setup ## Check style, types and layers, as pre-commit does
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --warnings
	$(BIN)/lint-imports
	@find app docker/storefront -name '*.html' -print0 | xargs -0 -r $(BIN)/djlint --lint --quiet

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format .

.PHONY: lock
lock: ## Resolve the requirements anew (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --extra dev pyproject.toml -o requirements-dev.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url -c requirements-dev.txt pyproject.toml -o requirements.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url -c requirements-dev.txt --extra embedded pyproject.toml -o requirements-embedded.txt

.PHONY: images
images: ## Build the images that are not built yet
	scripts/build-images

.PHONY: clean
clean: ## Remove the state of `make up` (FORCE=1: unasked), the virtual environment and caches
	@python=$(BIN)/python; [ -x $$python ] || python=python3; $$python -m embedded clean $(if $(FORCE),--force)
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache .ci/log
