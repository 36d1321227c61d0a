# `make run` and `make test` are all a newcomer needs; both set up `.venv` first.
PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup run test lint format bench bench-peers services lock clean

# What the compiled modules are made of: a module with a .pxd or .pyx beside it is compiled (setup.py).
TYPED := $(shell find orion_gateway -name '*.pxd' -o -name '*.pyx')
COMPILED := $(VENV)/.compiled

setup: $(READY) $(COMPILED)

$(COMPILED): $(READY) setup.py $(TYPED) $(wildcard $(TYPED:.pxd=.py))
	$(BIN)/python setup.py --quiet build_ext --inplace
	@! find orion_gateway -name '*.so' | grep -q . || touch $(COMPILED)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) scripts/check_machine.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	ORION_PURE=1 $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

run: setup
	@$(BIN)/python scripts/run_all.py

test: setup
	@$(BIN)/python scripts/run_tests.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m benchmarks --output benchmarks/results

# Peers of the benchmarks that nothing else needs: HAProxy, Caddy, Envoy, Node's proxies.
bench-peers: setup
	PYTHON=$(BIN)/python benchmarks/install_peers.sh

services:
	scripts/install_services.sh

# Needs uv (pip install uv); only who changes dependencies runs it.
lock:
	$(UV) pip compile pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --custom-compile-command "make lock" --output-file requirements.lock --quiet

clean:
	rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	find orion_gateway -name '*.so' -delete
