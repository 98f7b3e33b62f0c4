# What one does with a checkout. Each target first installs what Debian 12 lacks for it (deploy/setup-debian.sh).
#
#   make demo     the gate with the Đắk Nông policy in front of a small portal     (RELEASE=1: an optimised build)
#   make test     formatting, lints, the tests, and the tests with real components
#   make check    formatting, lints, the dependencies, and the shipped policies
#   make fuzz     odd policy files and requests from seeds that no earlier run had     (CASES=20000: how many)
#   make bench    the request path beside other proxies, the decision alone, policies of growing size, a million sessions, shared ones, a replay
#   make image    the container image

.PHONY: demo test check fuzz bench image lint dependencies components
.DELETE_ON_ERROR:

SETUP   := deploy/setup-debian.sh
IMAGE   ?= vneid-gate:latest
# The optimised build takes about three times as long as the plain one, and a demonstration needs no speed.
PROFILE := $(if $(RELEASE),release,dev)

demo:
	$(SETUP) demo
	cargo run --locked --profile $(PROFILE) -- demo

test:
	$(SETUP) test
	$(MAKE) lint
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked; else cargo test --locked; fi
	$(MAKE) components

check:
	$(SETUP) check
	$(MAKE) lint dependencies
	set -e; for policy in policies/daknong policies/examples/*/; do cargo run --locked -- check "$$policy"; done

CASES ?= 20000
fuzz:
	$(SETUP) check
	FUZZ_SEED=$$(date +%s) FUZZ_CASES=$(CASES) \
	    cargo test --locked --test suite -- fuzz::loader::any fuzz::requests --nocapture

bench:
	$(SETUP) bench
	cargo bench --locked --bench request_path
	cargo bench --locked --bench decide
	cargo bench --locked --bench policy_scale
	cargo bench --locked --bench ledger
	cargo bench --locked --bench shared_ledger
	cargo bench --locked --bench replay

image:
	$(SETUP) image
	if command -v buildah >/dev/null; then \
	    buildah bud --format docker --tag $(IMAGE) --file Dockerfile .; \
	else \
	    docker build --tag $(IMAGE) --file Dockerfile .; \
	fi

# Parts of the targets above.

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features --bin vneid-gate -- -D warnings

# Advisories are not checked: their database is a repository on the network (`cargo deny check advisories`).
dependencies:
	if cargo deny --version >/dev/null 2>&1; then \
	    cargo deny --locked check licenses bans sources; \
	else \
	    echo "dependencies: NOT checked, cargo-deny is missing (cargo install cargo-deny --locked)" >&2; \
	fi

components:
	cargo build --locked
	cd tests/components && npm ci --no-audit --no-fund && node --test
