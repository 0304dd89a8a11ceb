# Fairlead's doors: a bare `make` lists them. Bash and GNU make 3.81 or newer.

# What is pinned: each tool is built from its module into bin/tools under a name with its version, so it is built
# again only when the pin moves. The protocol buffers' tools are pinned in proto/generate.sh, beside their only use.
GOLANGCI_LINT_VERSION := v2.15.0
SQLC_VERSION          := v1.31.1

# How many seeds make sim runs: a thousand take about two minutes on two cores.
SIM_SEEDS := 1000
SIM_WORLDS := 10000

# The most seeds that make mutants tries until one finds that a rule is missing; most are found by the first.
MUTANT_SEEDS := 1000

# What make soak does where nothing else is said.
SOAK      ?= 10m
SOAK_LOG  ?= pulsar
SOAK_SEED ?= 0

# The longest that one package's tests may take before they are stopped with a stack of every goroutine.
TEST_TIMEOUT := 10m

# The files that bench-simulate simulates.
SIMULATE := examples/simulate/benchmarks

SHELL := bash
.DEFAULT_GOAL := help
MODULES := proto client services tools
TOOLS   := $(CURDIR)/bin/tools
LINT    := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)
SQLC    := $(TOOLS)/sqlc-$(SQLC_VERSION)
SQLC_CONFIGS = $(shell find services -name sqlc.yaml)

# Packages where goroutines meet are tested under the race detector and all others without it, none twice: it makes
# a test some five times slower. What is stepped or pure starts no goroutine (tools/archcheck sees to that).
# A pattern of grep -E over import paths.
RACED := /(client|services/internal/(eventlog|postgres|project|rpc|run)|services/(submit|executor|eventapi|lookout)|services/scheduler/(app|internal)|services/standalone/app)(/|$$)

# Most of the time of this one is a broker's, which the detector does not see; under it the package takes minutes.
UNRACED := /eventlog/pulsarlog$$

# The architecture check reads the whole tree, which go's test cache does not see, so it is not among the cached
# tests: `make verify` runs it.
UNCACHED := /tools/archcheck$$

.PHONY: help demo run build test test-kube test-openapi bench bench-schedule bench-simulate sim mutants soak generate verify verify-generated verify-modules lint archcheck format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## one command from a clone to finished jobs
	examples/demo/demo.sh

run: build ## all services in one process, until stopped: gRPC on 50051, REST on 8080
	bin/fairlead-standalone serve

build: ## every binary into bin/
	@set -eu; all=$$(go list -f '{{if eq .Name "main"}}{{.ImportPath}}{{end}}' work); \
	mains=$$(grep -E '/cmd/[^/]+$$|/tools/[^/]+$$' <<<"$$all" || true); \
	if [ -z "$$mains" ]; then echo "no program is there yet: nothing to build"; exit 0; fi; \
	go build -o bin/ $$mains; printf 'bin/%s\n' $$(basename -a $$mains)

# A package that does not load is tested too, so that it fails and the others still say what they have to say.
test: ## all tests: race detector where goroutines meet, plain elsewhere
	@set -eu; all=$$(go list -e -f '{{if or .TestGoFiles .XTestGoFiles .Incomplete}}{{.ImportPath}}{{end}}' work); \
	raced=$$(grep -E '$(RACED)' <<<"$$all" | grep -vE '$(UNRACED)' || true); \
	plain=$$(grep -vxFf <(echo "$$raced") <<<"$$all" | grep -vE '$(UNCACHED)' || true); \
	race=-race; command -v "$$(go env CC)" >/dev/null || { race=; echo "no C compiler: without the race detector"; }; failed=0; \
	if [ -n "$$plain" ]; then go test -timeout $(TEST_TIMEOUT) $$plain || failed=1; fi; \
	if [ -n "$$raced" ]; then go test $$race -timeout $(TEST_TIMEOUT) $$raced || failed=1; fi; \
	exit $$failed

# Kubernetes is built by tools/kube the first time, into the user's cache folder: some 5 minutes on two idle cores, then
# nothing until the pin moves. One package after the other: each runs servers of its own.
test-kube: ## the tests that need a Kubernetes: real API servers, nodes by kwok
	@set -eu; race=-race; command -v "$$(go env CC)" >/dev/null || { race=; echo "no C compiler: without the race detector"; }; \
	FAIRLEAD_KUBE=1 go test $$race -p 1 -count=1 -timeout 30m -run Kubernetes ./services/executor/internal/kube/... ./services/standalone/app

# The generator is fetched by Maven the first time, and the client generated again when the document has changed.
test-openapi: ## a client generated from the OpenAPI document, used: needs Java and Maven
	FAIRLEAD_OPENAPI=1 go test -count=1 -v ./services/standalone/app -run TestGeneratedClient

# BENCH names what to measure and how, as bin/loadgen --help says: make bench BENCH="lives --window 1m".
bench: build ## the figures of docs/benchmarks.md, measured: about 5 minutes
	bin/loadgen $(BENCH)

# BENCH_SCHEDULE names cases: make bench-schedule BENCH_SCHEDULE=churn. Each turn is some tenths of a second with what
# readies it, so ten turns a case; the whole takes half a minute, on a busy machine 4.
bench-schedule: ## the figures of the scheduling round in docs/benchmarks.md
	go test ./services/scheduler/schedule -run '^$$' -bench 'BenchmarkRound/$(BENCH_SCHEDULE)' -benchtime 10x -timeout 30m

# The round goes first: its plans on ten thousand drawn worlds a property, against refplan and every invariant.
# Workloads of 100,000 jobs on 1,000 nodes, and a million on 10,000.
bench-simulate: ## the figures of fairlead simulate in docs/benchmarks.md
	go build -o bin/fairlead ./tools/fairlead
	bin/fairlead simulate --clusters $(SIMULATE)/cluster-1k.yaml --workloads '$(SIMULATE)/workload-[ABC]*.yaml' \
		--config $(SIMULATE)/config-prodlike.yaml --output .data/simulate/1k --overwrite
	bin/fairlead simulate --clusters $(SIMULATE)/cluster-10k.yaml --workloads '$(SIMULATE)/workload-D*.yaml' \
		--config $(SIMULATE)/config-prodlike.yaml --output .data/simulate/10k --overwrite
	@grep -H peak_rss_bytes .data/simulate/1k/*/summary.json .data/simulate/10k/summary.json

sim: ## the round on drawn worlds, then the whole system by seed, a thousand seeds
	go test ./services/scheduler/schedule -count=1 -run 'TestPlan|TestElastic|TestBrute|TestSpot|TestIdealShare|TestSharingIncentive|TestEnvyFree' -rapid.checks $(SIM_WORLDS) -timeout 30m
	go test ./services/standalone/sim -count=1 -run 'TestSeeds|TestSameSeed' -seeds $(SIM_SEEDS) -timeout 30m -v

mutants: ## the simulation against itself: it must find each rule that is taken out: about 2 minutes
	go test ./services/standalone/sim -count=1 -run TestMutants -mutants $(MUTANT_SEEDS) -timeout 60m -v

# SOAK is for how long, SOAK_LOG what keeps the log (pulsar or postgres), SOAK_SEED what is chosen at random (0:
# another each time; it is printed).
soak: ## real processes, killed at random, for as long as asked: SOAK=10m SOAK_LOG=pulsar make soak
	FAIRLEAD_REQUIRE_PULSAR=1 go test ./services/standalone/soak -count=1 -run TestSoak -v -timeout 0 \
		-for $(SOAK) -log $(SOAK_LOG) -seed $(SOAK_SEED)

generate: $(if $(SQLC_CONFIGS),$(SQLC)) ## write all generated code again
	proto/generate.sh
	@set -eu; for config in $(SQLC_CONFIGS); do echo "sqlc generate $$config"; $(SQLC) generate -f $$config; done

verify: verify-generated verify-modules lint archcheck ## what must hold beside the tests (make -k goes on after a failure)

verify-generated: $(if $(SQLC_CONFIGS),$(SQLC)) ## generated code is what its sources give; writes nothing
	proto/generate.sh --check
	@set -eu; for config in $(SQLC_CONFIGS); do echo "sqlc diff $$config"; $(SQLC) diff -f $$config; done

verify-modules: ## each module builds, vets and is tidy without the workspace
	@failed=0; for module in $(MODULES); do \
		echo "GOWORK=off, $$module: go mod tidy -diff, build, vet"; \
		(cd $$module && export GOWORK=off && go mod tidy -diff) || { failed=1; echo "$$module/go.mod: run go mod tidy there"; }; \
		(cd $$module && export GOWORK=off && { [ -z "$$(go list -e ./... 2>/dev/null)" ] || { go build ./... && go vet ./...; }; }) || failed=1; \
	done; exit $$failed

# The linter keeps its cache in the tree, and is told each module's path: at the root ./... names none.
lint: $(LINT) ## golangci-lint over every module
	GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint $(LINT) run $(call with-packages,$(MODULES))

archcheck: ## which imports and words may stand where (tools/archcheck)
	go test -count=1 -timeout $(TEST_TIMEOUT) ./tools/archcheck/...

format: $(LINT) ## put imports and layout in order, and mend what the linter can mend itself
	GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint $(LINT) run --fix $(call with-packages,$(MODULES))

clean: ## remove what was built; data in .data stays
	rm -rf bin .cache

$(LINT):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_LINT_VERSION))

$(SQLC):
	$(call install,github.com/sqlc-dev/sqlc/cmd/sqlc,$(SQLC_VERSION))

# install PACKAGE,VERSION builds a tool to the target's name; older versions of it go.
define install
@mkdir -p $(TOOLS) && rm -f $(TOOLS)/$(notdir $(1))-*
@echo "installing $(notdir $(1)) $(2)"
@CGO_ENABLED=0 GOWORK=off GOFLAGS= GOBIN=$(TOOLS)/install go install -trimpath -ldflags '-s -w' $(1)@$(2)
@mv $(TOOLS)/install/$(notdir $(1)) $@ && rmdir $(TOOLS)/install
endef

# with-packages MODULES gives the patterns of those that hold a package.
with-packages = $(foreach module,$(1),$(if $(shell go list -e ./$(module)/... 2>/dev/null),./$(module)/...))
