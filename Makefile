# Everything a newcomer needs: `make demo` and `make test`. Both set up what they use.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
ARGS   ?=

.PHONY: demo test lint types imports unit bench kill faults simulate clean help
help:
	@echo "make demo    install and show the gateway at work (ARGS=--once to exit afterwards, --rollout for rollouts)"
	@echo "make test    install and run everything that checks the project"
	@echo "make bench   measure beside nginx and peers (installs nothing; see bench/README.md)"
	@echo "make kill    the long crash test: processes killed under load"
	@echo "make simulate  how often the tests of rollouts are wrong, how soon they are right (ARGS=--quick for a first look)"
	@echo "make faults  break everything on purpose and see what holds (ARGS=--quick for a first look)"

$(VENV)/.run: pyproject.toml
	@echo "setting up $(VENV), once: half a minute or so"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing what the tests need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(VENV)/.run
	@$(BIN)/llmgateway demo $(ARGS)

test: lint types imports unit

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
types: $(VENV)/.dev
	@$(BIN)/mypy
imports: $(VENV)/.dev
	@$(BIN)/lint-imports --no-cache
unit: $(VENV)/.dev
	@$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.dev
	@$(BIN)/python -m bench $(ARGS)
kill: $(VENV)/.dev
	@$(BIN)/python -m bench.kill $(ARGS)
faults: $(VENV)/.dev
	@$(BIN)/python -m bench.faults $(ARGS)
simulate: $(VENV)/.dev
	@$(BIN)/python -m bench.rollout $(ARGS)
clean:
	rm -rf $(VENV) build dist data bench/out
