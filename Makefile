# Everything a person runs. Each target sets up what it needs first; `make` alone lists them.
VENV ?= .venv
OUT ?= out
# Some machines forbid Python to keep compiled files; imports and tests are several times slower then.
unexport PYTHONDONTWRITEBYTECODE
# Test processes; each keeps torch to one thread (tests/conftest.py).
WORKERS ?= 2

PYTHON_OF_VENV = $(VENV)/bin/python
INSTALLED = $(VENV)/.installed
INSTALLED_DEV = $(VENV)/.installed-dev
INSTALLED_STUDIO = $(VENV)/.installed-studio
NODE_OF_TESTS = tests/node/node_modules/.installed
NODE_MODULES = $(NODE_OF_TESTS) tools/vendor/node_modules/.installed

# Tests that open our files in programs by others need those programs: node for `external`, chromium too for `browser`.
NODE := $(shell command -v node)
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
QUICK = not slow and not nightly and not browser$(if $(NODE),, and not external)
SLOW = $(if $(NODE),$(if $(CHROMIUM),slow or browser,slow),slow and not external)

.PHONY: help demo studio test slow nightly external browser lint format bench clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: $(INSTALLED) ## Turn a shipped picture into out/*.ply, .spz and .mp4, by the small model
	$(VENV)/bin/flashworld generate examples/requests/living-room.json --model tiny --output $(OUT)

studio: $(INSTALLED_STUDIO) ## Open the studio, the local application for the browser
	$(PYTHON_OF_VENV) app.py

test: $(INSTALLED_DEV) $(if $(NODE),$(NODE_OF_TESTS)) ## Run the quick tests; those in node where it is installed
	$(if $(NODE),,@echo "node is missing: the tests that need it are left out")
	$(PYTHON_OF_VENV) -m pytest -n $(WORKERS) -m "$(QUICK)"

slow: $(INSTALLED_DEV) $(if $(NODE),$(NODE_MODULES)) ## Run the others: training, whole servers, killed ones too, and pages in chromium
	$(if $(and $(NODE),$(CHROMIUM)),,@echo "node or chromium is missing: the tests that need them are left out")
	$(PYTHON_OF_VENV) -m pytest -n $(WORKERS) --dist loadfile -rfER -m "$(SLOW)"

nightly: $(INSTALLED_DEV) ## Train a small model from nothing and check what it learned: ten minutes
	$(PYTHON_OF_VENV) -m pytest -m nightly

external: $(INSTALLED_DEV) $(NODE_MODULES) ## Run only the tests that open our files in node programs by others
	$(PYTHON_OF_VENV) -m pytest -m external

browser: $(INSTALLED_DEV) $(NODE_MODULES) ## Run only the tests that show our files in chromium
	$(PYTHON_OF_VENV) -m pytest -m browser

lint: $(INSTALLED_DEV) ## Check format, style, types and the layers of the tree
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/pyright
	$(VENV)/bin/lint-imports

format: $(INSTALLED_DEV) ## Format the code and mend what ruff can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(INSTALLED_DEV) ## Print the times of rasteriser, formats, a whole run by stage, worlds and studio
	$(PYTHON_OF_VENV) -m benchmarks

clean: ## Remove everything that make made
	rm -rf $(VENV) $(OUT) build dist *.egg-info tests/node/node_modules tools/vendor/node_modules \
		.pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml tools/install
	@tools/install $(VENV)
	@touch $@

$(INSTALLED_DEV): pyproject.toml tools/install
	@tools/install $(VENV) dev
	@touch $(INSTALLED) $@

$(INSTALLED_STUDIO): pyproject.toml tools/install
	@tools/install $(VENV) studio
	@touch $(INSTALLED) $@

$(NODE_MODULES): %/node_modules/.installed: %/package-lock.json
	@cd $* && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
