# What a developer and CI do here. `make help` lists it.

PYTHON ?= python3
ARGS ?=

PY = .venv/bin/python
STAMP = .venv/.installed
TOOLS = .pm33/tools
RECENT = 'import sys; sys.exit(sys.version_info < (3, 11))'
COMPILE = .venv/bin/uv pip compile --quiet --universal --generate-hashes \
	--python-version 3.11 --no-emit-index-url --no-emit-find-links \
	--no-annotate --no-header

# The system's certificates, as pip uses them: a company's proxy may have its own.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= true
export UV_NATIVE_TLS ?= true
endif

.DEFAULT_GOAL := help
.PHONY: help setup run simulate-railway demo test test-full check lint types layers locks sizes bench bench-delivery \
	bench-migrations smoke-railway lock clean uv

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Make .venv from the locks

run: $(STAMP)  ## Start PostgreSQL and the service; PORT=8001 changes the port
	@exec $(PY) -m app.cli run

simulate-railway: $(STAMP)  ## Start a Railway on this machine, no account needed
	@exec $(PY) -m tests.support.railway $(ARGS)

demo: $(STAMP)  ## A good release, a bad one, and the way back; two minutes
	@exec $(PY) examples/demo/run.py

# Pytest keeps its rewritten asserts as bytecode, and rewrites all of them without.
test: $(STAMP)  ## Run the quick tests; ARGS="-k gate" is passed on
	@PYTHONDONTWRITEBYTECODE= exec $(PY) -m pytest -n auto -m "not full" $(ARGS)

# The pooler's cells fail, and say so, where it is missing and nobody may install it.
test-full: $(STAMP)  ## Run all tests; as root, PgBouncer is installed for them
	@command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] \
		|| [ "$$(id -u)" != 0 ] || apt-get install -qq -y pgbouncer >/dev/null || true
	@PYTHONDONTWRITEBYTECODE= exec $(PY) -m pytest -n auto $(ARGS)

check: lint types layers locks sizes  ## Run every gate but the tests

lint: $(STAMP)  ## Check style and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: $(STAMP)  ## Check types
	@$(PY) -m mypy

layers: $(STAMP)  ## Check that imports only go down
	@$(PY) -c 'from importlinter.cli import lint_imports_command as main; main()'

# Under their own pins: a release on PyPI does not make the gate fail.
locks: $(STAMP)  ## Check that the locks are what pyproject.toml compiles to
	@set -eu; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	cp requirements.txt requirements-dev.txt "$$fresh"; \
	$(COMPILE) pyproject.toml -o "$$fresh/requirements.txt" >/dev/null; \
	$(COMPILE) pyproject.toml --extra dev --extra embedded \
		-c "$$fresh/requirements.txt" -o "$$fresh/requirements-dev.txt" >/dev/null; \
	for lock in requirements.txt requirements-dev.txt; do \
		diff -u "$$lock" "$$fresh/$$lock" || { \
			echo "$$lock is not what pyproject.toml compiles to: make lock" >&2; \
			exit 1; \
		}; \
	done; \
	echo "locks: as pyproject.toml compiles"

sizes: $(STAMP)  ## Report long files and functions
	@$(PY) .ci/size-report.py

bench: $(STAMP)  ## Measure beside the peers, ten minutes; ARGS="--only startup"
	@exec $(PY) -m bench.health $(ARGS)

bench-delivery: $(STAMP)  ## Measure switches and ways back, ten minutes
	@exec $(PY) -m bench.delivery $(ARGS)

bench-migrations: $(STAMP)  ## Measure migrations under load, half an hour
	@exec $(PY) -m bench.migrations $(ARGS)

smoke-railway: $(STAMP)  ## Read a live service at Railway; ARGS="--changes NAME" tries one
	@exec $(PY) -m tests.live.smoke_railway $(ARGS)

lock: $(STAMP)  ## Compile the locks again; ARGS=--upgrade takes newer releases
	@$(COMPILE) $(ARGS) pyproject.toml -o requirements.txt >/dev/null
	@$(COMPILE) $(ARGS) pyproject.toml --extra dev --extra embedded \
		-c requirements.txt -o requirements-dev.txt >/dev/null

clean:  ## Remove what setup and the gates made; data in .pm33 stay
	@rm -rf .venv $(TOOLS) .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): pyproject.toml requirements.txt requirements-dev.txt
	@$(PYTHON) -c $(RECENT) 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is not one:" \
			"make setup PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	}
	@uv --version >/dev/null 2>&1 || [ -x $(TOOLS)/bin/uv ] || $(MAKE) -s uv
	@set -eu; PATH="$$PATH:$(TOOLS)/bin"; \
	$(PY) -c $(RECENT) 2>/dev/null || { \
		rm -rf .venv; \
		uv venv --quiet --no-python-downloads \
			--python "$$(command -v $(PYTHON))" .venv; \
	}; \
	echo "Installing into .venv"; \
	uv pip sync --quiet --python $(PY) --require-hashes requirements-dev.txt; \
	uv pip install --quiet --python $(PY) --no-deps --no-build-isolation -e .; \
	touch $@

# By the pin and the hashes of the lock. Debian's pip refuses to install anywhere but
# into a folder of its own or a virtual environment (PEP 668); without pip, a virtual
# environment brings one along.
uv:
	@set -eu; mkdir -p $(TOOLS); \
	sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt > $(TOOLS)/uv.txt; \
	python=$(PYTHON); \
	if ! $$python -m pip --version >/dev/null 2>&1; then \
		$$python -m venv $(TOOLS)/pip >/dev/null 2>&1 || { \
			rm -rf $(TOOLS)/pip; \
			echo "$(PYTHON) has neither pip nor venv:" \
				"apt-get install python3-venv" >&2; \
			exit 1; \
		}; \
		python=$(TOOLS)/pip/bin/python; \
	fi; \
	echo "Installing uv into $(TOOLS)"; \
	$$python -m pip install --quiet --disable-pip-version-check --no-deps \
		--root-user-action=ignore --require-hashes --upgrade \
		--target $(TOOLS) -r $(TOOLS)/uv.txt
