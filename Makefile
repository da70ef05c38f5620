# Streamboard's commands. `make` alone lists them. All of them work in a fresh clone.

HOST ?= 127.0.0.1
PORT ?= 8000
KAFKA_HOST ?= localhost
KAFKA_PORT ?= 9092
SITE = $(if $(findstring :,$(HOST)),[$(HOST)],$(HOST))

.DEFAULT_GOAL := help
.PHONY: help run assets test check lint audit kafka bench profile
# Without it make adds its own lines to a Ctrl-C.
MAKEFLAGS += --no-print-directory

help:
	@echo 'make run     start Streamboard on http://$(SITE):$(PORT)/ (HOST=… PORT=… to change)'
	@echo 'make assets  the libraries of charts and maps into the static files (make run does it where it can)'
	@echo 'make test    everything: lint, types, imports, JavaScript, and the tests on SQLite, PostgreSQL, Kafka and Redis'
	@echo 'make check   the minute before a commit: lint, and the tests that need no service'
	@echo 'make lint    ruff, mypy, import contracts and the JavaScript checks'
	@echo 'make audit   known vulnerabilities of the dependencies, and the settings of a production'
	@echo 'make kafka   start a real Apache Kafka on $(KAFKA_HOST):$(KAFKA_PORT) (needs Java 17 and Maven)'
	@echo 'make bench   the benchmarks beside their peers (ROWS="deliver many" for some; docs/performance.md)'
	@echo 'make profile a flame graph of the web process under load, in .run/profile.svg'

# On a loopback address this is a demonstration: DEBUG, a demo account and a demo topic; neither where ALLOWED_HOSTS or
# CSRF_TRUSTED_ORIGINS lets others in. On another address there is none of it, whatever the environment says: DEBUG
# shows settings and code, and everybody knows the demo account's password.
run: .venv/installed
	@case '$(HOST)' in \
	  127.0.0.1|localhost|::1) [ -n "$$ALLOWED_HOSTS$$CSRF_TRUSTED_ORIGINS" ] || \
	    export DEBUG="$${DEBUG:-true}" DEMO="$${DEMO:-true}" ;; \
	  *) export DEBUG=false DEMO=false ;; \
	esac; \
	export RUN_ADDRESS='http://$(SITE):$(PORT)/'; \
	.venv/bin/python manage.py prepare '$(HOST)' '$(PORT)' || exit 1; \
	exec .venv/bin/uvicorn project.asgi:application --host '$(HOST)' --port '$(PORT)' \
	  --loop uvloop --http streams.server:WebProtocol --ws streams.server:LiveProtocol \
	  --ws-per-message-deflate false --ws-max-size 65536 --timeout-graceful-shutdown 10 --log-level warning

assets: .venv/installed
	@DEBUG=true .venv/bin/python manage.py assets

test: .venv/installed-tests
	@.venv/bin/python -m tests.suite

check: .venv/installed-tests
	@.venv/bin/python -m tests.suite check

lint: .venv/installed-tests
	@.venv/bin/python -m tests.suite lint

audit: .venv/installed-tests
	@.venv/bin/python -m tests.audit

kafka: .venv/bin/python
	@exec .venv/bin/python tests/kafka/server.py --host '$(KAFKA_HOST)' --port '$(KAFKA_PORT)'

bench: .venv/installed-tests
	@.venv/bin/python -m tests.bench $(ROWS)

profile: .venv/installed-tests
	@.venv/bin/python -m tests.bench.profile

.venv/bin/python:
	@for python in $(PYTHON) python3.11 python3 python3.12 python3.13 python3.14 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making .venv with $$("$$python" --version) …"; \
	    "$$python" -m venv .venv && exit 0; \
	    rm -rf .venv; \
	    echo 'The virtual environment could not be made; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; \
	  fi; \
	done; \
	echo "Streamboard needs Python 3.11 or newer; found: $$(python3 --version 2>/dev/null || echo none)." \
	  'Install it, or name it: make run PYTHON=/path/to/python3.11' >&2; \
	exit 1

.venv/installed: requirements.txt | .venv/bin/python
	@echo 'Installing what Streamboard needs into .venv …'
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-tests: tests/requirements.txt requirements.txt | .venv/bin/python
	@echo 'Installing what Streamboard and its tests need into .venv …'
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch .venv/installed $@
