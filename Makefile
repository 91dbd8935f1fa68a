# All commands of the project. `make` alone lists them.
# Needs GNU make, git and Python 3.11 or newer; everything else is installed into .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run setup unit test check fix coverage bench figures chaos cluster engines looks states pictures screenshots clean usable-port system-packages

PORT ?= 8000
# More arguments for pytest: make test ARGS="-k login". They also turn the parallel run off.
ARGS ?=
# no: `make test` installs no browser, no Redis, no nginx and no Node with the system's package manager.
SYSTEM_PACKAGES ?= yes
# Commands that may be the Python for .venv, best first.
PYTHON ?= python3.13 python3.12 python3.11 python3 python

VENV := .venv
PY := $(VENV)/bin/python
RUN_TIME := $(VENV)/run-time.stamp
TOOLS := $(VENV)/tools.stamp
NODE_PACKAGES := tests/action/node_modules/.package-lock.json
LOOKS_PACKAGES := tests/looks/node_modules/.package-lock.json
PIP := $(PY) -m pip install --no-input --disable-pip-version-check --progress-bar off
# One worker a processor. The modules come in the order of their names, so that the short ones of tests/unit are the
# last: no worker waits for another's long module at the end.
WORKERS := -n logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder
# One module or one test runs in one process, which starts sooner.
PARALLEL := $(if $(strip $(ARGS)),,$(WORKERS))

# Another project's modules must not shine through into .venv. Compiled modules are kept: otherwise each process
# that a test starts compiles the store again.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: usable-port $(RUN_TIME) ## Start the store on PORT (default 8000), with a local Auth0 and Stripe on the two ports after it
	@exec $(PY) -m webstore.sandbox --port $$((PORT + 1)) --store-port "$$PORT" \
	    -- $(PY) -m gunicorn --log-level warning -c gunicorn.conf.py wsgi:app

cluster: usable-port $(RUN_TIME) ## Start two stores behind nginx on PORT with one Redis, and a local Auth0 and Stripe
	@exec $(PY) -m webstore.sandbox --port $$((PORT + 1)) --store-port "$$PORT" \
	    -- $(PY) -m tests.cluster --port "$$PORT"

setup: $(RUN_TIME) ## Make .venv with the packages that the store needs; tests and checks add their tools when they run
	@echo "$(VENV) is ready."

unit: $(TOOLS) ## Run the tests without sockets, browser and sandbox: seconds (ARGS="-k cart" to choose some)
	QUICK=yes \
	    $(PY) -m pytest -q -p no:anyio $(PARALLEL:loadscope=worksteal) $(if $(filter tests/%,$(ARGS)),,tests/unit) $(ARGS)

test: $(TOOLS) $(NODE_PACKAGES) ## Run all tests, in a browser too (ARGS="-k login" to choose some)
	$(PY) -m pytest -q $(PARALLEL) $(ARGS)

check: $(TOOLS) ## Lint, types, import contracts, templates
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) $(VENV)/bin/lint-imports
	$(PY) -m djlint --quiet --lint templates webstore/reconcile/templates webstore/sandbox/templates

fix: $(TOOLS) ## Format the code and fix simple lint
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

coverage: $(TOOLS) $(NODE_PACKAGES) ## Run all tests and report the branch coverage of the store
	$(PY) -m pytest -q $(WORKERS) --cov --cov-report=term:skip-covered $(ARGS)

bench: $(TOOLS) ## Run the benchmarks; bench-results/ has the ratios
	$(PY) -m pytest -q $(if $(filter tests/%,$(ARGS)),,tests/benchmarks) $(ARGS)

figures: $(TOOLS) ## Copy the ratios of the last benchmarks into the documentation
	$(PY) -m tests.benchmarks.ratios.publish

engines: WANTS_ENGINES := yes
engines: $(TOOLS) system-packages ## Buy in Firefox and in WebKit, and by keyboard alone in Firefox
	$(PY) -m pytest -q tests/engines $(ARGS)

chaos: $(TOOLS) $(NODE_PACKAGES) ## Run the tests that break things at random
	$(PY) -m pytest -q $(if $(filter tests/%,$(ARGS)),,tests/chaos) $(ARGS)

looks: $(TOOLS) ## Compare layout and colours of fourteen pages with the baselines (ARGS=--write to write them again)
	$(PY) -m pytest -q tests/looks/test_looks.py $(ARGS)

states: $(TOOLS) $(LOOKS_PACKAGES) ## Check every state of every page with axe and html-validate: ten minutes
	$(PY) -m pytest -q tests/looks/test_states.py $(ARGS)

pictures: $(TOOLS) ## Record the commands of the documentation again, as pictures
	PYTHONPATH=. $(PY) docs/images/record.py >/dev/null

screenshots: $(TOOLS) ## Take the screenshots of the documentation again, from a running store
	PYTHONPATH=. $(PY) docs/images/screenshots.py

clean: ## Remove .venv and what the tools left behind
	rm -rf $(VENV) tests/action/node_modules tests/looks/node_modules .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis bench-results test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

run cluster usable-port: export PORT := $(PORT)

# PORT in decimal digits, with room for the two ports after it.
usable-port:
	@case "$$PORT" in \
	    '' | *[!0-9]* | 0* | ??????*) usable=no ;; \
	    *) [ "$$PORT" -le 65533 ] && usable=yes || usable=no ;; \
	esac; \
	if [ $$usable = no ]; then \
	    echo "PORT must be a number from 1 to 65533, but is '$$PORT'. Try: make run PORT=9000" >&2; \
	    exit 1; \
	fi

# A stamp says that its requirements are installed. It is touched last and removed first: after an interruption
# there is none, and .venv is made again.
$(RUN_TIME): requirements.txt $(PY)
	@$(make_venv)
	@rm -f $@
	@echo "Installing the store's packages into $(VENV); the first time, this takes about a minute."
	@$(call install,requirements.txt)
	@touch $@

$(TOOLS): requirements-dev.txt $(RUN_TIME)
	@echo "Installing the tools for tests and checks into $(VENV); this takes about a minute, too."
	@$(call install,requirements-dev.txt)
	@touch $@

# When .venv's Python is missing or a dead link, the recipe of the stamp makes it.
$(PY): ;

install_failed = echo "The packages could not be installed; pip's reason is above. (Without a network, pip finds no version.)" >&2; exit 1

# Every three seconds at most, a line says how far pip has come, by what it writes and by what is in .venv.
define install
total=$$(grep -c '^[A-Za-z][^;]*$$' $(1)); \
present() { ls -d $(VENV)/lib/python3*/site-packages/*.dist-info 2>/dev/null | wc -l; }; \
before=$$(present); \
(last=; \
while sleep 3 >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do \
    fetched=$$(grep -cE '^(Collecting|Processing) .*\(from -r ' $(VENV)/pip.log 2>/dev/null); \
    installed=$$(($$(present) - before)); \
    if [ $$installed = 0 ]; then now="$${fetched:-0} of $$total packages fetched"; \
    else now="$$installed of $$total packages installed"; fi; \
    [ "$$now" = "$$last" ] || echo "  $$now"; \
    last=$$now; \
done) & \
watcher=$$!; \
trap 'kill $$watcher 2>/dev/null' EXIT; \
trap 'exit 130' INT TERM; \
$(PIP) -r $(1) >$(VENV)/pip.log 2>$(VENV)/pip.errors || { cat $(VENV)/pip.errors >&2; $(install_failed); }
endef

define make_venv
if [ -L $(VENV) ]; then \
    echo "$(VENV) is a link, and it would be cleared with everything it leads to. Remove the link first." >&2; \
    exit 1; \
fi; \
if [ -e $(RUN_TIME) ] && $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
    exit 0; \
fi; \
old_or_missing=yes; \
for python in $(PYTHON); do \
    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
    old_or_missing=no; \
    "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || continue; \
    echo "Making $(VENV) with $$("$$python" --version)."; \
    exec "$$python" -m venv --clear $(VENV); \
done; \
if [ $$old_or_missing = yes ]; then \
    echo "Python 3.11 or newer is needed, and none of these is it: $(PYTHON)." >&2; \
    echo "Install one, or name it: make run PYTHON=/path/to/python3" >&2; \
else \
    echo "Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
fi; \
exit 1
endef

# The browser tests need Chromium, the tests of the Redis state need redis-server, those of a proxy need nginx,
# those of the Auth0 Action need Node with npm. Without them these tests are skipped, and fail if CI is set.
system-packages:
	@has() { command -v "$$1" >/dev/null 2>&1; }; \
	missing=; \
	has chromium || has chromium-browser || has google-chrome || missing="fonts-liberation chromium"; \
	has redis-server || missing="$$missing redis-server"; \
	has node || missing="$$missing nodejs"; \
	has npm || missing="$$missing npm"; \
	if [ "$(WANTS_ENGINES)" = yes ]; then \
	    has firefox-esr || has firefox || missing="$$missing firefox-esr"; \
	    has WebKitWebDriver || missing="$$missing webkit2gtk-driver"; \
	    has Xvfb || missing="$$missing xvfb"; \
	fi; \
	has nginx || [ -x /usr/sbin/nginx ] || missing="$$missing nginx-light"; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$(SYSTEM_PACKAGES)" = no ]; then \
	    echo "Without$$(printf ' %s' $$missing): the tests that need them are skipped (SYSTEM_PACKAGES=no)."; \
	    exit 0; \
	fi; \
	has apt-get || exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif sudo -n true 2>/dev/null; then as_root="sudo -n"; \
	else exit 0; fi; \
	echo "The browser tests need Chromium, the tests of the shared state Redis, those of a proxy nginx, those of"; \
	echo "the Auth0 Action Node."; \
	echo "Installing with apt-get:" $$missing; \
	echo "(make test SYSTEM_PACKAGES=no skips this and these tests; make unit needs none of them.)"; \
	$$as_root apt-get update -qq; \
	for package in $$missing; do \
	    $$as_root env DEBIAN_FRONTEND=noninteractive \
	        apt-get install -y -qq --no-install-recommends $$package >/dev/null \
	        || echo "Going on without $$package."; \
	done

# Stripe's SDK for the tests of the Auth0 Action, axe and html-validate for the pages; npm writes this file last.
$(NODE_PACKAGES) $(LOOKS_PACKAGES): %/node_modules/.package-lock.json: %/package-lock.json | system-packages
	@command -v npm >/dev/null 2>&1 || exit 0; \
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && touch $@ \
	    || echo "Going on without npm's packages; npm's reason is above."
