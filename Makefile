# make run is all that is needed; the other targets are for those who work on Tickdeck.
PORT ?= 8050
# Handed to pytest, as in: make test ARGS="-k candles -x"
ARGS ?=
# A worker a processor, all on one server; tests/conftest.py says what stays together.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

VENV := .venv
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help setup run test test-container check bench lock schema

help:               ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1#/p' $(MAKEFILE_LIST) | column -t -s '#' 2>/dev/null || true

setup: $(RUN)       ## install into .venv, start nothing

run: $(RUN)         ## the dashboard, live, on an embedded TimescaleDB; PORT=8050
	@exec $(VENV)/bin/tickdeck run --port $(PORT)

test: $(DEV)        ## every test
	$(VENV)/bin/pytest $(SIDE_BY_SIDE) $(ARGS)

test-container: $(DEV) ## the tests of the database, in a container
	TICKDECK_TEST_DB=container $(VENV)/bin/pytest --ignore-glob='*/test_embedded*' $(SIDE_BY_SIDE) tests/integration tests/acceptance $(ARGS)

check: $(DEV)       ## lint, format, types, layers
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(DEV)       ## measure on this machine, and put the figures into docs/performance.md
	@mkdir -p build/bench
	@for each in ingest history push replay browser; do \
		$(VENV)/bin/tickdeck bench $$each --json > build/bench/new && mv build/bench/new build/bench/$$each.json || exit 1; done
	$(VENV)/bin/python -m bench.publish build/bench

schema: $(DEV)      ## write db/schema.json anew, after a change of the migrations
	$(VENV)/bin/python -m scripts.schema

# Only the newest state of the registry goes into the locks; needs uv.
lock:               ## lock the newest dependencies again
	uv pip compile pyproject.toml --group build $(UV_LOCK) -o requirements.lock
	uv pip compile pyproject.toml --group dev --extra testing -c requirements.lock $(UV_LOCK) -o requirements-dev.lock
UV_LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade

$(RUN): requirements.lock pyproject.toml
	@scripts/setup requirements.lock
	@touch $@

# requirements-dev.lock holds all of requirements.lock, at the same versions.
$(DEV): requirements-dev.lock requirements.lock pyproject.toml
	@scripts/setup requirements-dev.lock
	@touch $(RUN) $@
