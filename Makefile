# Heddle's commands. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# npm runs on the machine's own Node: it replaces the one in node_modules.
HOST_PATH := $(PATH)
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# Written once the dependencies are there; npm keeps node_modules in step with the lockfile.
INSTALLED := node_modules/.package-lock.json

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'

$(INSTALLED): package-lock.json package.json
	@echo "installing dependencies" >&2; PATH="$(HOST_PATH)" npm ci --loglevel=error
	@touch $@

.PHONY: install
install: $(INSTALLED) ## Install the dependencies, Node 24 among them

.PHONY: up
up: $(INSTALLED) ## Run the whole mesh; ARGS="--port 9090" passes options on
	@heddle up $(ARGS)

.PHONY: down
down: $(INSTALLED) ## Stop the mesh, letting running calls finish
	@heddle down $(ARGS)

.PHONY: gen
gen: $(INSTALLED) ## Generate gen/ from proto/
	@node tools/generate.ts

.PHONY: lint
lint: $(INSTALLED) ## Check contracts, types and code style
	@node tools/third-party-protos.ts
	@buf lint
	@buf format --exit-code --diff proto >/dev/null || { echo "proto files are not formatted: run make format"; exit 1; }
	@tsc --noEmit -p .
	@biome ci --error-on-warnings .

.PHONY: format
format: $(INSTALLED) ## Format code and contracts
	@buf format -w proto
	@biome check --write .

.PHONY: breaking
breaking: $(INSTALLED) ## Compare the contracts with the last release; exit 100 on a break
	@node tools/breaking.ts

.PHONY: release-contracts
release-contracts: $(INSTALLED) ## Make the present contracts the ones that breaking compares with
	@node tools/release-contracts.ts

.PHONY: release-migrations
release-migrations: $(INSTALLED) ## Record the migrations as released: from then on they are never edited
	@node tools/release-migrations.ts

.PHONY: test
test: $(INSTALLED) ## Run the tests that need nothing but Node
	@vitest run $(ARGS)

.PHONY: show-rollout
show-rollout: $(INSTALLED) ## Print what a deployment under load costs its callers, and how a bad one is taken back
	@node --conditions=source tests/rollout/main.ts

.PHONY: test-peers
test-peers: $(INSTALLED) ## Run the tests that need grpcurl, curl, git and strace as well
	@HEDDLE_TEST_PEERS=1 vitest run tests/peers $(ARGS)

# One file after the other: a conformance suite keeps both cores busy, and judges deadlines of 200 ms by its own clock.
.PHONY: test-interop
test-interop: $(INSTALLED) ## Run the conformance suites and the peers of other makes
	@HEDDLE_TEST_INTEROP=1 vitest run tests/interop --no-file-parallelism $(ARGS)

.PHONY: test-chaos
test-chaos: $(INSTALLED) ## Kill, stop, slow down and cut off instances under load; the network tests need root and iproute2
	@HEDDLE_TEST_CHAOS=1 vitest run tests/chaos $(ARGS)

# What a user sees of the mesh, and what stands nearest to the wire.
NODE_WIRE_TESTS := $(addprefix tests/,bad-input call interrupted-stream main-job packed-client supervision) \
	$(addprefix mesh/rpc/,client.test compile-method complete-errors interceptors respond-error server) \
	mesh/service mesh/discovery services/gateway

.PHONY: test-node-wire
test-node-wire: $(INSTALLED) ## Run the system tests, and those of calls, on node:http2 and Connect
	@HEDDLE_WIRE=node vitest run $(NODE_WIRE_TESTS) $(ARGS)

.PHONY: fuzz
fuzz: $(INSTALLED) ## Throw millions of frames and header blocks at the engine; takes an hour, RUNS=1000000
	@HEDDLE_FUZZ_RUNS=$(or $(RUNS),1000000) vitest run mesh/wire/fuzz mesh/wire/hpack --testTimeout=0 $(ARGS)

.PHONY: contract-mutations
contract-mutations: $(INSTALLED) ## Judge mutated contracts beside buf; exit 1 when it says otherwise, RUNS=1000 SEED=1
	@RUNS=$(or $(RUNS),1000) SEED=$(or $(SEED),1) node --conditions=source tests/contract-mutations/main.ts

.PHONY: soak
soak: $(INSTALLED) ## Kill, stop and restart services under load, then check the books; SECONDS=60 SEED=1 ARGS="--json"
	@node --conditions=source tests/soak/main.ts --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: drill
drill: $(INSTALLED) ## Restart every instance under load and count every call; CALLS=1000000 RESTARTS=20 ARGS="--json"
	@node --conditions=source tests/drill/main.ts --calls $(or $(CALLS),1000000) --restarts $(or $(RESTARTS),20) $(ARGS)

.PHONY: check
check: $(INSTALLED) ## All that CI checks
	@node tools/generate.ts --check
	@$(MAKE) lint
	@$(MAKE) breaking
	@$(MAKE) test

.PHONY: bench
bench: $(INSTALLED) ## Measure, print the table and write bench/results.json
	@node --conditions=source bench/run.ts $(ARGS)

.PHONY: profile
profile: $(INSTALLED) ## Show where the cycles of one workload go; ARGS="get-customer|client|streaming|relay"
	@node --conditions=source bench/profile.ts $(ARGS)

.PHONY: clean
clean: ## Remove what was installed and built; keeps data/
	@rm -rf node_modules .heddle dist gen/dist
