# Confab: build, run, test and measure. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup setup-run build examples run lint format test e2e schemathesis crash simulate tsan asan fuzz bench bench-log bench-rest bench-connections soak profile clean

# What `make run` hands to `confab serve`, for instance ARGS="--data /srv/confab --mqtt 1883", `make bench` to bench/run.py,
# `make bench-log` to bench/log.py,
# and so on.
ARGS ?=
# How long `make fuzz` runs each target, and which: folders in Fuzz, all by default.
SECONDS ?= 60
TARGET ?=
# What `make e2e` hands to pytest, for instance PYTEST="-k group".
PYTEST ?=
# How many inputs `make schemathesis` tries with each call and phase.
EXAMPLES ?= 100
# How many rounds `make crash` runs, from which on, and from which seed: any text, at random by default.
ROUNDS ?= 50
FIRST ?= 1
SEED ?=
# How long `make soak` runs.
MINUTES ?= 30
# How many seeds `make simulate` runs, from FIRST on.
SEEDS ?= 12000

help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building, running and testing need (Debian packages, .venv)
	@tools/setup.sh test

setup-run:
	@tools/setup.sh run

build: setup-run ## Build the hub in release mode
	swift build -c release --product confab

examples: setup-run ## Build the examples that are in Swift, in release mode
	swift build -c release --product echo-bot
	swift build -c release --product moderation-bot

run: build ## Build the hub and start it, with ARGS="…" as its flags
	@exec .build/release/confab serve --hints $(ARGS)

lint: ## Check the format of every Swift file
	swift format lint --strict --parallel --recursive Sources Tests Fuzz examples Package.swift

format: ## Put every Swift file into the house format
	swift format format --in-place --parallel --recursive Sources Tests Fuzz examples Package.swift

test: ## Set up, lint, build, unit tests, end-to-end tests: all that CI runs
	@tools/test.sh

e2e: setup build examples ## Only the end-to-end tests, against the release build
	.venv/bin/pytest Tests/e2e $(PYTEST)

schemathesis: setup build ## Hold the API against its own document for a long while, with SECONDS=600 EXAMPLES=100
	SCHEMATHESIS_SECONDS=$(if $(filter command line,$(origin SECONDS)),$(SECONDS),600) SCHEMATHESIS_EXAMPLES=$(EXAMPLES) \
		.venv/bin/pytest Tests/e2e/test_schemathesis.py -s

crash: setup build ## Kill the hub and PostgreSQL under load and check that nothing is lost, with ROUNDS=50 SEED=…
	@cd Tests/e2e && ../../.venv/bin/python -m crash --rounds $(ROUNDS) --first $(FIRST) --seed "$(SEED)"

simulate: setup-run ## Run seeds of the hub, its clients and its database on one thread, with FIRST=1 SEEDS=12000
	CONFAB_SIMULATION=1 swift build -c release -Xswiftc -enable-testing --scratch-path .build-simulation --product Simulation
	.build-simulation/release/Simulation $(FIRST) $(SEEDS)

# A sanitizer's objects fit no other build, so each has its own folder.
tsan: setup ## Unit tests under the thread sanitizer
	TSAN_OPTIONS="suppressions=$(CURDIR)/tools/tsan.suppressions" \
		SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=6 swift test --disable-xctest --sanitize=thread --scratch-path .build-tsan

asan: setup ## Unit tests under the address sanitizer
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=6 swift test --disable-xctest --sanitize=address --scratch-path .build-asan

fuzz: setup-run ## Feed inputs made by libFuzzer to the parsers, with SECONDS=60 TARGET="MQTT …"
	@tools/fuzz.sh $(SECONDS) $(TARGET)

bench: setup build ## Measure the hub beside mosquitto (needs ../shared/bench)
	.venv/bin/python bench/run.py $(ARGS)

bench-log: setup build ## Measure stored messages beside a bare PostgreSQL client
	.venv/bin/python bench/log.py $(ARGS)

bench-rest: setup build ## Measure the REST API beside a FastAPI service (needs ../shared/bench)
	.venv/bin/python bench/rest.py $(ARGS)

bench-connections: setup build ## Measure connections, and what others notice of many (needs ../shared/bench)
	.venv/bin/python bench/connections.py $(ARGS)

soak: setup build ## Run mixed load and judge memory and latency, with MINUTES=30
	.venv/bin/python bench/soak.py --minutes $(MINUTES) $(ARGS)

profile: setup build ## Count instructions and runtime calls per message, against bench/profile-budget.json
	.venv/bin/python bench/profile.py $(ARGS)

clean: ## Remove everything built; data, .venv and .fuzz stay
	rm -rf .build .build-tsan .build-asan .build-fuzz .build-fuzz-* .build-simulation bench/out
