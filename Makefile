# Two commands do everything on a fresh machine (Debian: g++, make, python3, python3-dev, python3-venv):
#   make demo    builds, installs and runs the main job on built-in data
#   make test    builds, installs and runs every check
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
BIN = $(abspath $(VENV))/bin
SOURCES = $(shell find csrc pyalign -type f ! -name '*.so' ! -name '*.pyc') CMakeLists.txt setup.py pyproject.toml
CPP = $(shell find csrc tests -name '*.cpp' -o -name '*.h' -o -name '*.c')

.PHONY: demo test check lint develop bench clean

demo: $(VENV)/installed
	PATH="$(BIN):$$PATH" bash tools/demo.sh $(DEMO)

test: $(VENV)/installed-test lint check

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	$(BIN)/mypy
	$(BIN)/lint-imports

check: $(VENV)/installed-test
	PATH="$(BIN):$$PATH" $(BIN)/pytest -q tests docs README.md --pyargs pyalign

develop: $(VENV)/created
	$(BIN)/pip install --quiet -e '.[test,bench]'

bench: $(VENV)/created
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python -m benchmarks.compare

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/installed: $(VENV)/created $(SOURCES)
	$(BIN)/pip install --quiet .
	touch $@

$(VENV)/installed-test: $(VENV)/created $(SOURCES)
	$(BIN)/pip install --quiet '.[test]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist *.egg-info $(DEMO)
