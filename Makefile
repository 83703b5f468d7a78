# Everything a newcomer types. Each target sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-slow test-oldest examples look lint coverage docs wheel bench
.PHONY: clean

.venv/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed; run make PYTHON=python3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test,plots]"
	touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/pip install --quiet -c constraints.txt -e ".[docs]"
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

# Examples in full, and whether what they say of themselves is so; as users run them,
# without the checks of shapes that double the time of small networks.
examples: .venv/installed
	$(BIN)/python -m pytest -o addopts= -m examples tests/test_examples.py

# The same tests with the lowest versions that setup.cfg allows, in .venv-oldest; but
# OpenMM 8.5, since cg_force of the older ones needs openmm-torch, and the torch of
# constraints.txt, since the wheels of the lowest bring gigabytes of CUDA with them.
OLDEST_TORCH ?= $(shell grep '^torch==' constraints.txt)
OLDEST ?= "openmm>=8.5" $(OLDEST_TORCH)
# Old libraries are scolded by the new ones beneath them, which is no fault of ours.
OLD_WARNINGS ?= -W default::DeprecationWarning -W default::PendingDeprecationWarning
test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest $(OLD_WARNINGS)

.venv-oldest/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install --quiet $(OLDEST_TORCH) uv
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct -e ".[test,plots]" $(OLDEST)
	touch $@

# Pages of reports in a headless Chromium, which has to be installed.
look: .venv/installed
	$(BIN)/python -m pytest -m look tests/evaluation/html_report/test_html_report.py

coverage: .venv/installed
	$(BIN)/python -m pytest --cov --cov-branch --cov-report=term:skip-covered

# The site, in build/site; warnings are errors.
docs: .venv/installed-docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -b html docs build/site

# Wheel and sdist in dist/; a test installs the wheel elsewhere and runs the demo.
wheel: .venv/installed
	$(BIN)/python -m build --quiet --outdir dist
	$(BIN)/python -m pytest -m slow tests/test_wheel.py

# A table of timings, and bench.json; about twenty minutes, OPTIONS=--quick less.
bench: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.bench $(OPTIONS)

clean:
	rm -rf .venv .venv-oldest demo_output build dist docs/generated *.egg-info
