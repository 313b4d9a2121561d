# SPDX-License-Identifier: BSD-2-Clause
#
# The front door.  Meson does the building; this file says what there is to do.
#
#   make            build build/culvert
#   make run        install what is missing, make a configuration and a first client, run the gateway
#   make demo       a client, a gateway and an internet on this machine, without root
#   make test       everything that CI runs; the last line counts
#   make soak       the tests whose purpose is to take long
#   make fuzz       every fuzz target for 60 seconds
#   make bench      throughput against wireguard-go with kernel NAT, in one run
#   make install    to PREFIX (/usr/local), honours DESTDIR
#   make clean
.POSIX:

BUILD = build
PREFIX = /usr/local

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) culvert

$(BUILD)/build.ninja:
	@tools/install-dependencies build
	meson setup $(BUILD) --prefix=$(PREFIX) -Dtests=false

run: all
	@tools/run-gateway $(BUILD)/culvert

demo: all
	@tools/install-dependencies test
	@CULVERT=$(BUILD)/culvert tests/net/demo.sh

test:
	@tools/install-dependencies test
	@tools/run-tests

soak:
	@tools/install-dependencies test
	@tools/run-tests soak

fuzz:
	@tools/run-fuzz 60

bench: all
	@tools/install-dependencies test
	@ninja -C $(BUILD) bench/blast
	@CULVERT=$(BUILD)/culvert BLAST=$(BUILD)/bench/blast bench/run

# The prefix may be another one than that of the build, which the service's unit names.
install: all
	@meson introspect $(BUILD) --buildoptions | grep -q '"name": "prefix", "value": "$(PREFIX)"' || \
		{ meson configure $(BUILD) -Dprefix=$(PREFIX) && ninja -C $(BUILD) culvert; }
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) build-test build-asan build-tsan build-fuzz

.PHONY: all run demo test soak fuzz bench install clean
