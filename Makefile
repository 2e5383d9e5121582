# The commands of README.md; everything they need is installed on first use.
#   make                      the programs
#   make demo                 the main job, end to end on real data
#   make test                 all tests
#   make docs                 writes the pages of docs/reference that come from declarations
#   make bench [SUITE=train]  figures beside rivals (train infer loader api serving)

BUILD ?= build/release
JOBS ?= $(shell nproc)

.PHONY: all demo docs tests test bench install clean

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

bench: all
	@bench/run $(BUILD)/bin $(SUITE)

clean:
	rm -rf build
