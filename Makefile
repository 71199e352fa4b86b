# What a developer, and .ci/run, types. Needs Python 3.11 or newer with its venv module, Node 20.19 or
# newer with npm for the page, and nothing else: no compiler, no database, no root.
#
#   make setup                the virtual environment, from hashed requirements
#   make demo                 an invented session, served on http://127.0.0.1:8081
#   make check                format, lint, types, import contracts, docstrings, unit tests, the page
#   make test                 everything, database and the real program included, with coverage
#   make bench [ONLY=name]    measure against named peers
#   make soak [SEED=n]        the long tests
#   make web                  build the page, if it has changed
#   make lock                 write requirements/*.txt again (needs uv)

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
ONLY ?=
SEED ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.installed-bench
# Peers whose pins exclude each other and ours, each in an environment of its own.
PEERS := fast-vollib iv-engine kite quantlib vollib
PEER_STAMPS := $(PEERS:%=$(VENV)/bench/%/.installed)
# The broker's own client is a peer of tests too.
KITE_CLIENT := $(VENV)/bench/kite/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes --only-binary :all:
PYTEST := $(BIN)/python -m pytest

# Coverage cannot see inside a compiled kernel: these run a second time with the compiler off.
KERNEL_TESTS := $(wildcard tests/unit/engine tests/unit/analytics tests/unit/desk/test_m2m*.py tests/unit/feeds/kite/test_wire*.py)

.PHONY: setup warm demo check test bench soak web lock clean
.DELETE_ON_ERROR:

setup: $(STAMP) warm

$(STAMP): requirements/test.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements/test.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Compiled kernels are kept beside their source; compiling them under coverage takes a minute.
warm: $(STAMP)
	@$(BIN)/python -m strikewire.engine.warm
	@$(BIN)/python -m strikewire.desk.m2m.warm
	@$(BIN)/python -m strikewire.feeds.kite.warm

$(BENCH_STAMP): $(STAMP) requirements/bench.txt
	$(INSTALL) -r requirements/bench.txt
	@touch $@

# Two of vollib's packages come as sources only; they are pure Python.
$(PEER_STAMPS): $(VENV)/bench/%/.installed: requirements/bench-%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes -r $<
	@touch $@

demo: $(STAMP) warm web
	$(BIN)/strikewire demo

# `make -k check` goes through all of them, whatever fails.
CHECKS := check-format check-lint check-types check-imports check-docstrings check-audit check-units check-web
.PHONY: $(CHECKS)
$(CHECKS): $(STAMP)

check: $(CHECKS)

check-format:
	$(BIN)/ruff format --check .
check-lint:
	$(BIN)/ruff check .
check-types:
	$(BIN)/mypy
check-imports:
	$(BIN)/lint-imports
check-docstrings:
	$(BIN)/python -m tools.check_docstrings src
# Skipped, in so many words, where no vulnerability service can be reached.
check-audit:
	$(BIN)/python -m tools.audit_dependencies
check-units: warm web
	$(PYTEST) tests/unit -n $(WORKERS)
check-web: web
	cd web && npm run --silent check && npm run --silent lint && npm run --silent test

test: $(STAMP) $(KITE_CLIENT) warm web
	$(BIN)/coverage erase
	NUMBA_DISABLE_JIT=1 HYPOTHESIS_PROFILE=nojit $(BIN)/coverage run -m pytest $(KERNEL_TESTS) -n $(WORKERS)
	$(BIN)/coverage run -m pytest -n $(WORKERS) --durations 10
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(BENCH_STAMP) $(if $(filter options,$(or $(ONLY),options)),$(PEER_STAMPS)) \
		$(if $(filter scenario,$(ONLY)),$(VENV)/bench/quantlib/.installed) \
		$(if $(filter decode,$(ONLY)),$(KITE_CLIENT))
	$(BIN)/python -m benchmarks $(ONLY)

soak: $(STAMP) $(KITE_CLIENT) warm
	HYPOTHESIS_PROFILE=soak $(PYTEST) -m soak $(if $(SEED),--seed $(SEED)) -s

# Says nothing when web/ is as it was at the last build.
web:
	@$(PYTHON) tools/build_page.py

# Wheels only, for every platform and Python from 3.11 on; no index, no path, no host is written.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --only-binary :all: \
	--custom-compile-command "make lock"

lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 1; }
	$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(LOCK) pyproject.toml --group test --constraint requirements/runtime.txt --output-file requirements/test.txt
	$(LOCK) pyproject.toml --group bench --constraint requirements/runtime.txt --output-file requirements/bench.txt
	for peer in $(PEERS); do \
		$(filter-out --only-binary :all:,$(LOCK)) --group bench-$$peer --output-file requirements/bench-$$peer.txt || exit 1; \
	done

clean:
	rm -rf build dist src/strikewire/api/page htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
