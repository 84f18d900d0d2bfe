# Needs python3 (3.11 or newer) and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Tests start hundreds of processes, each of which would compile the whole package again.
unexport PYTHONDONTWRITEBYTECODE

# What failed beside other tests, or beside a slow server, may have been late and not wrong: once more, alone.
again = { test $$? -eq 1 && echo "Once more, alone:" && \
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none $(1); }

.PHONY: demo test lint types bench live peers clean

# A stamp for each set of extras: installed again only when pyproject.toml changes.
$(VENV)/stamp-%: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing midwatch[$*] into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

demo: $(VENV)/stamp-demo ## Two real services, 200 requests, and what the six saw of them
	@$(BIN)/python examples/shop/demo.py $(if $(SERVE),--serve)

test: $(VENV)/stamp-test ## All tests but the live ones, with branch coverage
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov --cov-report=term || $(call again)

lint: $(VENV)/stamp-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/stamp-test
	@$(BIN)/mypy

bench: $(VENV)/stamp-bench ## Overhead per request, as ratios within one run
	@$(BIN)/python tests/bench $(ARGS)

live: peers $(VENV)/stamp-live ## Against real servers; what cannot be installed is skipped, with its reason
	@for fetch in tests/live/fetch_*.py; do $(BIN)/python -m tests.live.$$(basename $$fetch .py) || true; done
	@$(BIN)/python -m pytest -m live tests/live || $(call again,-m live tests/live)

# For servers that the tests talk to; installed only where the machine is ours to install on.
peers:
	@{ command -v java && command -v mvn && command -v npm && command -v logrotate; } >/dev/null \
		|| test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null \
		|| { apt-get update -qq && apt-get install -qq --no-install-recommends \
			default-jre-headless maven npm logrotate; } >&2 || true

clean:
	rm -rf $(VENV) .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
