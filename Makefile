# make run     set everything up and start the server        (make run ARGS="--port 9000")
# make test    set everything up and run every check and test
# make bench   measure what the machine can do
# Works with GNU make 3.81, which macOS still ships.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.13 python3.12 python3 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ARGS ?=
BENCHMARKS := stage_cost offline_realtime_factor sessions_held startup

.PHONY: run test check setup setup-dev bench format clean

run: setup
	$(BIN)/likeness serve $(ARGS)

test: setup-dev check
	$(BIN)/python -m pytest $(ARGS)

check: setup-dev
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

format: setup-dev
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

bench: setup-dev
	@for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; done

setup: $(VENV)/.installed

# Scripts and the editable install hold this folder's path: one that was moved is set up anew.
ifneq ($(shell cat $(VENV)/.installed 2>/dev/null),$(CURDIR))
MOVED := moved
endif
.PHONY: moved
moved:

setup-dev: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m tests.server.coturn

$(VENV)/.installed: $(BIN)/python pyproject.toml $(MOVED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@echo '$(CURDIR)' > $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml $(MOVED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,train]'
	@echo '$(CURDIR)' > $(VENV)/.installed
	@touch $@

# Debian and Ubuntu leave ensurepip out of their Python: virtualenv, a system pip, or apt can make up for it.
$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python3"; exit 1; fi
	@echo "Setting up $(VENV) with $$($(PYTHON) --version). The first time takes a few minutes."
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -c 'import virtualenv' 2>/dev/null; then $(PYTHON) -m virtualenv --quiet $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --quiet --python $(BIN)/python install pip; \
	elif command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then \
		package="$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
		root="$$([ "$$(id -u)" = 0 ] || echo sudo)"; \
		echo "This Python has no ensurepip: installing $$package"; \
		$$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends $$package && \
		$(PYTHON) -m venv $(VENV); \
	else \
		echo "$(PYTHON) can make no virtual environment: it has no ensurepip, virtualenv or pip."; \
		echo "Install its venv package (Debian, Ubuntu: apt install python3-venv) and run make again."; exit 1; \
	fi || { rm -rf $(VENV); \
		echo "No virtual environment was made. Install its venv package (as root: apt install python3-venv) and run make again."; exit 1; }

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
