# Needs python3 (3.11 or newer, with venv) and make; everything else is installed into .venv from requirements.lock.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := setup

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
# Debian programs that only the tests use, as real peers.
DEBIAN_PACKAGES := sip-tester baresip-core strace chromium
# Of Debian's prometheus, which would start a daemon where it is installed: unpacked, and this one program kept.
PROMTOOL := .tools/promtool
ARGS ?=
# Of live tests side by side: they wait for real clocks most of their time.
LANES ?= 4
LIVE = $(BIN)/python -m pytest tests/live -o cache_dir=.pytest_cache/live
SECONDS ?= 60
SEEDS ?= 1000

.PHONY: setup demo test check test-deps screenshots bench sim matrix crm-outage crm-outage-live fuzz lock clean

setup: $(STAMP)  ## what the other targets call first; leaves .venv/bin/keepline, and all of it compiled, also where Python may not do so itself
	@$(BIN)/python -m compileall -q src bench examples tests

$(STAMP): requirements.lock pyproject.toml src/keepline/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "keepline needs Python 3.11 or newer as '$(PYTHON)'; name another one with: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "'$(PYTHON) -m venv' failed; on Debian install python3-venv" >&2; exit 1; }
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## the retailer at peak traffic: a carrier dies and comes back, with a second carrier and without
	@$(BIN)/keepline demo $(ARGS)

test: setup  ## all of them: the live ones wait for real clocks, so a few go at once, and the rest in what they leave; those that fail so run once more alone; ARGS=… chooses some
ifeq ($(strip $(ARGS)),)
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	nice -n 10 $(BIN)/python -m pytest --ignore=tests/live >"$$log" 2>&1 & rest=$$!; \
	live=0; $(LIVE) --numprocesses=$(LANES) --dist=loadfile --no-loadscope-reorder || live=$$?; \
	status=0; wait "$$rest" || status=$$?; cat "$$log"; \
	if [ "$$live" = 1 ]; then echo "Live tests have failed beside others. Once more, those alone:"; \
	live=0; $(LIVE) --last-failed --last-failed-no-failures none || live=$$?; fi; \
	exit "$$((status ? status : live))"
else
	$(BIN)/python -m pytest $(ARGS)
endif

check: setup  ## everything a machine can check without running a call
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/unit/test_tidy*.py

test-deps:  ## the Debian programs that tests talk to, and promtool
	@if dpkg-query -W -f='$${db:Status-Status}\n' $(DEBIAN_PACKAGES) 2>/dev/null | grep -c '^installed$$' \
	    | grep -qx $(words $(DEBIAN_PACKAGES)); then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then root=; elif command -v sudo >/dev/null; then root=sudo; \
	else echo "make test-deps installs $(DEBIAN_PACKAGES) with apt-get, which needs root or sudo; neither is here" >&2; exit 1; fi; \
	command -v apt-get >/dev/null \
	  || { echo "make test-deps knows apt-get alone; install $(DEBIAN_PACKAGES) by hand" >&2; exit 1; }; \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 update; \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $(DEBIAN_PACKAGES)
	@test -x $(PROMTOOL) && exit 0; \
	command -v apt-get >/dev/null \
	  || { echo "make test-deps knows apt-get alone; put promtool (of Prometheus) to $(PROMTOOL) by hand" >&2; exit 1; }; \
	rm -rf .tools/unpacked; mkdir -p .tools/unpacked; cd .tools/unpacked; \
	fetch() { apt-get -qq -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 download prometheus; }; \
	fetch 2>/dev/null || { if [ "$$(id -u)" = 0 ]; then apt-get -qq update; else sudo apt-get -qq update; fi; fetch; } \
	  || { echo "apt-get knows no package prometheus, from which make test-deps takes promtool" >&2; exit 1; }; \
	dpkg-deb -x prometheus_*.deb .; mv usr/bin/promtool ..; cd ..; rm -rf unpacked

screenshots: setup  ## of every page while the demo's carrier is away, into docs/screens
	@mkdir -p docs/screens
	@KEEPLINE_SCREENS=$(CURDIR)/docs/screens $(BIN)/python -m pytest -q tests/live/test_proof.py

bench: setup
	$(BIN)/python -m bench $(ARGS)

sim: setup  ## random worlds in virtual time: SEEDS=1000 of them
	@$(BIN)/python -m tests.sim $(SEEDS) $(ARGS)

matrix: setup  ## the retailer's payment, appointment and lead, their process killed at every boundary: what came of it
	@$(BIN)/python -m tests.sim.matrix $(ARGS)

crm-outage: setup  ## four hours without the CRM, and the same without the outage, at 5 calls a second; ARGS="--rate 20" is all of them, in a quarter of an hour
	@$(BIN)/python -m tests.sim.crm_outage $(ARGS)

crm-outage-live: setup  ## the same shortened, with a real node and real calls: the CRM is silent for 90 s under 20 calls a second
	@$(BIN)/keepline demo --crm $(ARGS)

fuzz: setup  ## hostile bytes for SECONDS=60; what breaks a promise is kept in tests/fuzz/found and tested from then on
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) install --require-hashes --only-binary :all: -r requirements-fuzz.lock \
	  || echo "atheris has no wheel for this machine; going on without it" >&2
	@$(BIN)/python -m tests.fuzz $(SECONDS)

lock:  ## for maintainers, with uv: resolve pyproject.toml anew
	uv pip compile pyproject.toml --quiet --upgrade --all-extras --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --python-version 3.11 --output-file requirements.lock
	uv pip compile --group fuzz --quiet --upgrade --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --python-version 3.11 --output-file requirements-fuzz.lock
	@! grep -nE '://|^-' requirements.lock requirements-fuzz.lock

clean:
	rm -rf $(VENV) .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
