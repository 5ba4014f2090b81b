# `make help` lists what there is. Everything sets itself up in .venv at its first use.
# What is installed is run as a module: the scripts in .venv/bin know the folder they were made in.
RUN := .venv/bin/python
# Of these the first that will do; PYTHON=python3.12 wants that one and makes .venv anew with it.
PYTHONS := $(or $(PYTHON),$(RUN) python3.14 python3.13 python3.12 python3.11 python3)
WILL_DO := import sys; assert sys.version_info >= (3, 11), "older than 3.11"; import ctypes, ensurepip, ssl, venv
SECONDS_PER_RUN ?= 30
# What a shell has for another project would come before what is installed and set here.
unexport DJANGO_SETTINGS_MODULE PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help install bench test torture serve load check fix

help: ## list these commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

install: ## set up .venv, as every command here does at its first use
	@for python in $(PYTHONS); do \
		if "$$python" -c '$(WILL_DO)' 2>/dev/null; then exec "$$python" install.py; fi; \
	done; \
	for python in $(PYTHONS); do \
		if command -v "$$python" >/dev/null; then \
			echo "$$python: $$("$$python" -c '$(WILL_DO)' 2>&1 | tail -n 1)" >&2; \
		fi; \
	done; \
	echo "Python 3.11 or newer with venv is needed, and none of these will do: $(PYTHONS)." \
		"Debian and Ubuntu: apt install python3-venv. Fedora: dnf install python3." \
		"macOS: brew install python. Elsewhere: make PYTHON=/path/to/python3" >&2; \
	exit 2

bench: install ## measure Django and FastAPI side by side, about five minutes (SECONDS_PER_RUN=30)
	@$(RUN) -m lab compare django fastapi-sqlalchemy --seconds $(SECONDS_PER_RUN)

# The tests start hundreds of Python programs on few cores: each module is compiled once, and no
# idle thread of numpy's spins.
test: export PYTHONDONTWRITEBYTECODE =
test: export OPENBLAS_NUM_THREADS = 1
test: install ## run the tests, but for the long ones of torture
	@$(RUN) -m pytest $(TESTS)

torture: install ## every fault many times, with a table; then poolers, hosts, images, fresh machines, other versions
	@$(RUN) -m tests.faults $(PARTS)
	@$(RUN) -m pytest -n 0 -m torture
	@$(RUN) -m tests.speedups $(if $(PYTHON),--python $(PYTHON))

# The database is the embedded one, whatever this shell has for another project.
serve: export DATABASE_URL =
serve: export DATABASE_URL_FILE =
serve: export DJANGO_DEBUG = 1
# Not `-m gunicorn`: started anew by SIGUSR2, its `http` would hide Python's.
serve: install ## the service under gunicorn on 127.0.0.1:8000 (/docs/), with the embedded PostgreSQL
	@$(RUN) manage.py migrate --verbosity 0
	@$(RUN) manage.py seed --rows 100000 --if-empty
	@DJANGO_SECRET_KEY=$$($(RUN) -c 'import secrets; print(secrets.token_urlsafe(50))') \
		exec $(RUN) manage.py postgres exec -- env DJANGO_DEBUG=0 API_AUTH=none \
		BIND_ADDRESS=$${BIND_ADDRESS:-127.0.0.1} LOG_FORMAT=$${LOG_FORMAT:-people} \
		"DJANGO_ALLOWED_HOSTS=$${DJANGO_ALLOWED_HOSTS:-127.0.0.1,localhost,[::1]}" \
		LOG_LEVEL=$${LOG_LEVEL:-INFO} \
		$(RUN) .venv/bin/gunicorn project.wsgi

load: install ## the Locust web UI on 127.0.0.1:8089, aimed at `make serve`
	@$(RUN) -m locust

check: install ## lint, format and types, without editing
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy .
	@DJANGO_DEBUG=1 $(RUN) manage.py makemigrations --check --dry-run

fix: install ## format and mend what can be mended
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .
