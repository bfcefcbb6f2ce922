# `make test` is what CI runs: format, lints, what we build from, and every test.
# `make demo` plays with it. Nothing here needs more than Rust, a C compiler and, for the tests of the
# store, PostgreSQL's server from the distribution's packages.

CARGO ?= cargo
SHELL := /bin/bash

.PHONY: help test packages fmt lint deny tests doc soak demo

help:
	@echo "make test   format, lints, dependency rules, all tests (installs PostgreSQL's server when it is missing)"
	@echo "make soak   live through drawn nights on all cores: SEEDS=100000, MINUTES=30, FIRST=1; SHRINK=7 or TELL=7 for one"
	@echo "make demo   break an expense service and see who is woken"

test: packages fmt lint deny doc tests

# Tests start a PostgreSQL server of their own; they need its programs alone, not a running service.
packages:
	@if command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then exit 0; fi; \
	install="apt-get install -y --no-install-recommends postgresql"; \
	if ! command -v apt-get >/dev/null; then \
	  echo "make test needs PostgreSQL's server programs (initdb, postgres): install them with your package manager" >&2; exit 1; \
	elif [ "$$(id -u)" = 0 ]; then apt-get update && DEBIAN_FRONTEND=noninteractive $$install; \
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo apt-get update && sudo DEBIAN_FRONTEND=noninteractive $$install; \
	else echo "make test needs PostgreSQL's server programs: run \`sudo $$install\`, then again" >&2; exit 1; \
	fi

fmt:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# One TLS stack, one crypto provider, one copy of each big crate. Licences are judged by tests/licences.rs.
deny:
	@for crate in ring openssl-sys native-tls; do \
	  found=$$($(CARGO) tree --locked -e all -i $$crate 2>/dev/null); \
	  if [ -n "$$found" ]; then echo "$$crate must not be built:"; echo "$$found"; exit 1; fi; \
	done
	@twice=$$($(CARGO) tree --locked --workspace -d --depth 0 --prefix none 2>/dev/null \
	  | grep -oE '^(axum|h2|hyper|reqwest|rustls|sqlx|tokio) v[0-9.]+' | sort -u | cut -d' ' -f1 | uniq -d); \
	if [ -n "$$twice" ]; then echo "more than one version of:" $$twice; exit 1; fi
	@echo "dependencies: one TLS stack, one crypto provider, one copy of each big crate"

tests:
	@if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run --workspace --locked --no-fail-fast; \
	else $(CARGO) test --workspace --lib --bins --tests --locked --no-fail-fast; fi

doc:
	$(CARGO) test --workspace --doc --locked

# Exit code 1 with the seeds that broke a rule. SHRINK=<seed> prints that night made small, as a file of tests/nights.
soak:
	@SEEDS=$(SEEDS) MINUTES=$(MINUTES) FIRST=$(FIRST) SHRINK=$(SHRINK) TELL=$(TELL) \
	  $(CARGO) run -q --release --locked -p watchbell-sim --example soak

demo:
	$(CARGO) run --release --locked -- demo
