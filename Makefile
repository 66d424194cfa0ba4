PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROMPT_FLOWER := The flower has petals that are bright pinkish purple with white stigma
PROMPT_BIRD := This small bird has a pink breast and crown, and black primaries and secondaries

.PHONY: run test pytest lint format docs notebook browsers bench torture sbom clean

run: $(VENV)/.runtime
	@mkdir -p pictures
	$(BIN)/captiongan generate "$(PROMPT_FLOWER)" -n 16 --seed 7 --grid -o pictures/flower.png
	$(BIN)/captiongan generate "$(PROMPT_BIRD)" -n 16 --seed 7 --grid --bundle birds --best-of 4 -o pictures/bird.png

test:
	$(MAKE) --jobs=2 $(VENV)/.dev browsers
	$(MAKE) --jobs=2 lint pytest

# Many tests start Pythons of their own: what one has compiled is to be there for the next.
pytest: $(VENV)/.dev browsers
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n logical --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

browsers:
	@command -v chromium >/dev/null && command -v firefox-esr >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq chromium firefox-esr; } \
		|| { echo "the tests drive a real Chromium and Firefox; install them: sudo apt-get install chromium firefox-esr"; exit 1; }

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A broken link, or a name in the reference that is not there, fails it.
docs: $(VENV)/.docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet \
		--conf-dir docs/site --doctree-dir build/doctrees . site
	@echo site/docs/site/index.html

notebook: $(VENV)/.dev
	$(BIN)/python examples/execute.py examples/lecture.ipynb

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks performance
	$(BIN)/python -m benchmarks cost_curves

torture: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks torture

sbom: $(VENV)/.runtime
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0
	$(VENV)/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-file sbom.json $(BIN)/python

clean:
	rm -rf $(VENV) pictures site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[serve]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt \
		-e '.[train,serve,client,notebook,parquet,ray,hdf5,hf,dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@
