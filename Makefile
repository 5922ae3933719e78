# Two commands matter: `make demo` to see it run, `make test` before a change goes in.
.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test lint types imports web-check fmt bench soak lock clean

BIN := .venv/bin
ARGS ?=

help: ## Show these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Install what is missing; afterwards the program stands at .venv/bin/sapar
	@scripts/setup

setup-test: ## The same, with what only the tests need (a browser)
	@scripts/setup --test

demo: setup ## Run a whole city on this machine, e.g. make demo ARGS="--minutes 3 --buses 300"
	@$(BIN)/sapar demo $(ARGS)

test: setup-test lint types imports web-check ## Everything that must pass before a change goes in
	$(BIN)/pytest $(ARGS)

lint: ## Style and mistakes (ruff)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: ## Types (mypy --strict)
	$(BIN)/mypy

imports: ## Imports run one way (import-linter)
	$(BIN)/lint-imports --no-cache

web-check: ## Types, style and unit tests of the front end
	@scripts/web-check

fmt: ## Put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure ingest on this machine
	$(BIN)/sapar bench ingest $(ARGS)

soak: setup-test ## Ticketing at length: histories, orders, kills, whole days; SEED=n repeats one
	@seed=$${SEED:-$$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}; echo "seed $$seed"; \
	SAPAR_SOAK_EXAMPLES=500 SAPAR_SOAK_STEPS=60 SAPAR_SOAK_KILLS=200 SAPAR_SOAK_SHARE=1 \
	SAPAR_SOAK_TAPS=100000 SAPAR_SOAK_SEEDS=20 $(BIN)/pytest -s --hypothesis-seed=$$seed \
	tests/ticketing/test_machine.py tests/ticketing/test_permutations.py \
	tests/ticketing/test_kills.py tests/ticketing/test_golden_day.py \
	tests/ticketing/test_ulaanbaatar.py $(ARGS)

lock: ## Resolve pyproject.toml into the hashed requirement files again
	scripts/lock $(ARGS)

clean: ## Remove what set-up and runs made here (the demo's data with it)
	rm -rf .venv var build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf sapar/api/web/dist sapar/api/web/node_modules
	find sapar tests -name __pycache__ -type d -prune -exec rm -rf {} +
