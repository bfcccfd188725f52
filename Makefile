PYTHON ?= $(shell scripts/python)
VENV := .venv
BIN := $(VENV)/bin
BUILT := setup.py pyproject.toml $(wildcard media/*.pyx media/*.pxd media/codecs/*.pxd media/mix/*.pxd) \
         media/codecs/g722.py $(patsubst %.pxd,%.py,$(wildcard media/mix/*.pxd))
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: help install serve test check format bench soak clean

help:
	@echo "make serve    install what is missing and run the server with the demo configuration on loopback"
	@echo "make test     install what the tests need and run every test, real phones included"
	@echo "make install  all but starting"
	@echo "make check    format, lint, types, layering"
	@echo "make soak     a million damaged messages into the SIP stack, calls in between"
	@echo "make bench    measure against peers on this machine, print ratios"

install: $(VENV)/.run

$(VENV)/.run: $(BUILT)
	@PYTHON=$(PYTHON) scripts/system-packages run
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@PYTHON=$(PYTHON) scripts/system-packages test
	$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.check: $(VENV)/.run
	$(PIP) --editable '.[test,check]'
	@touch $@

$(VENV)/.bench: $(VENV)/.run
	@PYTHON=$(PYTHON) scripts/system-packages bench
	$(PIP) --editable '.[bench]'
	@touch $@

serve: $(VENV)/.run
	@$(BIN)/cordboard serve --demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -m 'not e2e'
	$(BIN)/python -m pytest -m e2e

check: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/layering

format: $(VENV)/.check
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench
	$(BIN)/python -m bench

soak: $(VENV)/.test
	$(BIN)/python -m bench.soak_fuzz

clean:
	rm -rf $(VENV) build *.egg-info media/*.so media/*.c media/codecs/*.so media/codecs/*.c media/mix/*.so media/mix/*.c
