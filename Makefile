# Every target works in a fresh clone: it makes ready what it needs, and nothing twice.
# `make help` lists them.

PYTHON ?=
UV ?= uv
ARGS ?=
BREAK ?=
TABLE ?=
QUICK ?=
COMPARE ?=
PYTEST_ARGS ?=
# PBX tests wait more than they compute. With more processes on two cores, those that measure time begin to fail.
WORKERS ?= 3
export PYTHON BREAK TABLE

BIN := .venv/bin
LOCK_FROM := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
             --no-emit-index-url --no-header --no-annotate
LOCK := $(LOCK_FROM) pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help setup demo run test bench chaos check lint type imports format scripts-lint lock wheel images clean distclean

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo
	@echo "  make demo BREAK=agency-audio   ends non-zero and says what broke"
	@echo "  make run TABLE=FILE            takes another routing table; ARGS='…' passes options on"
	@echo "  make test PYTEST_ARGS='-k …'   runs some of the tests"
	@echo "  make bench QUICK=1             takes under five minutes; ARGS='--only lag,publish' some of it"
	@echo "  make bench COMPARE=FILE        says what is worse than in that bench.json of another run"

demo:  ## Calls from start to end on a real Asterisk, with a table of their times
	@scripts/setup.sh demo
	@scripts/with-pbx.sh demo $(BIN)/python -m demo $(ARGS)

run:  ## Leave PBX and service up, to ring 112 with a softphone
	@scripts/setup.sh demo
	@scripts/with-pbx.sh demo $(BIN)/callrouter up $(if $(TABLE),--table '$(TABLE)') $(ARGS)

setup:  ## All that the tests need, without running them
	@scripts/setup.sh test

# Types and imports are looked at beside the tests, which leave room for it. What they say is shown at the end.
test: setup  ## All checks and all tests
	@mkdir -p build; checks=0; $(MAKE) --no-print-directory lint || checks=1; \
	$(MAKE) --no-print-directory --keep-going type imports >build/check.log 2>&1 & beside=$$!; \
	scripts/with-pbx.sh test $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS); tests=$$?; \
	wait $$beside || checks=1; cat build/check.log; \
	[ $$checks -eq 0 ] || echo "make check failed: see above."; \
	exit $$((checks || tests))

bench: setup  ## What the router adds to a call, beside what could replace it, into docs/bench.md; QUICK=1, COMPARE=FILE
	@scripts/with-pbx.sh test $(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(COMPARE),--compare '$(COMPARE)') $(ARGS)

chaos: setup  ## Faults in every stage of a call, into docs/resilience.md; ARGS='--quick', '--only kill,busy', '--monkey 10'
	@scripts/with-pbx.sh test $(BIN)/python -m chaos $(ARGS)

check: lint type imports  ## What needs no PBX: style, types, direction of imports

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

format: setup  ## Lay out the code and put imports in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

scripts-lint:  ## The shell scripts (needs shellcheck)
	shellcheck --external-sources scripts/*.sh .ci/run

lock:  ## Renew the locks from pyproject.toml (needs uv)
	$(LOCK) --upgrade --group dev --output-file requirements.lock
	$(LOCK) --group demo --constraint requirements.lock --output-file requirements-demo.lock
	$(LOCK) --constraint requirements.lock --output-file requirements-service.lock
	echo "hatchling" | $(LOCK_FROM) - --constraint requirements.lock --output-file requirements-build.lock

wheel: setup  ## Build the wheel into dist/
	$(BIN)/hatchling build --target wheel

images:  ## Build both images without a daemon and start the service in its own (needs buildah and podman)
	@scripts/build-images.sh

clean:  ## Remove what is made while running and building
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find callrouter demo bench chaos tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## Also the Python environment and the PBX
	rm -rf .venv .pbx .pbx.new
