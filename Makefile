# The newcomer's commands. Everything is installed into .venv; nothing else on the machine is touched.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
PIP    := $(RUN) -m pip --disable-pip-version-check

DATA   ?= _own
export DATA

.DEFAULT_GOAL := help
.PHONY: help site preview test types tests bench train clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

site: $(VENV)/installed $(VENV)/quarto-tried ## set everything up and render the book (web pages and PDF) into _book/
	$(RUN) -m modaddlab.report render

preview: $(VENV)/installed $(VENV)/quarto-tried ## serve the book and render again what you edit
	$(RUN) -m modaddlab.report preview

test: $(VENV)/installed ## run the linters and the tests
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(MAKE) --no-print-directory -j2 types tests

types:
	$(RUN) -m pyright --pythonpath $(RUN)

# Python's compiled files are kept even where they are switched off: dozens of processes would compile the package again.
tests:
	PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/installed ## time (in five minutes) a training step, replicas in a batch and a sweep on two workers, each beside the plain way
	$(RUN) -m benchmarks.steps
	$(RUN) -m benchmarks.replicas
	$(RUN) -m benchmarks.sweeps

train: $(VENV)/installed ## train a small network (p = 17) in seconds; see also: python -m modaddlab.train --list
	$(RUN) -m modaddlab.train debug --data "$$DATA"

clean: ## remove the built site and the caches (no records, neither data/ nor _own/, and not .venv)
	@test ! -x $(RUN) || $(RUN) -m modaddlab.report clean
	rm -rf .cache .quarto .jupyter_cache chapters/.jupyter_cache chapters/*/.jupyter_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is $$($(PYTHON) --version); Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable '.[book,dev]'
	@touch $@

# Quarto from the system is preferred; its Python package is tried once, because it downloads Quarto from the network.
$(VENV)/quarto-tried: | $(VENV)/installed
	@command -v quarto >/dev/null || $(PIP) install --quiet --constraint constraints.txt 'quarto-cli' >$(VENV)/quarto.log 2>&1 \
		|| echo "quarto-cli could not be installed (see $(VENV)/quarto.log); the built-in renderer makes the same book"
	@touch $@
