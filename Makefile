# The commands of README.md; everything they need is installed on first use.
#   make                      the programs
#   make demo                 the main job, end to end on real data
#   make test                 all tests
#   make check                the layout of the sources, and clang-tidy on what changed
#   make sanitize             tests of the daemon under address, undefined behaviour and thread sanitizers
#   make fuzz [SECONDS=60]    made-up bytes for every parser of bytes from outside
#   make docs                 writes the pages of docs/reference that come from declarations
#   make bench [SUITE=train]  figures beside rivals (train infer loader api serving)

BUILD ?= build/release
JOBS ?= $(shell nproc)
SECONDS ?= 60

.PHONY: all demo docs tests test check sanitize fuzz bench install clean

all: install
	@cmake --preset release -B $(BUILD) > /dev/null
	@cmake --build $(BUILD) -j $(JOBS)

install:
	@tools/install

demo: all
	@examples/fashion_mnist/demo $(BUILD)/bin

docs: all
	@$(BUILD)/bin/reference docs/reference

tests: all
	@cmake --build $(BUILD) -j $(JOBS) --target tests

test: tests
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

check:
	@tools/install tools/packages-check.txt
	@tools/check

sanitize: install
	@JOBS=$(JOBS) tests/sanitize

fuzz: install
	@tools/install tools/packages-fuzz.txt
	@cmake --preset fuzz > /dev/null
	@cmake --build build/fuzz -j $(JOBS) --target fuzz
	@tests/fuzz/run build/fuzz/bin/fuzz $(SECONDS)

bench: all
	@bench/run $(BUILD)/bin $(SUITE)

clean:
	rm -rf build
