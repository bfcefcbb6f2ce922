# `make test` is what CI runs: format, lints, what we build from, and every test.
# `make demo` plays with it. Nothing here needs more than Rust, a C compiler and, for the tests, the programs
# of PostgreSQL, Prometheus and Alertmanager from the distribution's packages.

CARGO ?= cargo
SHELL := /bin/bash

.PHONY: help test packages fmt lint deny tests doc soak demo

help:
	@echo "make test   format, lints, dependency rules, all tests (installs the programs they need when missing)"
	@echo "make soak   live through drawn nights on all cores: SEEDS=100000, MINUTES=30, FIRST=1; SHRINK=7 or TELL=7 for one"
	@echo "make demo   break an expense service and see who is woken"

test: packages fmt lint deny doc tests

# Tests start servers of their own, on ports of their own; they need the programs alone, not running services.
# Debian starts a service with its package: policy-rc.d says no for as long as the packages are being installed.
PACKAGES = postgresql prometheus prometheus-alertmanager

packages:
	@missing=; \
	command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing=postgresql; \
	{ command -v prometheus && command -v promtool; } >/dev/null || missing="$$missing prometheus"; \
	{ command -v amtool && command -v prometheus-alertmanager; } >/dev/null || missing="$$missing prometheus-alertmanager"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as=; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as=sudo; else as=none; fi; \
	if ! command -v apt-get >/dev/null || [ "$$as" = none ]; then \
	  echo "make test needs programs of the packages $(PACKAGES), of which these are missing:$$missing" >&2; \
	  echo "install them with your package manager, without their services, then again" >&2; exit 1; \
	fi; \
	deny=/usr/sbin/policy-rc.d; ours=; \
	if [ ! -e $$deny ]; then printf '#!/bin/sh\nexit 101\n' | $$as tee $$deny >/dev/null && $$as chmod 755 $$deny && ours=yes; fi; \
	$$as apt-get update && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; done=$$?; \
	if [ -n "$$ours" ]; then $$as rm -f $$deny; fi; exit $$done

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
