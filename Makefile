# SPDX-License-Identifier: GPL-2.0-or-later
# A thin front: meson builds, netwb works. `make help` says what there is.

BUILD ?= build
JOBS  ?= $(shell nproc)
TIME  ?= 600
ARGS  ?=

.PHONY: test-mount mount-cost gate gate-selftest compare scripts help \
	deps build bench test check campaign fuzz fuzzers lint report asan \
	tsan clean test-html budgets noise gate-sim

help:
	@echo 'make bench    set up, build, run the quick matrix, write the report'
	@echo 'make test     set up, build, unit and end-to-end tests'
	@echo 'make check    judge the standard plans and the mutants (no timing)'
	@echo 'make campaign durable handles, reset and lost, 50 times each'
	@echo 'make gate     is this build worse than the baseline? 5 to 25 min'
	@echo 'make gate-selftest  the gate green, and red on planted regressions'
	@echo 'make compare ARGS="A B"  two builds, revisions, modes or servers'
	@echo 'make asan     unit and end-to-end tests under ASan and UBSan'
	@echo 'make fuzz     every fuzzer for TIME=600 seconds'
	@echo 'make tsan     the same on the real executor under TSan'
	@echo 'make scripts  500 raw scripts on the fakes and on the real servers'
	@echo 'make noise    record the noise of this machine for gate-sim'
	@echo 'make gate-sim simulate error rates of the gate with that noise'
	@echo 'make budgets  write bench/budgets/ anew, show what changed'
	@echo 'make speed    the reference client against its limits; 12 min, idle'
	@echo 'make pages    instructions and ns a page, small to large files'
	@echo 'make mount-cost idle mount against libfuse passthrough_ll, paired'
	@echo 'make test-mount git, sqlite, tar, stress-ng on the mount, under resets'
	@echo 'make nightly  gate, check, scripts for ARGS="--time 90m", one summary'
	@echo 'make bisect-test  a planted kernel defect, found by git bisect run'
	@echo 'make test-slurm  a campaign as a Slurm job array, on this node'
	@echo 'make sim      simulated worlds: ARGS="--seeds 100000" or "--minutes 10"'
	@echo 'make sim-mutants  each listed defect of the engine is found by a check'
	@echo 'make sim-coverage  branches of lib/netfs that simulation alone takes'
	@echo 'make sim-digests  1,000 seeds, two compilers: the same events'
	@echo 'make sim-flavours  2,000 seeds: hazards of linux-6.12 and 7.2 by name'
	@echo 'make reference  the numbered behaviours of the reference: their tests'
	@echo 'make report   write the newest report again from its run.jsonl'
	@echo 'make test-html  the page in chromium; SHOTS=DIR keeps screenshots'
	@echo 'make fio-engine build the external fio engine (docs/fio.md)'
	@echo 'make test-engine  it, on both servers, with a fault below'
	@echo 'make build    only build, into $$BUILD (default: build)'
	@echo 'ARGS="..."    is handed to netwb'

deps:
	@scripts/install-deps

$(BUILD)/build.ninja:
	@meson setup $(BUILD) -Dwerror=$(if $(CI),true,false) >/dev/null

build: deps $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j $(JOBS) --quiet

bench: build
	@$(BUILD)/bench/netwb bench $(ARGS)

check: build
	@$(BUILD)/bench/netwb check $(ARGS)

campaign: build
	@tests/e2e/handles.sh $(BUILD) 50

gate: build
	@$(BUILD)/bench/netwb gate $(ARGS)

gate-selftest: build
	@scripts/gate-selftest $(BUILD) $(ARGS)

compare: build
	@$(BUILD)/bench/netwb compare $(ARGS)

.PHONY: nightly test-slurm
nightly: build
	@ci/nightly --build $(BUILD) $(ARGS)

# Slurm is not among the packages of scripts/install-deps: it says what it wants.
test-slurm: build
	@tests/e2e/slurm.sh $(BUILD)

.PHONY: sim sim-mutants sim-digests sim-coverage sim-flavours reference
sim: build
	@$(BUILD)/bench/netwb sim $(ARGS)

sim-mutants: deps
	@[ -e $(BUILD)-mutants/build.ninja ] || \
		meson setup $(BUILD)-mutants -Dmutants=true >/dev/null
	@ninja -C $(BUILD)-mutants -j $(JOBS) --quiet bench/netwb
	@$(BUILD)-mutants/bench/netwb sim --mutant all $(ARGS)

sim-coverage: deps
	@scripts/sim-coverage $(BUILD) $(ARGS)

sim-digests: build
	@scripts/sim-digests $(BUILD) $(ARGS)

sim-flavours: build
	@code=0; for f in linux-6.12 linux-7.2; do \
		$(BUILD)/bench/netwb sim --flavour $$f \
			$(or $(ARGS),--seeds 2000) || code=1; \
	done; exit $$code

reference: build
	@scripts/reference-table $(BUILD) $(ARGS)

report: build
	@$(BUILD)/bench/netwb report $(ARGS)

# The mutants live in a build of their own: no other binary has them in it.
test: build
	@[ -e $(BUILD)-mutants/build.ninja ] || \
		meson setup $(BUILD)-mutants -Dmutants=true >/dev/null
	@ninja -C $(BUILD)-mutants -j $(JOBS) --quiet bench/netwb \
		faults/libnwb-shim.so
	@$(MAKE) --no-print-directory fuzzers
	@scripts/run-tests $(BUILD) $(BUILD)-mutants:mutants $(BUILD)-fuzz:fuzz

# libFuzzer comes with clang; where there is none, run-tests counts a skip.
fuzzers:
	@[ -e $(BUILD)-fuzz/build.ninja ] || ! command -v clang >/dev/null || \
		CC=clang meson setup $(BUILD)-fuzz -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false >/dev/null
	@[ ! -e $(BUILD)-fuzz/build.ninja ] || \
		ninja -C $(BUILD)-fuzz -j $(JOBS) --quiet fuzzers

fuzz: deps fuzzers
	@scripts/fuzz $(BUILD)-fuzz $(TIME)

test-html: build
	@tests/e2e/html.sh $(BUILD) $(SHOTS)

# On an idle machine: this build against itself, some 15 minutes.
noise: build
	@$(BUILD)/bench/netwb gate --record-noise tests/data/noise/quiet.txt \
		--pairs 60 --budget 60m $(ARGS)

gate-sim: build
	@[ -e tests/data/noise/quiet.txt ] || \
		{ echo 'no tests/data/noise/quiet.txt: make noise'; exit 2; }
	@$(BUILD)/tests/gate_sim/gate_sim $(ARGS) tests/data/noise/quiet.txt

budgets: build
	@tests/budgets/update.sh $(BUILD)

# The engine stands on the source package of the installed fio.
fio-engine:
	@scripts/fio-engine

test-engine: build
	@tests/e2e/fio-engine.sh $(BUILD)

.PHONY: speed pages
speed: build
	@bench/speed $(BUILD) $(ARGS)

pages: build
	@tests/budgets/pages.sh $(BUILD)/tests/budgets/pages

mount-cost: build
	@bench/mount-cost $(BUILD)

.PHONY: bisect-test
bisect-test: build
	@scripts/bisect-test $(BUILD) $(ARGS)

test-mount: build
	@tests/e2e/mount-long.sh $(BUILD)

scripts: build
	@NWB_SCRIPTS=500 meson test -C $(BUILD) --no-rebuild --print-errorlogs \
		--num-processes 1 --timeout-multiplier 4 scripts-smb2 scripts-9p

asan: deps
	@[ -e build-asan/build.ninja ] || meson setup build-asan \
		-Db_sanitize=address,undefined -Db_lundef=false >/dev/null
	@ninja -C build-asan -j $(JOBS) --quiet
	@scripts/run-tests build-asan

tsan: deps
	@[ -e build-tsan/build.ninja ] || meson setup build-tsan \
		-Db_sanitize=thread -Db_lundef=false >/dev/null
	@ninja -C build-tsan -j $(JOBS) --quiet
	@scripts/run-tests build-tsan

clean:
	rm -rf $(BUILD) $(BUILD)-mutants $(BUILD)-fuzz $(BUILD)-coverage build-asan build-tsan
