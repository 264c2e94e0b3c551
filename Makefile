PYTHON ?= python3
SETUP = @$(PYTHON) .ci/setup.py
VENV = .venv/bin

.DEFAULT_GOAL := help
.PHONY: run test faults bench check clean help

run: ## set up what is missing, then start everything and print the link to open (ARGS: options of `frontdesk run`)
	$(SETUP) run && exec $(VENV)/frontdesk run $(ARGS)

test: ## the whole suite but the long forms, real vLLM, PostgreSQL and Chromium included (ARGS: options of pytest)
	$(SETUP) test && exec $(VENV)/python -m pytest -n 2 --dist loadgroup $(ARGS)

faults: ## the long form of the faults suite: kills, pauses, broken engine and database (ARGS: its options)
	$(SETUP) test && exec $(VENV)/python -m tests.faults $(ARGS)

bench: ## the figures, as a table and as bench.json (ARGS: options of the benchmark)
	$(SETUP) test && exec $(VENV)/python -m tests.bench $(ARGS)

check: ## lint, format and types
	$(SETUP) check
	@$(VENV)/ruff check --no-cache && $(VENV)/ruff format --check --no-cache
	@$(VENV)/mypy && $(VENV)/mypy .ci/setup.py

clean: ## remove the virtual environment and every cache of the tools; data and models stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z]*\): ## /make \1\t/p' Makefile | expand -t 14
