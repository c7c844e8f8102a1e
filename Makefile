# `make lab` runs everything on this computer; `make test` proves it. Both do their own set-up.
PYTHON ?= python3
VENV := .venv
NAME ?= dev
# built and kept by Go; the same version everywhere, its sources held to their checksums by Go
ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 -shellcheck= -pyflakes=
PYTEST = $(VENV)/bin/pytest --numprocesses=auto

.PHONY: venv setup lab lab-down test test-fast test-long test-vm battery load mutants format

$(VENV)/installed: requirements.txt requirements-dev.txt constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# all that the command line needs beside Pulumi itself; the lab needs `setup`
venv: $(VENV)/installed

setup: $(VENV)/installed
	$(VENV)/bin/python -m lab.tools --yes
	./relay setup

lab: setup
	./relay lab up --lab $(NAME)
	./relay lab send --lab $(NAME)

lab-down: setup
	./relay lab down --lab $(NAME)

test: setup
	$(VENV)/bin/python -m lab.tools --yes --tests
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/pyright --warnings
	$(ACTIONLINT) .github/workflows/*.yml
	$(PYTEST)

# the tests that `make test` leaves out, because each takes many minutes
test-long: setup
	$(VENV)/bin/python -m lab.tools --yes --tests
	$(VENV)/bin/pytest --numprocesses=0 --long tests/lab/test_14_address.py tests/lab/test_14_move.py \
	    tests/lab/test_22_first_boot.py tests/lab/test_23_load_balancer.py \
	    tests/lab/test_24_alarms_of_a_host.py

test-fast: $(VENV)/installed
	$(VENV)/bin/python -m lab.tools --yes --tests
	$(PYTEST) tests/unit tests/engine

# hosts with Debian's kernel, AppArmor and udev: a quarter of an hour with KVM, most of one without
test-vm: setup
	$(VENV)/bin/python -m lab.tools --yes --real-kernel
	$(VENV)/bin/pytest --numprocesses=0 --timeout=12000 tests/vm

# every attempt at every set-up, and every weakened configuration that one of them catches; of one
# set-up alone: make battery SETUP=basics
battery: setup
	PYTHONPATH=.:tests $(VENV)/bin/python -m abuse $(SETUP)

# a steady load on three gateways while something happens to them, two hours at full length; of
# some alone: make load TRIALS="gateway rebuild"
load: setup
	PYTHONPATH=.:tests:tests/lab $(VENV)/bin/python -m load $(TRIALS)

# every fault of tests/faults, in a copy of the tree, and the test that must find it; of some alone:
# make mutants ONLY=agent/
mutants: $(VENV)/installed
	$(VENV)/bin/python tests/mutants.py $(ONLY)

format: $(VENV)/installed
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
