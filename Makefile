# Two commands do all the set-up: `make demo` and `make test`. Everything they make lies in .venv, .cache and .data.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { command -v $$name; break; }; done)

export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1

ENVIRONMENT := .venv/.installed

.PHONY: help setup demo test bench growth views lint docs lock clean

help: ## Say what each target does.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(ENVIRONMENT) ## Make .venv with the locked packages, each checked by its hash.

$(ENVIRONMENT): requirements.lock
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 was found; set PYTHON, for example: make PYTHON=/opt/python3.12/bin/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "setting up .venv with $(PYTHON)"
	@"$(PYTHON)" -m venv --clear .venv || { echo "'$(PYTHON) -m venv .venv' failed; the venv module of this Python is needed (Debian: the package python3-venv)" >&2; exit 1; }
	@.venv/bin/pip install --require-hashes --requirement requirements.lock | awk -v total="$$(grep -c '==' requirements.lock)" \
		'/^Collecting/ { printf "\r  package %d of %d", ++count, total; fflush() } /^Installing/ { printf "\n  installing them ...\n"; fflush() }'
	@.venv/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(ENVIRONMENT)

demo: $(ENVIRONMENT) ## Run the examples through Kafka, Faust and ClickHouse on this machine (ARGS=--exit ends by itself).
	@.venv/bin/credits demo $(ARGS)

test: lint ## Check lint, types and layers, then run all tests.
	@.venv/bin/pytest $(ARGS)

bench: $(ENVIRONMENT) ## Measure the worker beside an ordinary Faust agent and a bare loop (ARGS=--help says what can be chosen).
	@.venv/bin/python -m bench.run $(ARGS)

growth: $(ENVIRONMENT) ## Show that cost and memory do not grow with history (ARGS=--help says what can be chosen).
	@.venv/bin/python -m bench.growth $(ARGS)

views: $(ENVIRONMENT) ## Measure how fast each view answers over a million rows (ARGS=--help says what can be chosen).
	@.venv/bin/python -m bench.views $(ARGS)

lint: $(ENVIRONMENT) ## Check lint, formatting, types and layers.
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache

docs: $(ENVIRONMENT) ## Write the pages that are made from declarations: settings, metrics, views, topics and HTTP.
	@write() { .venv/bin/python -m $$1 > docs/$$2.new; mv docs/$$2.new docs/$$2; }; \
	write streams.settings settings.md; \
	write streams.metrics metrics.md; \
	write streams.views views.md; \
	write streams.kafka.asyncapi asyncapi.json; \
	write streams.api.openapi openapi.json

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

lock: ## Write both requirements.lock anew from pyproject.toml (needs uv).
	$(LOCK) --all-extras pyproject.toml --output-file requirements.lock
	echo setuptools | $(LOCK) --extra command --extra worker --constraint requirements.lock pyproject.toml - \
		--output-file deploy/image/requirements.lock

clean: ## Remove what the two commands made.
	rm -rf .venv .cache .data
