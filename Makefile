PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

# Compiled once for all the processes that tests start, also where the environment asks Python not to keep it.
export PYTHONDONTWRITEBYTECODE :=

# Tests also wait, for processes, sockets and time-outs that are meant: one more than there are cores.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(8, 1 + (os.cpu_count() or 1)))')

.PHONY: setup demo test attack audit pins lint bench bench-full bench-feeding bench-dashboard screenshots docs clean

setup: $(STAMP)  ## .venv with the gapless command in it

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Gapless needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

demo: setup  ## the hub and a real worker beside it, on this checkout; STORE=sqlite:///demo.db keeps it
	$(BIN)/gapless demo $(if $(STORE),--store $(STORE))

# What runs other tests' lines over and over, in processes and browsers or by the thousand: being counted there costs
# two or three times the time and adds half a percent. So what is counted is less than what is run.
UNCOUNTED := tests/faults tests/browser tests/simulation tests/properties tests/dashboard tests/support \
	tests/demo/test_this_checkout.py $(wildcard tests/test_*.py)
ALONE := tests/conformance tests/variants tests/attacks
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder --timeout 600

test: setup  ## the whole suite, its files spread over the cores, and how much of the source most of it takes
	$(BIN)/python -m pytest $(SPREAD) --cov --cov-report=term:skip-covered $(addprefix --ignore=,$(UNCOUNTED) $(ALONE))
	$(BIN)/python -m pytest $(SPREAD) $(UNCOUNTED)
	$(BIN)/python -m pytest --timeout 600 $(ALONE)  # other people's programs, with the machine to themselves

attack: setup  ## healthy readers beside every kind of attack, 20 s each, as a table; KINDS=pings,frozen
	$(BIN)/python -m tests.attacks $(if $(KINDS),--kinds $(KINDS))

audit:  ## do the pins, or the oldest versions that may be, have known holes? says so when nobody can be asked
	test -x .audit/bin/python || $(PYTHON) -m venv .audit
	.audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	.audit/bin/python tools/audit.py

pins:  ## the hashes of every file of what requirements/ pins, after a version there was changed
	test -x .audit/bin/uv || { $(PYTHON) -m venv .audit && .audit/bin/pip install --quiet --require-hashes -r requirements/audit.txt; }
	for name in dev audit; do \
		sed '/--hash=/d; s/ \\$$//' requirements/$$name.txt \
		| .audit/bin/uv pip compile --quiet --no-deps --generate-hashes --no-annotate --no-header \
			--no-emit-index-url - > .audit/$$name.txt && mv .audit/$$name.txt requirements/$$name.txt || exit 1; done

lint: setup  ## format, lint and strict types over source, tests and benchmarks
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy --strict src tests bench

bench: setup  ## the hub, the naive class and the bare loop in at most six minutes; then its stores
	$(BIN)/python -m bench
	$(BIN)/python -m bench.store --short
	command -v redis-server >/dev/null && $(BIN)/python -m bench.redis_store --seconds 1 || true

bench-full: setup  ## the whole matrix and all peers
	$(BIN)/python -m bench --full

bench-feeding: setup  ## a million lines through pipe and follow, and what a call of the log handler costs
	$(BIN)/python -m bench.feeding

bench-dashboard: setup  ## what the page costs in a real Chromium: frames, tasks, memory, finding
	$(BIN)/python -m bench.dashboard

screenshots: setup  ## the pictures of the dashboard in the documentation
	$(BIN)/python tools/screenshots.py

docs: setup  ## the documentation, as HTML in site/
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) .audit site .pytest_cache .mypy_cache .ruff_cache .hypothesis
