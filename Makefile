# Two commands: `make demo` and `make test` set up what they need in .venv and run.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := VIRTUAL_ENV=$(VENV) $(BIN)/uv
COMPILE = $(UV) pip compile pyproject.toml --universal --python-version 3.11 \
          --generate-hashes --no-emit-index-url --no-header --quiet

# Tests start many processes: what these import is compiled once and kept with the environment, also
# where the shell keeps no bytecode. Every core has a process: more threads would wait for each other.
PYTEST  = PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(abspath $(VENV))/bytecode \
          OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

.PHONY: help demo serve report test test-slow test-all check format lock wheel clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(VENV)/.run ## ingest the shipped catalogue and run three queries
	$(BIN)/packsight demo --out demo-output

serve: $(VENV)/.test demo-output/gallery ## search the demo's gallery in a browser: http://127.0.0.1:8000
	$(BIN)/packsight serve --gallery demo-output/gallery

demo-output/gallery:
	$(BIN)/packsight demo --out demo-output

report: $(VENV)/.run ## evaluate every stage on the shipped pictures: report-output/report.html
	$(BIN)/packsight evaluate all --data packbench-tiny --ablate \
	  --out report-output --cache report-output/cache

test: $(VENV)/.test ## the default tests, on every core: under eight minutes on two
	$(PYTEST) --maxprocesses 8

# In order: by default, files of one test come last, and the longest are among them.
test-slow: $(VENV)/.dev ## the slow tests and those in a browser (installs torch and tensorflow)
	$(PYTEST) --maxprocesses 4 --no-loadscope-reorder -m "slow or browser"

test-all: test test-slow ## every test

check: $(VENV)/.test ## style, types and the doors between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.test ## put the code in the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.uv ## compile the requirement files anew
	$(COMPILE) -o requirements/run.txt
	$(COMPILE) --extra heic --extra openvino --extra postgres --extra serve --extra xlsx --group test -c requirements/run.txt -o requirements/test.txt
	$(COMPILE) --all-extras --group dev -c requirements/test.txt -o requirements/dev.txt

wheel: $(VENV)/.uv ## build the wheel into dist/
	$(UV) build --wheel --out-dir dist

clean: ## remove what was made, the environment too
	rm -rf $(VENV) dist demo-output report-output .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Each set contains the one before it; a stamp says that it is installed as locked.
$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Packsight needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	touch $@

define install
	$(UV) pip install --quiet --require-hashes -r $<
	$(UV) pip install --quiet --no-deps --editable .
	touch $@
endef

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/.uv
	$(install)

$(VENV)/.test: requirements/test.txt pyproject.toml | $(VENV)/.uv
	$(install)

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/.uv
	$(install)
