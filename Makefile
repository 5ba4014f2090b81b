# `make help` lists what there is. Everything sets itself up in .venv at its first use.
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/installed
SECONDS_PER_RUN ?= 30

.DEFAULT_GOAL := help
.PHONY: help bench test torture serve load check fix

help: ## list these commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(INSTALLED): requirements.txt requirements-dev.txt
	@echo "Installing the pinned requirements into .venv (about two minutes, once)"
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: install Python 3.11 or say make PYTHON=python3"; exit 2; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

bench: $(INSTALLED) ## measure Django and FastAPI side by side, about five minutes (SECONDS_PER_RUN=30)
	@$(BIN)/python -m lab compare django fastapi-sqlalchemy --seconds $(SECONDS_PER_RUN)

# The tests start hundreds of Python programs on few cores: each module is compiled once, and no
# idle thread of numpy's spins.
test: export PYTHONDONTWRITEBYTECODE =
test: export OPENBLAS_NUM_THREADS = 1
test: $(INSTALLED) ## run all tests
	@$(BIN)/python -m pytest

torture: $(INSTALLED) ## every fault many times, with a table; then poolers, several hosts, the image
	@$(BIN)/python -m tests.faults $(PARTS)
	@$(BIN)/python -m pytest -n 0 -m torture

serve: $(INSTALLED) ## the service under gunicorn on 127.0.0.1:8000, with the embedded PostgreSQL
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py seed --rows 100000 --if-empty
	@exec $(BIN)/python manage.py postgres exec -- env DJANGO_DEBUG=0 API_AUTH=none \
		BIND_ADDRESS=$${BIND_ADDRESS:-127.0.0.1} LOG_FORMAT=$${LOG_FORMAT:-people} \
		"DJANGO_ALLOWED_HOSTS=$${DJANGO_ALLOWED_HOSTS:-127.0.0.1,localhost,[::1]}" \
		DJANGO_SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') \
		$(BIN)/gunicorn project.wsgi

load: $(INSTALLED) ## the Locust web UI on 127.0.0.1:8089, aimed at `make serve`
	@$(BIN)/locust

check: $(INSTALLED) ## lint, format and types, without editing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@DJANGO_DEBUG=1 $(BIN)/python manage.py makemigrations --check --dry-run

fix: $(INSTALLED) ## format and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
