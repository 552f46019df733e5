# Every target does its own set-up in .venv, needs nothing but python3 (3.11 or newer), pip and make, and may be run
# again and again: what is already there is not done twice.

PYTHON ?= python3
DATABASE ?=
DEMO := $(or $(DATABASE),demo.duckdb)
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL := -m pip install -qq --no-compile --disable-pip-version-check --no-input
PIP := $(BIN)/python $(INSTALL)
LOCKS := requirements/build.txt requirements/runtime.txt
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
COMPILE := $(LOCK) --python-version 3.11
EXTRAS := --extra demo --extra ducklake --extra notebooks --extra notify --extra postgres --extra report --extra xlsx

.DEFAULT_GOAL := help
.PHONY: help demo test test-all slow lowest check lint format types docs record focus-validate report notebooks notebooks-build picture \
	lock bench bench-publish bench-life bench-views anomalies mutants clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.runtime ## Load a simulated account into demo.duckdb and show it; needs no token
	$(BIN)/aig-billing load --demo --database $(DEMO)
	$(BIN)/python -m ai_gateway_billing_pipeline.commands.demo $(DEMO)

# On all cores, each file in one process. What needs another store has a step of its own in .ci/run, which installs one.
# Who wants no compiled files beside the code gets them in .venv: every process that a test starts would compile anew.
COMPILED := $(if $(PYTHONDONTWRITEBYTECODE),PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX="$(CURDIR)/$(VENV)/compiled")
TEST := $(COMPILED) $(BIN)/python -m pytest -n auto --dist loadfile

test: $(VENV)/.dev ## Run the quick tests on all cores; ARGS="-k windows -n 0" picks some, in one process
	$(TEST) -m "not slow and not thorough and not stores" $(ARGS)

test-all: $(VENV)/.dev ## Run the thorough tests as well, as .ci/run does: more cases of each kind, longer histories
	$(TEST) -m "not slow and not stores" $(ARGS)

slow: $(VENV)/.dev ## Run the slow tests: many kills, long histories, two simulated months, damaged files; takes an hour
	$(BIN)/python -m pytest -m slow -n 2 $(ARGS)

# Older packages may warn of what newer ones drop.
LOWEST := tests/alerts/test_addresses.py tests/exporting/test_sheets.py tests/exporting/test_writers.py \
	tests/report/test_page.py tests/test_metrics.py \
	tests/database/test_views.py::test_views_of_a_file_that_was_opened_again_are_left_alone

lowest: build/lowest/.tools ## Run a few tests with the lowest versions that pyproject.toml allows, in an environment of their own
	build/lowest/bin/python -m pytest -n 2 --dist loadfile -W ignore::DeprecationWarning -m "not slow and not thorough and not stores" \
		$(LOWEST) $(ARGS)

check: ## Run everything that must pass before a change is merged
	@bash .ci/run

lint: $(VENV)/.dev ## Check format, lint rules and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo --no-cache

format: $(VENV)/.dev ## Format the code and fix what can be fixed automatically
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/.dev ## Check the types
	$(BIN)/mypy

docs: $(VENV)/.dev ## Rebuild docs/TABLES.md and the answers in docs/QUERIES.md
	PYTHONPATH=tests $(BIN)/python -m support.write_docs

record: $(VENV)/.dev ## Record the cassettes again; see cassettes/README.md
	$(BIN)/python -m pytest --record-mode=rewrite -m vcr $(ARGS)

focus-validate: $(VENV)/.dev ## Validate an export of the demo with the official FOCUS validator; needs Python 3.12 (FOCUS_PYTHON=…)
	$(BIN)/python tests/support/focus_validate.py --environment $(VENV)/focus $(if $(FOCUS_PYTHON),--python $(FOCUS_PYTHON)) $(ARGS)

report: $(VENV)/.notebooks ## Build the report of the demo account, build/spend.html
	@mkdir -p build
	PYTHONPATH=tests $(BIN)/python -m support.demo_history build/demo.duckdb
	$(BIN)/aig-billing report --database build/demo.duckdb --output build/spend.html --force

notebooks: $(VENV)/.notebooks ## Open the notebooks in JupyterLab, on billing.duckdb (DATABASE=…)
	AIG_BILLING_DATABASE="$(abspath $(or $(DATABASE),billing.duckdb))" $(BIN)/jupyter lab --notebook-dir=notebooks

notebooks-build: $(VENV)/.notebooks ## Build the .ipynb files from their scripts, with outputs of the demo account
	$(BIN)/python notebooks/build.py

picture: report ## Build the README's picture of the report; needs chromium
	PYTHONPATH=tests $(BIN)/python -m support.browser build/spend.html docs/report.png

lock: $(VENV)/.dev ## Compile requirements/ from pyproject.toml; UPGRADE=1 upgrades
	$(COMPILE) --group pip -o requirements/pip.txt
	$(COMPILE) --group build -o requirements/build.txt
	$(COMPILE) pyproject.toml --extra notify -c requirements/build.txt -o requirements/runtime.txt
	$(COMPILE) --group bench -c requirements/runtime.txt -o requirements/bench.txt
	$(COMPILE) pyproject.toml --extra dev --extra demo --extra notify --extra postgres --extra ducklake --extra xlsx -c requirements/build.txt -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra postgres --extra ducklake -c requirements/dev.txt -o requirements/stores.txt
	$(COMPILE) pyproject.toml --extra notebooks --extra report -c requirements/dev.txt -o requirements/notebooks.txt
	$(COMPILE) pyproject.toml $(EXTRAS) --resolution lowest-direct -c requirements/build.txt -o requirements/lowest.txt
	$(COMPILE) --group mutants -c requirements/dev.txt -o requirements/mutants.txt
	$(COMPILE) --group dagster -o requirements/dagster.txt
	$(COMPILE) --group airflow -o requirements/airflow.txt
	$(LOCK) --python-version 3.12 --group focus -o requirements/focus.txt

bench: build/bench/.sdk ## Time whole loads against peers on this machine; takes minutes; ARGS="--cases a,d" picks some
	@build/bench/bin/python tests/benchmarks/bench.py $(ARGS)
	@test -n "$(ARGS)" || $(MAKE) --no-print-directory bench-publish bench-life

bench-publish: $(VENV)/.runtime ## Time publishing files of 10 MB and 1 GB beside cp; ARGS="--folder PLACE 10000" picks others
	@$(BIN)/python tests/benchmarks/publish.py $(ARGS)

bench-life: $(VENV)/.dev ## Live two simulated years of loads: what a load costs at both ends, and what grows
	@$(BIN)/python tests/benchmarks/life.py $(ARGS)

bench-views: $(VENV)/.runtime ## Time every view on ten years of ten accounts; ARGS="12 10 10": loads a day, accounts, years
	@$(BIN)/python tests/benchmarks/views.py $(ARGS)

anomalies: $(VENV)/.runtime ## Measure what spend.anomalies finds in 200 seeded histories
	@$(BIN)/python tests/benchmarks/anomalies.py $(ARGS)

mutants: $(VENV)/.dev build/mutants/.tool ## Run mutation tests: change the code and show what no test notices; ARGS="--sample 40 --only rows"
	@PYTHONPATH=tests $(BIN)/python -m support.mutants build/mutants/bin/cosmic-ray $(ARGS)

clean: ## Remove the virtual environment and build files; databases stay
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find sources pipelines tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment in four steps; each stamp is newer than what it was made from. The pip that comes with Python may be
# years old, so the first thing that it installs is the pinned one, which installs all the rest.

# Nothing in an environment works after a move, and in a copy of the folder its commands are those of the first one: a
# .venv that was not made here, or whose Python is gone, is made anew.
ifeq ($(shell $(BIN)/python -c '' 2>/dev/null && grep -F " $(CURDIR)/$(VENV)" $(VENV)/pyvenv.cfg),)
.PHONY: $(VENV)/.python
endif

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Setting up $(VENV) (once; takes a minute or two)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.pip: $(VENV)/.python requirements/pip.txt
	@$(PIP) --require-hashes -r requirements/pip.txt
	@touch $@

$(VENV)/.runtime: $(VENV)/.pip $(LOCKS) pyproject.toml
	@$(PIP) --require-hashes $(addprefix -r ,$(LOCKS))
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# What reads the published file in a test: the oldest DuckDB that is promised, newer ones, and Node's, where there is one.
READER := $(PIP) --no-deps --only-binary=:all: --target $(VENV)/readers
$(VENV)/.readers: $(VENV)/.pip Makefile
	@rm -rf $(VENV)/readers
	@$(READER)/oldest 'duckdb==1.1.0; python_version<"3.13"' 'duckdb==1.1.3; python_version>="3.13"'
	@$(READER)/newest-1 duckdb==1.5.6
	@$(READER)/newest duckdb==2.0.1
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix $(VENV)/readers/node @duckdb/node-api@1.5.6-r.1; fi
	@touch $@

# What the tests of other stores need before all else: the one DuckDB whose extensions can be had as packages.
LAKE := duckdb==1.5.5 duckdb-extension-ducklake==1.5.5 duckdb-extension-postgres-scanner==1.5.5 duckdb-extension-sqlite-scanner==1.5.5
$(VENV)/.lake: $(VENV)/.dev Makefile
	@rm -rf $(VENV)/lake
	@$(PIP) --no-deps --only-binary=:all: --target $(VENV)/lake $(LAKE)
	@touch $@

# The benchmark has an environment of its own, as users have it and compiled, and the peers' packages beside it.

build/bench/.runtime: requirements/pip.txt requirements/stores.txt $(LOCKS) pyproject.toml
	@$(PYTHON) -m venv --clear build/bench
	@build/bench/bin/python $(INSTALL) --require-hashes -r requirements/pip.txt
	@build/bench/bin/python $(INSTALL) --compile --require-hashes -r requirements/build.txt -r requirements/stores.txt
	@build/bench/bin/python $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

build/bench/.sdk: build/bench/.runtime requirements/bench.txt
	@build/bench/bin/python $(INSTALL) --compile --require-hashes --upgrade --target build/bench-sdk -r requirements/bench.txt
	@touch $@

$(VENV)/.notebooks: $(VENV)/.dev requirements/notebooks.txt
	@$(PIP) --require-hashes -r requirements/notebooks.txt
	@touch $@

# Every dependency and extra at its lower bound, and the pinned tools of tests, which move none of them.

TOOLS := hypothesis jsonschema pytest pytest-cov pytest-recording pytest-xdist time-machine
build/lowest/.tools: $(VENV)/.dev requirements/lowest.txt
	@$(PYTHON) -m venv --clear build/lowest
	@build/lowest/bin/python $(INSTALL) --require-hashes -r requirements/pip.txt
	@build/lowest/bin/python $(INSTALL) --require-hashes -r requirements/build.txt -r requirements/lowest.txt
	@$(BIN)/uv pip install --quiet --python build/lowest/bin/python -c requirements/dev.txt $(TOOLS)
	@build/lowest/bin/python $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# What runs the files of deploy/: an orchestrator apart, which finds aig-billing on its PATH.

build/%/.orchestrator: requirements/pip.txt requirements/%.txt
	@$(PYTHON) -m venv --clear build/$*
	@build/$*/bin/python $(INSTALL) --require-hashes -r requirements/pip.txt
	@build/$*/bin/python $(INSTALL) --require-hashes -r requirements/$*.txt
	@touch $@

build/mutants/.tool: requirements/pip.txt requirements/mutants.txt
	@$(PYTHON) -m venv --clear build/mutants
	@build/mutants/bin/python $(INSTALL) --require-hashes -r requirements/pip.txt
	@build/mutants/bin/python $(INSTALL) --require-hashes -r requirements/mutants.txt
	@touch $@
