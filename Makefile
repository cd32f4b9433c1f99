# make run    what is missing is installed, everything is built, a platform, a gateway and a Lua Thing run
# make test   all tests
# make lint   the form of all Swift and Lua sources
# make deb    Debian packages of optimised programs, in dist/
# make dist   an archive that runs where it is unpacked, checksums and a list of what is linked, in dist/
# make test-packages  the life of the packages in a Debian of their own (needs root, debootstrap, lintian)
# make bench  the measurements of Benchmarks/README.md
# make bench-forward  the gateway against nginx (needs wrk and nginx)
# make bench-calls    a Lua Thing against plain LuaJIT with LuaSocket (needs wrk and luajit)
# make bench-store    the store beside SQLite and mosquitto, draining, and what it costs (needs libsqlite3-dev, mosquitto, wrk)
# make test-console   the console in a headless Chromium (needs chromium, chromium-driver; installs selenium and axe-core from PyPI)
# make bench-platform ten thousand edges, values a second, history beside sqlite3, charts (needs sqlite3)
# make test-api       the REST interface by schemathesis (from PyPI)
# make soak   200 Lua Things for half an hour, their memory watched (MINUTES=30)
# make conformance   the WebSocket cases of RFC 6455 and RFC 7692, with their number
# make hostile   the attacks on whole programs, against optimised ones, with a second for a plain request meanwhile
# make chaos  whole programs killed, halted, cut off and refused the disk, RUNS times from SEED on; failing seeds by name
# make chaos-model  crashes of the store on a model disk, 20 a run
# make chaos-files  transfers both ways while both ends are killed, RUNS of them from SEED on
# make chaos-tunnels  connections through tunnels for SECONDS_ALL while gateway, platform and tool are killed at random, from SEED on
# make bench-tunnels  tunnels beside ssh -L and socat (needs a C compiler, openssh-server, socat, wrk)
# make bench-files  files beside curl through nginx: both ways, small ones, a long way, live requests meanwhile (needs nginx, openssl)
# make fuzz   every fuzz target for SECONDS each, guided by coverage (RUNS=10000000 for a number of inputs, LENGTH=128 for short ones)
# make site   the reference of the library AlwaysOn as web pages, in .build-site (index.html below documentation/alwayson)
# make docs   the reference page, schema and samples of config.json, from the description in the code
# make tsan   all tests under the thread sanitizer
SHELL = /bin/bash -o pipefail
CONFIG ?= debug
JOBS ?= $(shell nproc)
SCRATCH ?= .build
BIN = $(SCRATCH)/$(CONFIG)
BUILD = swift build -j $(JOBS) --scratch-path $(SCRATCH)
PROGRAMS = thingplatform wsems luaScriptResource edgectl

# Tests that would keep others waiting beyond their limits.
HEAVY = Acceptance.Hostile|CheckTests|PackagingTests|FileChaosTests|anyFileBetweenAnyEnds|FuzzTests|InputLimitTests|aThousandThings|textsThatTakeMuchMemory|ChaosTests|StoreModelTests|damageCosts|everythingIsDelivered|expressionsWithoutEnd|PlatformStoreTests

.PHONY: lint format deb dist test-packages site bench-tunnels chaos-tunnels bench-files chaos-files test-console test-api bench-platform chaos chaos-model hostile run test build release bench bench-codec bench-forward bench-calls bench-store soak conformance docs fuzz tsan deps test-deps clean

# DEPS=no: everything is there, as in a container that is being built.
deps:
	@[ "$(DEPS)" = no ] || Scripts/install-deps

test-deps:
	@Scripts/install-deps test

build: deps
	@echo "==> Building ($(CONFIG)); the first time takes some minutes"
	@for program in $(PROGRAMS); do $(BUILD) -c $(CONFIG) --product $$program || exit 1; done

run: build
	@BIN=$(BIN) Examples/demo/run

test: test-deps
	@echo "==> Building programs and tests; the first time takes some minutes"
	@$(BUILD) -c $(CONFIG) --build-tests
	@echo "==> Testing"
	@swift test --skip-build -c $(CONFIG) --scratch-path $(SCRATCH) --skip '$(HEAVY)'
	@echo "==> Testing what takes all of the machine"
	@swift test --skip-build -c $(CONFIG) --scratch-path $(SCRATCH) --filter '$(HEAVY)'

# Everything that has a form of its own: swift format's, and luacheck's.
FORMATTED = Sources Tests Benchmarks Package.swift
lint:
	@swift format lint --strict -r --parallel $(FORMATTED)
	@luacheck -q --no-color Sources/ScriptResource/thingworx Examples

format:
	@swift format -i -r --parallel $(FORMATTED)

# Swift's library is linked in; what nobody calls is left out, function by function (Documentation/operations.md). Folding what is alike (--icf=all) would
# save two megabytes more, and breaks programs: some tell functions by their addresses.
SMALL = --disable-local-rpath -Xswiftc -use-ld=lld -Xlinker --no-export-dynamic -Xlinker -z -Xlinker pack-relative-relocs \
  -Xlinker -z -Xlinker nostart-stop-gc -Xswiftc -Xfrontend -Xswiftc -conditional-runtime-records -Xswiftc -Xfrontend -Xswiftc -function-sections \
  -Xcc -ffunction-sections -Xcc -fdata-sections -Xlinker -s
release: deps
	@echo "==> Building optimised programs"
	@for program in $(PROGRAMS); do $(BUILD) -c release --static-swift-stdlib $(SMALL) --product $$program || exit 1; done

DIST ?= dist
deb: release
	@Packaging/deb/build $(SCRATCH)/release $(DIST)

dist: release
	@Packaging/dist $(SCRATCH)/release $(DIST)

test-packages: deb
	@lintian --fail-on error $(DIST)/*.deb
	@Packaging/deb/test $(DIST)

hostile: release
	@$(BUILD) -c debug --build-tests
	@EDGE_BIN=$(abspath $(SCRATCH))/release swift test --skip-build --scratch-path $(SCRATCH) --filter Hostile

SEED ?= 1
chaos: release
	@$(BUILD) -c debug --build-tests
	@EDGE_BIN=$(abspath $(SCRATCH))/release CHAOS_RUNS=$(if $(filter-out -1,$(RUNS)),$(RUNS),100) CHAOS_SEED=$(SEED) CHAOS_TRACES=$(abspath $(SCRATCH))/chaos \
	  swift test --skip-build --scratch-path $(SCRATCH) --filter ChaosTests | grep -E "chaos:|✔|✘"

chaos-files: release
	@$(BUILD) -c debug --build-tests
	@EDGE_BIN=$(abspath $(SCRATCH))/release FILE_RUNS=$(if $(filter-out -1,$(RUNS)),$(RUNS),200) FILE_SEED=$(SEED) \
	  swift test --skip-build --scratch-path $(SCRATCH) --filter FileChaosTests | grep -E "files:|✔|✘"

chaos-tunnels: release
	@$(BUILD) -c debug --build-tests
	@EDGE_BIN=$(abspath $(SCRATCH))/release TUNNEL_SECONDS=$(or $(SECONDS_ALL),300) TUNNEL_SEED=$(SEED) \
	  swift test --skip-build --scratch-path $(SCRATCH) --filter TunnelChaosTests | grep -E "tunnels:|✔|✘"

# Each run is 20 crashes: RUNS=50000 are a million.
chaos-model: deps
	@EDGE_CHAOS=1 swift build -c release -j $(JOBS) --scratch-path .build-chaos --product edge-chaos
	@.build-chaos/release/edge-chaos $(if $(filter-out -1,$(RUNS)),$(RUNS),1000) $(SEED)

bench: bench-codec release
	@BIN=$(SCRATCH)/release Benchmarks/bind
	@BIN=$(SCRATCH)/release Benchmarks/things
	@BIN=$(SCRATCH)/release Benchmarks/scan

bench-forward: release
	@BIN=$(SCRATCH)/release Benchmarks/forward

bench-calls: release
	@BIN=$(SCRATCH)/release Benchmarks/calls

bench-store: release
	@EDGE_BENCH=1 $(BUILD) -c release --static-swift-stdlib --product store-bench
	@BIN=$(SCRATCH)/release Benchmarks/store append open drain online

VENV = .build-venv
$(VENV):
	@python3 -m venv $(VENV) && $(VENV)/bin/pip install -q selenium axe-selenium-python schemathesis

# SHOTS=DIR keeps the screenshots.
test-console: build $(VENV)
	@BIN=$(BIN) $(VENV)/bin/python Tests/Browser/console.py $(SHOTS)

test-api: build $(VENV)
	@BIN=$(BIN) PATH=$(abspath $(VENV))/bin:$$PATH Tests/Browser/api

bench-platform: release
	@EDGE_BENCH=1 $(BUILD) -c release --product platform-bench
	@BIN=$(SCRATCH)/release Benchmarks/platform

bench-tunnels: release
	@BIN=$(SCRATCH)/release Benchmarks/tunnels

bench-files: release
	@BIN=$(SCRATCH)/release Benchmarks/files

MINUTES ?= 30
soak: release
	@BIN=$(SCRATCH)/release Benchmarks/soak $(MINUTES)

bench-codec: deps
	@cd Benchmarks && swift run -c release -j $(JOBS) codec

conformance: deps
	@$(BUILD) -c $(CONFIG) --build-tests
	@swift test --skip-build -c $(CONFIG) --scratch-path $(SCRATCH) --filter 'WebSocketConformanceTests|UpgradeTests' \
	  | awk '{ print } / passed after / { if (match($$0, /with [0-9]+ test case/)) n += substr($$0, RSTART + 5); else if (/Test .*\(\)/) n++ } \
	         END { print "==> " n " cases" }'

docs: deps
	@$(BUILD) -c $(CONFIG) --product edgectl
	@$(BIN)/edgectl config reference > Documentation/config.md
	@$(BIN)/edgectl config schema > Documentation/config.schema.json
	@Scripts/acceptance > Documentation/acceptance.md
	@Scripts/lua-api page > Documentation/lua-api.md
	@Scripts/lua-api meta > Sources/ScriptResource/thingworx/meta/library.lua
	@for form in minimal complete documented; do $(BIN)/edgectl config $$form > Examples/config/config.json.$$form || exit 1; done

# A warning is a mistake: a name that leads nowhere, a parameter that is not there.
site: deps
	@mkdir -p .build-site
	@EDGE_DOCS=1 swift package --scratch-path .build-docs --allow-writing-to-directory .build-site generate-documentation --target AlwaysOn \
	  --output-path .build-site --transform-for-static-hosting --warnings-as-errors

SECONDS ?= 60
RUNS ?= -1
LENGTH ?= 4096
TARGETS ?= message infotable json deflate table device frames multipart session platform local store form files tunnels lua source scripts
fuzz: deps
	@EDGE_FUZZ=1 swift build -c release -j $(JOBS) --sanitize=fuzzer --scratch-path .build-fuzz --product edge-fuzz
	@for target in $(TARGETS); do \
	  mkdir -p .build-fuzz/corpus/$$target .build-fuzz/findings; \
	  echo "==> $$target"; \
	  SWIFT_BACKTRACE=enable=no EDGE_FUZZ_TARGET=$$target .build-fuzz/release/edge-fuzz .build-fuzz/corpus/$$target Tests/FuzzTests/Corpus/$$target \
	    -max_total_time=$(SECONDS) -runs=$(RUNS) -max_len=$(LENGTH) -timeout=10 -print_final_stats=1 \
	    -artifact_prefix=.build-fuzz/findings/$$target- 2>&1 | grep -E "^stat|^Done|ERROR|Fatal|SUMMARY|artifact" || exit 1; \
	done

tsan: deps
	@swift build --build-tests -j $(JOBS) --sanitize=thread --scratch-path .build-tsan
	@swift test --skip-build --sanitize=thread --scratch-path .build-tsan

clean:
	@rm -rf $(SCRATCH) .build-tsan run
