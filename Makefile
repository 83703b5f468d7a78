# Everything a newcomer types. Each target sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-slow lint bench clean

.venv/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed; run make PYTHON=python3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test,plots]"
	touch $@

demo: .venv/installed
	$(BIN)/openmm-cgvae demo --output demo_output

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest

test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow

# A table of timings, and bench.json; about a quarter of an hour, OPTIONS=--quick less.
bench: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.bench $(OPTIONS)

clean:
	rm -rf .venv demo_output build *.egg-info
