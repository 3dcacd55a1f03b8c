# make run is all that is needed; the other targets are for those who work on Tickdeck.
PORT ?= 8050
# Handed to pytest, as in: make test ARGS="-k candles -x"
ARGS ?=
# Workers side by side, all on one server; tests/conftest.py says how many, and what stays together.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

VENV := .venv
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help setup run demo-exchange test test-container fuzz check bill audit bench lock schema reliability

help:               ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1#/p' $(MAKEFILE_LIST) | column -t -s '#' 2>/dev/null || true

setup: $(RUN)       ## install into .venv, start nothing

run: $(RUN)         ## the dashboard, live, on an embedded TimescaleDB; PORT=8050
	@exec $(VENV)/bin/tickdeck run --port $(PORT)

demo-exchange: $(DEV) ## live feeds of local exchanges that misbehave, on a data folder of their own
	@TICKDECK_DATA_DIR=build/demo-exchange exec $(VENV)/bin/python -m tests.exchanges.demo --run

test: $(DEV)        ## every test
	$(VENV)/bin/pytest $(SIDE_BY_SIDE) $(ARGS)

test-container: $(DEV) ## the tests of the database, in a container
	TICKDECK_TEST_DB=container $(VENV)/bin/pytest $(SIDE_BY_SIDE) $(ARGS)

# The tests that make their input up, so many times as long as in `make test`.
FUZZ ?= 25
fuzz: $(DEV)        ## files, messages, notifications, REST, replays: whatever may come; FUZZ=25 times as much as in make test
	TICKDECK_FUZZ=$(FUZZ) $(VENV)/bin/pytest -q --timeout 3600 -k "$(FUZZED)" $(ARGS) \
		tests/app/web/test_messages.py tests/app/web/test_errors.py tests/app/replay/test_state.py tests/app/replay/test_clock.py \
		tests/app/live/test_hub.py tests/db/market/test_messages.py tests/feeds/csv/test_reader.py tests/feeds/csv/test_tables.py \
		tests/feeds/test_spill.py tests/db/ticks tests/db/candles/test_read.py tests/db/candles/test_imported.py tests/db/test_quotes.py \
		tests/app/test_export_file.py
FUZZED := no_message_ends or every_answer_is or state or no_control or add_up or any_json or any_field or equals_reading or no_bytes or dialect or comes_back or any_damage or read_back or is_a_fold or overlapping_ticks or ticks_win

check: $(DEV)       ## lint, format, types, layers
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bill: $(DEV)        ## what is in it: build/bill.json, a bill of materials (CycloneDX) of all that is locked to run
	@mkdir -p build
	$(VENV)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --validate -o build/bill.json

audit: $(DEV)       ## known weaknesses of what is locked, by pip-audit; asks PyPI
	$(VENV)/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip

# A file of real trades, where there is one; else the benchmarks make theirs up.
DAY ?= $(wildcard ../shared/data/*-trades.csv.gz)

bench: $(DEV)       ## measure on this machine, and put the figures into docs/performance.md
	@mkdir -p build/bench
	@for each in ingest history push replay browser; do \
		TICKDECK_BENCH_DAY=$(DAY) $(VENV)/bin/tickdeck bench $$each --json > build/bench/new && mv build/bench/new build/bench/$$each.json || exit 1; done
	$(VENV)/bin/python -m bench.publish build/bench

schema: $(DEV)      ## write db/upkeep/schema.json anew, after a change of the migrations
	$(VENV)/bin/python -m scripts.schema

reliability: $(DEV) ## write the table of faults in docs/reliability.md anew, after a change of what tests prove
	$(VENV)/bin/python -m tests.reliability

# Only the newest state of the registry goes into the locks; needs uv.
lock:               ## lock the newest dependencies again
	uv pip compile pyproject.toml --group build $(UV_LOCK) -o requirements.lock
	uv pip compile pyproject.toml --group dev --extra testing --extra ccxt -c requirements.lock $(UV_LOCK) -o requirements-dev.lock
UV_LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade

$(RUN): requirements.lock pyproject.toml
	@scripts/setup requirements.lock
	@touch $@

# requirements-dev.lock holds all of requirements.lock, at the same versions.
$(DEV): requirements-dev.lock requirements.lock pyproject.toml
	@scripts/setup requirements-dev.lock
	@touch $(RUN) $@
