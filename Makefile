# Greenroom. `make help` explains itself.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export GREENROOM_HOME ?= .greenroom

.DEFAULT_GOAL := help
.PHONY: help setup demo up test lint bench clean chromium servers

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.ready: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Greenroom needs Python 3.11 ($(PYTHON) not found). Next: install it, or set PYTHON=/path/to/python3.11."; exit 3; }
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/greenroom models pull
	touch $@

setup: $(VENV)/.ready ## Make the virtual environment, install packages, fetch model weights

demo: setup ## Run the main job once and serve the console (Ctrl-C ends it)
	$(BIN)/greenroom demo

up: setup ## Serve the console and run workers
	$(BIN)/greenroom up

chromium:
	@command -v chromium >/dev/null || { echo "installing chromium for the browser tests"; apt-get update -qq && apt-get install -y -qq chromium; } || echo "chromium could not be installed: browser tests will fail and say so"

# PostgreSQL and Redis for the tests, which start them themselves on free ports. Debian must not start its own. Of
# Prometheus promtool alone (46 MB): the package (94 MB) brings 220 MB of scripts for its pages along.
servers:
	@{ command -v redis-server && ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || { echo "installing PostgreSQL and Redis for the tests"; apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql redis-server; } || echo "PostgreSQL or Redis could not be installed: the tests that need them will fail and say so"
	@command -v promtool >/dev/null || { echo "installing promtool for the tests of the alert rules"; folder=$$(mktemp -d) && chmod 755 $$folder && cd $$folder && apt-get update -qq && apt-get download -qq prometheus && dpkg --fsys-tarfile prometheus_*.deb | tar -x -C /usr/local/bin --strip-components=3 ./usr/bin/promtool && rm -r $$folder; } || echo "promtool could not be installed: the tests of the alert rules will fail and say so"

test: setup chromium servers lint ## Set everything up, check style, types and layers, and run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

bench: setup ## Run one benchmark (NAME=gates_end_to_end) or all, and write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks $(NAME)

clean: ## Remove the virtual environment and caches (never your data in GREENROOM_HOME)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
