# Every target makes and reuses .venv itself. Python 3.11 or later as `python3`, or: make PYTHON=python3.12 …
PYTHON ?= python3
PIP = .venv/bin/pip install --disable-pip-version-check --quiet --constraint constraints.txt
RUN = .venv/bin/python -m
# What tests write need not outlast the machine: where eatmydata is installed, nothing waits for the disk.
TESTS = $(shell command -v eatmydata 2>/dev/null) $(RUN) pytest --ignore tests/bench --numprocesses auto --dist worksteal

GATEWAY = tests/support/servers/ceph-gateway

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit pytest real-store soak check format docs reference bench demo-models clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 14

setup: .venv/installed  ## install BucketLens into .venv

demo: .venv/installed  ## draw 1,000 pictures, index them, open the search page
	.venv/bin/bucketlens demo $(ARGS)

test: .venv/installed-dev  ## everything that decides whether a change is good
	@$(MAKE) --no-print-directory --jobs=2 check pytest

unit: .venv/installed-dev  ## the fast tests alone: half a minute on two cores
	$(TESTS) tests/unit tests/test_architecture.py tests/test_house_rules.py $(ARGS)

pytest: .venv/installed-dev
	$(TESTS) -m "not soak and not bench" $(ARGS)

real-store: .venv/installed-dev  ## the contract of stores on a real one: Ceph's gateway, where it is installed
	folder=$$(mktemp -d) && trap "$(GATEWAY) stop $$folder; rm -rf $$folder" EXIT && \
		variables=$$($(GATEWAY) start $$folder) && eval "$$variables" && \
		$(RUN) pytest tests/contract/test_image_store.py tests/integration/ingest/pipeline/test_ingest_odd_stores.py \
		-k real $(ARGS)

soak: .venv/installed-dev  ## the acceptance runs that take long
	$(RUN) pytest -m soak $(ARGS)
	BUCKETLENS_TEST_EXAMPLES=20 $(RUN) pytest tests/contract

bench: .venv/installed-dev  ## measure; print tables, assert nothing
	$(RUN) pytest -m bench -s $(ARGS)

check: .venv/installed-dev  ## lint, types, layers
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	.venv/bin/lint-imports

format: .venv/installed-dev  ## put the sources into the house's format
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

docs: .venv/installed-dev  ## build the documentation into build/docs
	$(RUN) sphinx --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

reference: .venv/installed-dev  ## write what is made from the code: docs/reference, .env.example, compose.yaml
	$(RUN) infra.make_reference
	$(RUN) infra.make_configuration_reference

demo-models: .venv/installed-dev  ## train the demo models anew from the drawn scenes (hours on two cores)
	$(RUN) demo.train

clean:  ## remove what make made (the libraries stay)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info

# torch first and by its exact pin: a range, or another package's need of it, may bring gigabytes of GPU libraries.
.venv/torch: constraints.txt
	@echo "Installing into .venv (the first time takes a few minutes) …"
	$(PYTHON) -m venv .venv
	$(PIP) $$(grep '^torch==' constraints.txt)
	@touch $@

.venv/installed: .venv/torch pyproject.toml
	$(PIP) --editable .
	@touch $@

.venv/installed-dev: .venv/torch pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch .venv/installed $@
