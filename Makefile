# `make help` lists the targets. V=1 shows the commands, INSTALL=1 installs packages.

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

# Of whatever runs npm below: a registry that is too busy is asked again, five times in a minute.
export npm_config_fetch_retries := 5
export npm_config_fetch_retry_mintimeout := 2000
export npm_config_fetch_retry_maxtimeout := 20000

# Only `deps` and the two commands of the README's first screen install packages
# of the system. Other targets say what is missing, unless they have INSTALL=1.
export INSTALL := $(if $(filter deps snoop test,$(MAKECMDGOALS)),1,$(INSTALL))
install_packages = sh scripts/install-packages.sh $(if $(INSTALL),,--check)

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
# The newest, which takes a seventh of the time of `typescript`: that one is for eslint and jest,
# which call it as a library.
TSC := node node_modules/typescript-7/bin/tsc

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
  # `make test` runs them under sanitizers only.
  NATIVE_TESTS := $(NATIVE_TEST)-asan $(NATIVE_TEST)-tsan
  NATIVE_TEST_SOURCES += $(wildcard native/core/*.cc)
endif
BENCH_BPF_OBJECT := build/bench/bpf/large.bpf.o
# In C; the other peers are built in a root with Debian's newest packages.
PEER_PROGRAMS := $(patsubst bench/peers/%.c,build/bench/peers/%,$(wildcard bench/peers/*.c))
PEER_ROOT := .cache/peers/root

# The addon once more under each sanitizer, in a package root of its own: links
# to the sources around a build/.
SANITIZERS := asan tsan
SANITIZED_ADDONS := $(SANITIZERS:%=build/%/$(ADDON))
# Without optimization it compiles in less than half the time, and the tests take as long.
SANITIZE_asan := -O0 -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_tsan := -fsanitize=thread

# Directories of TypeScript programs, and the file that says when each was compiled.
TS_DIRS := $(patsubst %/,%,$(sort $(dir $(wildcard examples/*.ts bench/*.ts test/stress/*.ts test/life/*.ts test/fuzz/*.ts))))
ts_built = $(patsubst %,build/%/.tsc,$(filter $(1),$(TS_DIRS)))

##@ Build
.PHONY: build
build: $(ADDON) $(BPF_OBJECTS) package $(call ts_built,examples) ## the addon, the BPF objects, dist/ and the examples (default)

.PHONY: deps
deps: packages $(NODE_MODULES) ## install what is missing: Debian packages, node_modules

.PHONY: typescript package
typescript: dist/index.js ## dist/ alone
# Those of the examples are kept here, for those who read them: `lint` checks that they are current.
MODULES := $(filter-out doctor,$(patsubst bpf/%.bpf.c,%,$(wildcard bpf/*.bpf.c)))
.PHONY: modules check-modules
modules: typescript $(ADDON) $(BPF_OBJECTS) ## the examples' typed modules, of their objects
	$(Q)for name in $(MODULES); do node dist/cli/main.js gen build/bpf/$$name.bpf.o -o examples/$$name.bpf.ts || exit 1; done
check-modules: typescript $(ADDON) $(BPF_OBJECTS)
	$(call say,CHECK,examples/*.bpf.ts)
	$(Q)for name in $(MODULES); do node dist/cli/main.js gen build/bpf/$$name.bpf.o -o examples/$$name.bpf.ts --check || exit 1; done

# Users have no clang: the doctor's program and the tools are shipped as they were compiled.
package: typescript dist/bpf/doctor.bpf.o dist/tools/.copied
# Those of the examples that are tools say so.
TOOLS := $(patsubst examples/%.ts,%,$(shell grep -l '^export const tool = ' examples/*.ts))

.PHONY: clean
clean: ## remove what was built
	$(Q)rm -rf build dist prebuilds

##@ Run
.PHONY: doctor
doctor: build ## what this machine can do with BPF, and a proof; ARGS=--json (root)
	@node dist/cli/main.js doctor $(ARGS)

.PHONY: snoop
snoop: build ## install what is missing, print each program that this machine executes (root)
	@node build/examples/exec-snoop.js $(ARGS)

.PHONY: single-executable
single-executable: build $$(OWN_PREBUILT) ## build/single-executable/agent: Node, a program, its BPF object and the addon in one file
	@node test/install/single-executable.mjs build/single-executable/agent

.PHONY: bench bench-quick
bench: build-bench ## consumers in C and in JavaScript on the same rows, ARGS=--write (root, 20 minutes)
	@node build/bench/bench.js $(ARGS)
bench-quick: build-bench ## the same, fewer rows and rounds
	@node build/bench/bench.js --quick $(ARGS)

.PHONY: compare compare-quick
compare: build-bench ## ring buffer against perf buffer, ARGS=--write (root, 5 minutes)
	@node build/bench/compare/compare.js $(ARGS)
compare-quick: build-bench ## the same, fewer rounds
	@node build/bench/compare/compare.js --quick $(ARGS)

.PHONY: bench-start-up
bench-start-up: build-bench build/bench/native/start_up_prebuilt ## an agent's start and memory against C (root)
	@node build/bench/start-up.js $(ARGS)

.PHONY: bench-peers peer-root
bench-peers: build-bench $(PEER_PROGRAMS) peer-root ## against Go, Rust, Python and bpftrace, ARGS=--quick (root)
	@node build/bench/peers/peers.js $(ARGS)
# Where it cannot be made its peers are left out, and the bench says so.
peer-root:
	@$(MAKE) --no-print-directory $(PEER_ROOT)/versions || true

.PHONY: stress soak
stress: build-tests ## lose no record uncounted for DURATION=60 seconds (root)
	@node --expose-gc build/test/stress/stress.js --duration $(DURATION) $(ARGS)
soak: build-tests ## ring, perf, workers, throws and stalls at once: all counted, memory flat (root)
	@node --expose-gc build/test/stress/soak.js --duration $(DURATION) $(ARGS)

##@ Test
.PHONY: test
test: build build-tests build-bench $(NATIVE_TESTS) | test-packages ## install what is missing, run every test; REQUIRE_BPF=1: a skipped test is a failure
	@node scripts/run-tests.mjs $(NATIVE_TESTS)

.PHONY: test-unit test-integration test-process test-examples
test-unit: $(NODE_MODULES) $(ADDON) ## TypeScript alone, no root; ARGS='-t NAME'
test-integration: build build-tests ## against the kernel (root)
test-process: build build-tests ## whole processes: exit, worker threads, GC (root)
test-examples: build build-test-programs | test-packages ## each tool of examples/ against an independent source (root)
test-unit test-integration test-process test-examples: test-%:
	@$(BIN)/jest --runInBand --selectProjects $* $(ARGS)

.PHONY: test-container
test-container: build build-tests | container-packages ## in containers, by what they are allowed; ARGS='--cell NAME' (root)
	@node test/container/run.mjs $(ARGS)

.PHONY: test-native
test-native: $(NATIVE_TEST) ## the native code that needs no Node
	$(if $<,@$<)

.PHONY: test-types
test-types: typescript ## the declared types, as a user's compiler sees them
	$(call say,TSC,test/types)
	$(Q)$(TSC) --noEmit -p test
	$(Q)$(TSC) --noEmit -p test/types/tsconfig.json
	$(Q)node node_modules/typescript/bin/tsc --noEmit -p test/types/bundler/tsconfig.json
	$(Q)node node_modules/typescript-5.2/bin/tsc --noEmit -p test/types/oldest/tsconfig.json

.PHONY: sanitize
sanitize: build-tests $(NATIVE_TESTS) $(if $(findstring quick,$(ARGS)),$(firstword $(SANITIZED_ADDONS)),$(SANITIZED_ADDONS)) ## native, integration and process tests under ASan, UBSan and TSan (root)
	@node test/sanitize/run.mjs $(ARGS)

.PHONY: faults
faults: build build-tests build/faults/interpose.so ## system calls and Node-API calls that fail, one at a time, ARGS=--quick (root)
	@node test/faults/run.mjs $(ARGS)

.PHONY: test-nodes
test-nodes: build build-tests ## one build in Node 20, 22, 24, 26, Bun and Deno, ARGS='--quick' or '--write' (root)
	@node test/nodes/run.mjs $(ARGS)

# The short form takes the addon of build/.
INSTALLED = $(if $(findstring quick,$(ARGS)),,prebuilds $(QEMU_USER) $(ARM64_NPM))
.PHONY: test-install
test-install: build $$(INSTALLED) | install-packages ## installed as users do, bundled, on a bare Debian; ARGS='--quick' or "--cell 'NAME'" (root)
	@node test/install/run.mjs $(ARGS)

.PHONY: fuzz
fuzz: build build-tests build-bench $(call ts_built,test/fuzz) ## damaged input, and readers in any order of calls; ARGS=--quick, --long (a million of BTF), --seed N
	@node build/test/fuzz/test/fuzz/fuzz.js --duration $(DURATION) $(ARGS)

# With the compilers for BPF that are installed: clang-N, the newest and the oldest, and bpf-gcc.
.PHONY: interop
interop: $(NODE_MODULES) $(ADDON) ## random C structs by several compilers: as C reads them; STRUCTS=10000, SEED=N
	@INTEROP_STRUCTS=$(or $(STRUCTS),10000) $(BIN)/jest --selectProjects unit --testPathPatterns='unit/interop.test' $(ARGS)

.PHONY: model
model: | model-packages ## the hand-off between the threads: a search of all its states; ARGS=--quick
	@node test/model/run.mjs $(ARGS)

.PHONY: build-tests build-test-programs build-native-tests build-bench
build-tests: $(ADDON) package build-test-programs $(call ts_built,test/stress test/life)
build-test-programs: $(TEST_BPF_OBJECTS) $(TEST_PROGRAMS)
build-native-tests: $(NATIVE_TESTS)
build-bench: build build-test-programs $(BENCH_PROGRAMS) $(BENCH_ADDON) $(BENCH_BPF_OBJECT) $(call ts_built,bench)

##@ Check
C_SOURCES := $(wildcard $(foreach d,native/binding native/core test/native test/sanitize test/faults test/install bench/native bench/peers bpf bpf/include test/bpf,$d/*.c $d/*.cc $d/*.h))
TIDY_STAMPS := $(patsubst native/%.cc,build/tidy/%,$(wildcard native/*/*.cc))
# The analyzer walks every path, which takes as long again: `lint` has it for the
# sources that a record passes, `make analyze` for all.
ANALYZED_STAMPS := $(TIDY_STAMPS:build/tidy/%=build/analyzed/%)
ANALYZED := $(patsubst %,build/tidy/core/%,poller coalescer batch ring_source perf_source)

.PHONY: lint
lint: eslint wings prettier check-modules documents api-check core-alone clang-format clang-tidy shellcheck publint test-types ## every linter

.PHONY: eslint
eslint: typescript
	$(call say,ESLINT,.)
	$(Q)$(BIN)/eslint --max-warnings 0 .

# The order of lib's wings, and no circles.
.PHONY: wings
wings: $(NODE_MODULES)
	$(call say,CRUISE,lib)
	$(call quietly,$(BIN)/depcruise lib --config .dependency-cruiser.mjs)

# What is public, as it is committed: a change of it shows in a diff, or is refused here.
API := $(BIN)/api-extractor run -c etc/api-extractor.json
.PHONY: api api-check
api: typescript ## etc/bpf-ringbuf.api.md, the report of the public API
	$(call say,API,etc)
	$(call quietly,$(API) --local)
api-check: typescript
	$(call say,CHECK,etc/bpf-ringbuf.api.md)
	$(call quietly,mkdir -p build/api && $(API) || { diff -u etc/bpf-ringbuf.api.md build/api/bpf-ringbuf.api.md; \
	  echo "The public API has changed: if that was meant run make api and say so in CHANGELOG.md"; false; })

.PHONY: prettier
prettier: $(NODE_MODULES)
	$(call say,PRETTIER,.)
	$(Q)$(BIN)/prettier --check --log-level warn .

# Neither Node-API nor what includes it; test-native compiles it without their paths.
.PHONY: core-alone
core-alone: $(wildcard native/core/*)
	$(call say,CHECK,native/core is without Node-API)
	$(Q)! grep -nE '#include [<"]((js_native_|node_)api|napi|node|uv|v8|binding/)' $^

.PHONY: documents
documents: | $(NODE_MODULES)
	$(call say,CHECK,*.md)
	$(Q)node scripts/check-documents.mjs

.PHONY: clang-format
clang-format: | lint-packages
	$(call say,FORMAT,native bpf test bench)
	$(Q)clang-format --dry-run -Werror $(C_SOURCES)

.PHONY: clang-tidy analyze
clang-tidy: $(TIDY_STAMPS)
analyze: $(ANALYZED_STAMPS) ## clang's analyzer over all of native/

.PHONY: shellcheck
shellcheck: | lint-packages
	$(call say,CHECK,scripts test bench packaging .ci)
	$(Q)shellcheck scripts/*.sh test/*/*.sh bench/*/*.sh packaging/*.sh .ci/run

.PHONY: publint
publint: package
	$(call say,PUBLINT,package.json)
	$(call quietly,$(BIN)/publint --strict --pack npm)

.PHONY: pictures
pictures: build build-test-programs ## docs/NAME.svg, of what each tool shows in a terminal (root)
	@PICTURES=1 $(BIN)/jest --runInBand --selectProjects examples -t 'fits a terminal' $(ARGS)

.PHONY: docs
docs: site/$(NODE_MODULES) $(NODE_MODULES) ## build/site: the documents as a site, with the reference of what is exported
	$(call say,TYPEDOC,lib/index.ts)
	@rm -rf build/site build/site-pages && mkdir -p build && cp -r docs build/site-pages && cp site/index.md build/site-pages
	$(call quietly,site/$(BIN)/typedoc --options site/typedoc.json)
	$(call say,SITE,build/site)
	$(call quietly,site/$(BIN)/vitepress build site)
	$(Q)node site/check-links.mjs build/site

.PHONY: docs-screens
docs-screens: ## look at the pages of `make docs` in chromium at two widths; ARGS='PAGE…': photographs
	@node site/screens.mjs build/site build/screens $(ARGS)

# Of the site alone: `npm ci` of the project does without.
site/$(NODE_MODULES): site/package-lock.json | packages
	$(call say,NPM,site)
	$(call quietly,npm ci --prefix site --ignore-scripts --no-audit --no-fund)
	@touch $@

.PHONY: format
format: $(NODE_MODULES) | lint-packages ## rewrite the sources as the formatters want them
	$(Q)$(BIN)/prettier --write --log-level warn .
	$(Q)clang-format -i $(C_SOURCES)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^##@/ { printf "%s%s\n", sep, substr($$0, 5); sep = "\n" } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(filter-out %.d,$(MAKEFILE_LIST))

# Order-only: asked in every run, and rebuilds nothing.
.PHONY: packages lint-packages model-packages kernels-packages arm64-packages container-packages install-packages test-packages
packages:
	@$(install_packages)
lint-packages model-packages kernels-packages arm64-packages container-packages install-packages test-packages: %-packages: | packages
	@$(install_packages) --$*
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

# Their stacks are looked at.
$(TEST_PROGRAMS): CFLAGS += -fno-omit-frame-pointer
$(TEST_PROGRAMS): build/test/%: test/native/%.c | packages
$(BENCH_PROGRAMS): build/bench/native/%: bench/native/%.c | packages
$(PEER_PROGRAMS): build/bench/peers/%: bench/peers/%.c | packages
$(TEST_PROGRAMS) $(BENCH_PROGRAMS) $(PEER_PROGRAMS):
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(C_WARNINGS) $(LIBBPF_CFLAGS) -MMD -MP -MF $@.d $< -o $@ $(LIBBPF_LIBS) -lpthread

# One with the libbpf of the prebuilt addon.
build/bench/native/start_up_prebuilt: build/bench/native/%_prebuilt: bench/native/%.c $$(OWN_PREBUILT)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(C_WARNINGS) -I$(OWN_BUILT)/include $< -o $@ $(addprefix $(OWN_BUILT)/,libbpf.a libelf.a libz.a)

# binding.gyp is the package's; this one is no part of it.
$(BENCH_ADDON): bench/native/bench_addon.cc build/Makefile
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 -O2 -fPIC -shared $(C_WARNINGS) $(LIBBPF_CFLAGS) -DNAPI_VERSION=8 \
	  -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS -isystem node_modules/node-addon-api -isystem $(NODEDIR)/include/node \
	  $< -o $@ $(LIBBPF_LIBS) -lpthread

# A large object; not stripped, as its size is what counts.
$(BENCH_BPF_OBJECT): bench/bpf/large.sh | packages
	$(call say,CLANG,$@)
	@mkdir -p $(@D)
	$(Q)sh $< 2300 >$(@:.o=.c)
	$(Q)$(CLANG) -g $(BPF_CFLAGS) -c $(@:.o=.c) -o $@

# Debian's unstable release, unpacked and not installed; the same kernel runs it.
PEER_PACKAGES := base-files base-passwd dash coreutils libc-bin gcc libc6-dev pkg-config libbpf-dev \
  golang-go golang-github-cilium-ebpf-dev cargo librust-libbpf-rs-dev librust-aya-dev python3-bpfcc bpftrace
$(PEER_ROOT): | packages
	$(call say,APT,$@)
	$(Q)sh scripts/fetch-debs.sh "$$(dpkg --print-architecture)" sid $@ . $(PEER_PACKAGES) >/dev/null

$(PEER_ROOT)/versions: $(wildcard bench/peers/*.go bench/peers/*.py bench/peers/*.sh bench/peers/rust/* bench/peers/rust/src/*) | $(PEER_ROOT)
	$(call say,PEERS,$(PEER_ROOT))
	$(call quietly,sh bench/peers/build-in-root.sh $(PEER_ROOT))

$(NATIVE_TEST)-asan: build/asan/fault.o
$(NATIVE_TEST)-tsan: build/tsan/fault.o
$(NATIVE_TEST) $(NATIVE_TESTS): $(NATIVE_TEST_SOURCES) $(wildcard native/core/*.h test/native/*.h) | packages
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(CXXFLAGS) $(C_WARNINGS) $(SANITIZE_$(@:$(NATIVE_TEST)-%=%)) -Inative $(LIBBPF_CFLAGS) \
	  $(filter %.cc %.o,$^) -o $@ $(LIBBPF_LIBS) -lpthread

build/faults/interpose.so: test/faults/interpose.cc | packages
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(CXXFLAGS) $(C_WARNINGS) -fPIC -shared $< -o $@ -ldl

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

dist/index.js: tsconfig.json scripts/bundle.mjs $(wildcard lib/*.ts lib/*/*.ts) $(NODE_MODULES)
	$(call say,TSC,dist)
	@rm -rf dist
	$(Q)$(TSC) -p tsconfig.json
	$(Q)node scripts/bundle.mjs
	@chmod +x dist/cli/main.js
	@touch $@

dist/bpf/%: build/bpf/% dist/index.js
	@mkdir -p $(@D)
	@cp $< $@

build/examples/.tsc: build/examples/kit/flame-graph.html
build/examples/kit/flame-graph.html: scripts/flame-graph.mjs $(wildcard examples/kit/flame-graph.*) $(NODE_MODULES)
	$(call say,BUNDLE,$@)
	$(Q)node scripts/flame-graph.mjs $@

dist/tools/.copied: build/examples/.tsc $(TOOLS:%=build/bpf/%.bpf.o)
	@rm -rf $(@D) && mkdir -p $(@D)/kit
	@cp build/examples/kit/*.js build/examples/kit/*.html $(@D)/kit/
	@for name in $(TOOLS); do cp build/examples/$$name.js build/examples/$$name.bpf.js build/bpf/$$name.bpf.o $(@D)/; done
	@touch $@

$(TS_DIRS:%=build/%/.tsc): build/%/.tsc: $$(wildcard $$*/*.ts $$*/*/*.ts) $$*/tsconfig.json dist/index.js
	$(call say,TSC,build/$*)
	$(Q)$(TSC) -p $*
	@touch $@

# Without the analyzer, but for ANALYZED.
$(filter-out $(ANALYZED),$(TIDY_STAMPS)): TIDY_CHECKS := --checks=-clang-analyzer-*
TIDY_PREREQUISITES := native/.clang-tidy $(filter %.h,$(NATIVE_SOURCES)) build/Makefile
define run_clang_tidy
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(call quietly,clang-tidy --quiet $(TIDY_CHECKS) $< -- -std=c++17 $(C_WARNINGS) -Inative $(LIBBPF_CFLAGS) \
	  -DNAPI_VERSION=8 -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS -DNODE_ADDON_API_DISABLE_DEPRECATED \
	  -isystem node_modules/node-addon-api \
	  -isystem $(NODEDIR)/include/node)
	@touch $@
endef
$(TIDY_STAMPS): build/tidy/%: native/%.cc $(TIDY_PREREQUISITES) | lint-packages
	$(run_clang_tidy)
$(ANALYZED_STAMPS): build/analyzed/%: native/%.cc $(TIDY_PREREQUISITES) | lint-packages
	$(run_clang_tidy)

build/test/fuzz/.tsc: $(wildcard test/unit/*.ts)
build/test/life/.tsc: $(wildcard test/*.ts)
build/bench/.tsc: test/stress/options.ts

# An image of a container is built without them.
-include test/kernels/kernels.mk test/libbpf/libbpf.mk packaging/prebuilds.mk packaging/release.mk

-include $(wildcard build/bpf/*.d build/bpf/test/*.d build/test/*.d build/bench/native/*.d build/bench/peers/*.d build/arm64/bpf/test/*.d)
