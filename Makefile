# Short names for what is done often. Each target installs the Debian packages that it needs and that are missing
# (scripts/packages.txt). Without make, CMake's presets do the same: cmake --preset release, see CMakePresets.json.

export KEEP
# What one clone compiled serves the next one.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

PREFIX ?= /usr/local
WERROR ?= OFF
CCACHE := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
CONFIGURE = cmake --log-level=WARNING -DEVENTY_WARNINGS_AS_ERRORS=$(WERROR) $(CCACHE)

FUZZ_SECONDS ?= 10

.PHONY: build demo test ledger asan tsan clang fuzz bench format lint install clean help
.DEFAULT_GOAL := build

build: ## the library, the eventy command and the examples, in build/release
	@scripts/install-packages.sh build
	@$(CONFIGURE) --preset release -DEVENTY_BUILD_TESTS=OFF
	@cmake --build --preset release

demo: ## publish real earthquakes and process them in two worker processes
	@scripts/install-packages.sh build demo
	@$(CONFIGURE) --preset release -DEVENTY_BUILD_TESTS=OFF
	@cmake --build --preset release --target eventy_tool
	@scripts/demo.sh build/release/tools/eventy/eventy

test: ## build everything and run every test
	@scripts/install-packages.sh build test
	@$(CONFIGURE) --preset release -DEVENTY_BUILD_TESTS=ON -DEVENTY_BUILD_BENCHMARKS=ON
	@cmake --build --preset release
	@ctest --preset release

ledger: ## the proof: a minute of kills, cuts and crashes, then every event is accounted for (docs/ledger.md)
	@scripts/install-packages.sh build test
	@$(CONFIGURE) --preset release -DEVENTY_BUILD_TESTS=ON
	@cmake --build --preset release --target eventy_ledger
	@build/release/tests/ledger/eventy_ledger $(LEDGER)

asan tsan: ## the tests under AddressSanitizer and UBSan (by clang 19), or ThreadSanitizer
	@scripts/install-packages.sh build test ci
	@$(CONFIGURE) --preset $@
	@cmake --build --preset $@
	@scripts/sanitized.sh ctest --preset $@

clang: ## the tests, built by clang 19
	@scripts/install-packages.sh build test ci
	@$(CONFIGURE) --preset clang
	@cmake --build --preset clang
	@ctest --preset clang

fuzz: ## run each fuzzer for FUZZ_SECONDS, 10 if you do not say
	@scripts/install-packages.sh build ci
	@$(CONFIGURE) --preset fuzz
	@cmake --build --preset fuzz
	@scripts/fuzz.sh $(FUZZ_SECONDS)

bench: ## build and run the benchmarks (bench/README.md)
	@scripts/install-packages.sh build test
	@$(CONFIGURE) --preset release -DEVENTY_BUILD_TESTS=ON -DEVENTY_BUILD_BENCHMARKS=ON
	@cmake --build --preset release --target eventy_bench
	@build/release/bench/eventy_bench
	@bench/first_program.sh

format: ## rewrite the sources in the project's format
	@scripts/install-packages.sh ci
	@scripts/format.sh

lint: ## clang-tidy, and every public header on its own
	@scripts/install-packages.sh build test ci
	@$(CONFIGURE) --preset clang
	@scripts/check-headers.sh
	@scripts/tidy.sh

install: build ## into PREFIX, /usr/local if you do not say
	@cmake --install build/release --prefix "$(PREFIX)"

clean: ## remove everything that was built
	@rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z ]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
