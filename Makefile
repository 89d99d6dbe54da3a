.DEFAULT_GOAL := help
VENV := .venv
MOLECULE := .venv-molecule
.PHONY: help demo test thorough podman outcomes bench author dist docs pictures lint types setup clean

help: ## List what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: setup ## Run the eight scenarios and show what every background job did
	$(VENV)/bin/pytest tests/scenarios --verbose

test: setup ## Run the tests
	$(VENV)/bin/pytest -n 3 --dist worksteal -m "not thorough"

thorough: setup ## Run the tests, and those that show the same in another form
	$(VENV)/bin/pytest -n 3 --dist worksteal

podman: ONLY ?= tests/scenarios tests/runs tests/catalogue $(addprefix tests/plugin/test_,keep.py endings.py command.py ahead.py every_outcome.py interrupts.py)
podman: setup ## Run the tests of playbooks, and of what is kept and left behind, on Podman
	$(VENV)/bin/python tools/podman.py -n 3 --dist worksteal $(ONLY)

outcomes: setup ## Try every way a job can end in every scenario (15 minutes), and write docs/outcomes.md
	$(VENV)/bin/python tools/outcomes.py $(ONLY)

bench: setup $(MOLECULE)/.installed ## Compare with molecule and a script by hand, and write docs/benchmarks.md
	$(VENV)/bin/pip install --quiet --editable '.[bench]'
	$(VENV)/bin/python tools/bench/bench.py $(ONLY)

author: setup ## Try docs/ci.md in a repository of its own, with the wheel (needs Python 3.12)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check build tox
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/python tools/author.py

dist: $(VENV)/.installed ## Build the sdist and the wheel in dist/, and check both
	$(VENV)/bin/python tools/dist.py

docs: $(VENV)/.docs ## Make the site of the documentation in site/
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

pictures: setup $(VENV)/.docs ## Draw the terminal and the report anew, and write docs/pictures
	$(VENV)/bin/python tools/pictures/terminal.py
	$(VENV)/bin/python tools/pictures/report.py

$(VENV)/.docs: $(VENV)/.installed
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

# In an environment of its own: it brings the whole ansible distribution.
$(MOLECULE)/.installed: tools/bench/molecule.txt
	$(VENV)/bin/python -m venv $(MOLECULE)
	$(MOLECULE)/bin/pip install --quiet --requirement $<
	@touch $@

lint: $(VENV)/.installed ## Check style and spelling
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/codespell

types: $(VENV)/.installed ## Check types
	$(VENV)/bin/mypy

setup: $(VENV)/.installed ## Install what is missing: .venv, a container engine, the images
	@$(VENV)/bin/python tools/images.py

# Anew where the interpreter that it was made with has gone.
ifneq ($(shell $(VENV)/bin/python -c 'print(1)' 2>/dev/null),1)
.PHONY: $(VENV)/.installed
endif

$(VENV)/.installed: pyproject.toml tools/setup.sh
	@sh tools/setup.sh $(VENV)
	@touch $@

clean: ## Remove what dead runs left, and .venv
	-$(VENV)/bin/bgasync clean
	rm -rf $(VENV) $(MOLECULE)
