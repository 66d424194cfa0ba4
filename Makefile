PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROMPT_FLOWER := The flower has petals that are bright pinkish purple with white stigma
PROMPT_BIRD := This small bird has a pink breast and crown, and black primaries and secondaries

.PHONY: run test lint format notebook clean

run: $(VENV)/.runtime
	@mkdir -p pictures
	$(BIN)/captiongan generate "$(PROMPT_FLOWER)" -n 16 --seed 7 --grid -o pictures/flower.png
	$(BIN)/captiongan generate "$(PROMPT_BIRD)" -n 16 --seed 7 --grid --bundle birds -o pictures/bird.png

test: lint
	$(BIN)/pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebook: $(VENV)/.dev
	$(BIN)/python examples/execute.py examples/lecture.ipynb

clean:
	rm -rf $(VENV) pictures build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[serve]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,hdf5,hf,serve,notebook,dev]'
	@touch $@
