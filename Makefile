# Every command sets up what it needs first, and only once.
PYTHON ?= python3
BIN := .venv/bin
# The tools of the environment first: jlpm looks for node, and builds for jupyter-builder, on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup check test cluster test-cluster demo bench lab build format clean

help: ## what can be asked for
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

setup: ## everything for working on the project, into .venv and node_modules
	@$(PYTHON) scripts/setup.py develop

check: setup ## lint, format, types and layers; changes nothing
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	jlpm run check

# Files of tests run side by side, each process with a cluster of its own (1.3 GB); in their order, since
# no event loop can start in a process whose browser has.
WORKERS ?= 2
SIDE_BY_SIDE := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Of thousands of tests with real processes, browsers and clusters, a few may fail once; each is shown
# with its traceback, and `pytest` by hand runs nothing twice.
test: setup ## every test: Python, its docstrings, the browser, the lab extension; WORKERS=2
	jlpm run test
	pytest $(SIDE_BY_SIDE) --reruns 1 --max-suite-reruns 3 --rerun-show-tracebacks

cluster: setup ## keep a whole Kubernetes up on this machine, until Ctrl-C
	@python -m tests.cluster.testbed up

# Only a KUBECONFIG that is given here: one of the environment may be of a cluster in use. On that one the
# tests run one by one: what belongs to no namespace they share.
GIVEN := $(if $(findstring command,$(origin KUBECONFIG)),$(abspath $(KUBECONFIG)))
test-cluster: setup ## the tests of Kubernetes; KUBECONFIG=FILE runs them on another cluster
	CNAI_TEST_KUBECONFIG=$(GIVEN) pytest $(if $(GIVEN),,$(SIDE_BY_SIDE)) tests/cluster tests/contract

demo: ## train a classifier of digits on two workers
	@$(PYTHON) scripts/setup.py demo
	@echo "python examples/digits.py   (the first time it can take a minute until torch is loaded)"
	@python examples/digits.py

bench: setup ## measure ourselves and our peers, side by side
	python -m bench

lab: ## JupyterLab on the examples; ARGS=--allow-root and the like are handed on
	@$(PYTHON) scripts/setup.py lab
	@jupyter lab --ServerApp.root_dir=examples $(ARGS)

build: setup ## the wheel and the source archive, into dist/
	rm -rf dist
	jlpm build:prod
	python -m build --no-isolation

format: setup ## rewrite the files as `make check` wants them
	ruff check --fix .
	ruff format .
	jlpm run format

clean: ## remove what was built and set up
	rm -rf .venv .venv-uv node_modules build dist labextension/dist labextension/lib
	rm -rf labextension/*.tsbuildinfo .*_cache
