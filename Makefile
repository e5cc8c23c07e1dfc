# Two commands matter: `make demo` and `make test`. Both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOMS := segmentation experiments serve
SBOM ?= var/sbom.json
# Of the lock: the line of uv and those of its hashes.
UV_PIN = sed -n '/^uv==/,/[^\\]$$/p' requirements.lock

# Compiled bytecode makes every later start seconds faster; some shells switch it off.
unexport PYTHONDONTWRITEBYTECODE
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help setup spark demo serve test soak bench mutants lint audit sbom licences format lock docs screenshots clean

help: ## List the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(VENV)/.ready ## Create .venv with exactly what requirements.lock pins

$(VENV)/.ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another with: make PYTHON=python3.12"; exit 1; }
	@if command -v uv >/dev/null; then uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV); \
	else $(PYTHON) -m venv $(VENV) && $(UV_PIN) > $(VENV)/uv.lock && \
		$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.lock && \
		{ ! $(BIN)/pip show --quiet setuptools 2>/dev/null || $(BIN)/pip uninstall --quiet --yes setuptools; }; fi
	@uv=$$(command -v uv || echo $(BIN)/uv); VIRTUAL_ENV=$(VENV) $$uv pip sync --quiet --require-hashes requirements.lock
	@touch $@

spark: $(VENV)/.spark ## Add what requirements-spark.lock pins, for engine=spark (Java 17 is yours)

# Apart from the rest: 440 MB that neither the demo nor serving needs.
$(VENV)/.spark: requirements-spark.lock $(VENV)/.ready
	@uv=$$(command -v uv || echo $(BIN)/uv); VIRTUAL_ENV=$(VENV) $$uv pip install --quiet --require-hashes -r requirements-spark.lock
	@touch $@

demo: setup ## Search the embedded data, register the best model, serve it (DATA=transactions: from transactions; ONCE=1: check and exit)
	@$(BIN)/python -m serve.demo $(if $(ONCE),--once) $(if $(DATA),--data $(DATA))

serve: setup ## Serve the champion and the pages; a promotion goes live by itself
	@$(BIN)/python -m serve

# Two processes on two cores: more threads would wait for each other.
test: spark ## Run every test, on two cores
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadscope

soak: spark ## Do what goes wrong many times on purpose; print what held (about an hour)
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/soak --soak

bench: spark ## Measure search and growth against their targets (under 20 minutes)
	$(BIN)/python -m experiments.benchmark search; search=$$?; \
	$(BIN)/python -m experiments.benchmark scale --plot var/scale.png; scale=$$?; \
	$(BIN)/python -m experiments.benchmark ranks; ranks=$$?; \
	$(BIN)/python -m experiments.benchmark spark && exit $$((search + scale + ranks))

mutants: setup ## Break the code on purpose; print what the tests do not notice (SAMPLE=250; ALL=1: hours)
	$(BIN)/python -m tests.mutants $(if $(ALL),--all,--sample $(or $(SAMPLE),250))

screenshots: setup ## Take pictures of every page, both widths and themes, into ./pictures
	$(BIN)/python -m tests.e2e.screenshots --out pictures

# Of a package that lists its public names pdoc shows these only: each is named.
docs: setup ## Write the API reference into var/docs
	$(BIN)/python -W ignore -m pdoc --docformat numpy --output-directory var/docs $(ROOMS) \
		$(subst /,.,$(patsubst %/__init__.py,%,$(wildcard $(foreach room,segmentation experiments,$(room)/*/__init__.py))))
	@echo "Open var/docs/index.html"

lint: setup ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive -ll $(ROOMS)

audit: setup ## Look for unsafe code and for known holes in what is installed (asks PyPI)
	$(BIN)/bandit --quiet --recursive -ll $(ROOMS)
	@for lock in requirements.lock requirements-spark.lock; do \
		$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement $$lock || \
		{ echo "$$lock is not audited: a package in it has a known hole, or could not be checked (see above)."; exit 1; }; \
	done

sbom: setup ## Write what is installed as a CycloneDX bill of materials (SBOM=var/sbom.json)
	@mkdir -p $(dir $(SBOM))
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file $(SBOM) $(BIN)/python
	@echo "$(SBOM): $$(grep -c '"purl"' $(SBOM)) packages"

licences: setup ## Print the licence of all that is installed by default; fail where one is copyleft
	@$(BIN)/python -m tests.licences

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## Resolve requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --extra dev pyproject.toml -o requirements.lock
	sed -n 's/^spark = \["\(.*\)"\]/\1/p' pyproject.toml | $(BIN)/uv pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --no-emit-index-url --no-emit-find-links --constraint requirements.lock - -o requirements-spark.lock

clean: ## Remove what the demo and the tests left behind (not the tracking store)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis mutants var
