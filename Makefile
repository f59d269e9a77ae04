# Every target makes its own environment: `make demo` and `make test` need only Python 3.11+, make and pip.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types generate generated lock bench clean

help:            ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m gateway.native.library
	@touch $@

demo: $(READY)   ## run the main job on real flights; figures in demo-data/summary.json
	$(BIN)/gnomon demo --dir demo-data

test: $(READY)   ## run the test suite
	$(BIN)/python -m pytest

bench: $(READY)  ## measure beside the peers; bench-results/bench.json and bench.png
	$(BIN)/python -m bench

check: $(READY) lint types generated  ## lint, types, import directions, generated code

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)
	$(BIN)/mypy

generate: $(READY)  ## write the stubs under gnomon/ from proto/, and rules, dashboards and docs/metrics.md
	$(BIN)/python proto/generate.py
	$(BIN)/python -m deploy.generate

generated: $(READY)
	$(BIN)/python proto/generate.py --check
	$(BIN)/python -m deploy.generate --check

lock: $(READY)   ## resolve requirements-dev.txt anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --upgrade --extra demo --extra s3 --extra nats --extra query --extra yaml --group dev pyproject.toml -o requirements-dev.txt

clean:           ## remove the environment and what the demo wrote
	rm -rf $(VENV) demo-data
